// The shapes that operators give which move, add, drop and cut axes.
#include "graph/torchscript/shape_rules.h"

namespace mgit::torchscript {

namespace {

using interpreter::axis_of;
using interpreter::Call;
using interpreter::require;

const Shape& self(const Call& call) { return call.tensor("self").shape; }

std::size_t axis(const Call& call, const char* name, std::int64_t otherwise) {
  const std::size_t result = axis_of(call.integer(name, otherwise), self(call).size());
  require(result < self(call).size(), "an axis out of range");
  return result;
}

Shape without(Shape shape, std::size_t axis) {
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return shape;
}

Shapes permute(const Call& call) {
  const std::vector<std::size_t> order =
      interpreter::axes_of(call.integers("dims"), self(call).size());
  require(order.size() == self(call).size(), "another number of axes");
  Shape shape;
  for (const std::size_t from : order) shape.push_back(self(call)[from]);
  return {shape};
}

Shapes transpose(const Call& call) {
  const bool named = call.node().find("axis0") != nullptr;
  Shape shape = self(call);
  if (shape.empty()) return {};
  std::swap(shape[axis(call, named ? "axis0" : "dim0", 0)],
            shape[axis(call, named ? "axis1" : "dim1", 0)]);
  return {shape};
}

Shapes unsqueeze(const Call& call) {
  Shape shape = self(call);
  const std::size_t at = axis_of(call.integer("dim"), shape.size() + 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at), 1);
  return {shape};
}

Shapes select(const Call& call) { return {without(self(call), axis(call, "dim", 0))}; }

/// Pairs of real numbers along the last axis as complex ones.
Shapes view_as_complex(const Call& call) {
  require(!self(call).empty() && self(call).back() == 2, "an axis that is no pair");
  return {without(self(call), self(call).size() - 1)};
}

Shapes view_as_real(const Call& call) {
  Shape shape = self(call);
  shape.push_back(2);
  return {shape};
}

/// From "start" to "end", which count from the end if negative and may lie outside.
Shapes slice(const Call& call) {
  Shape shape = self(call);
  std::uint64_t& length = shape.at(axis(call, "dim", 0));
  require(length < (std::uint64_t{1} << 62), "an axis that is too long");
  const auto size = static_cast<std::int64_t>(length);
  const auto bound = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t at = call.integer(name, otherwise);
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const std::int64_t step = call.integer("step", 1);
  require(step > 0, "a step that is not forwards");
  const std::int64_t room = std::max<std::int64_t>(bound("end", size) - bound("start", 0), 0);
  length = static_cast<std::uint64_t>(room / step + (room % step != 0 ? 1 : 0));
  return {shape};
}

Shapes expand(const Call& call) {
  const Shape& from = self(call);
  const interpreter::Integers sizes = call.integers("size");
  require(sizes.size() >= from.size(), "an expansion to fewer axes");
  Shape shape;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool fresh = i < sizes.size() - from.size();
    const std::uint64_t old = fresh ? 1 : from[i - (sizes.size() - from.size())];
    require(sizes[i] >= 0 || (sizes[i] == -1 && !fresh), "a size that is negative");
    shape.push_back(sizes[i] < 0 ? old : static_cast<std::uint64_t>(sizes[i]));
    require(old == 1 || old == shape.back(), "an expansion of an axis that has a length");
  }
  return {shape};
}

Shapes concatenated(const Call& call) {
  Shapes shapes;
  for (const interpreter::Array* each : call.tensors("tensors")) {
    require(each != nullptr, "None in a list of tensors");
    if (each->shape != Shape{0}) shapes.push_back(each->shape);  // such a one counts for nothing
  }
  if (shapes.empty()) return {};
  Shape shape = shapes.front();
  const std::size_t along = axis_of(call.integer("dim", 0), shape.size());
  require(along < shape.size(), "an axis out of range");
  for (std::size_t i = 1; i < shapes.size(); ++i) {
    require(shapes[i].size() == shape.size() &&
                without(shapes[i], along) == without(shape, along) &&
                !__builtin_add_overflow(shape[along], shapes[i][along], &shape[along]),
            "tensors of other lengths beside one another");
  }
  return {shape};
}

/// Of this length each, the last one shorter.
Shapes parts_of(const Shape& whole, std::size_t along, std::uint64_t length) {
  constexpr std::uint64_t kMost = 10'000;
  require(length > 0 && whole[along] / length < kMost, "too many parts");
  Shapes parts;
  for (std::uint64_t at = 0; at < whole[along]; at += length) {
    parts.push_back(whole);
    parts.back()[along] = std::min(length, whole[along] - at);
  }
  return parts;
}

Shapes split(const Call& call) {
  if (call.is("sizes")) return {};
  return parts_of(self(call), axis(call, "dim", 0), call.natural("split_size"));
}

Shapes chunk(const Call& call) {
  const std::size_t along = axis(call, "dim", 0);
  const std::uint64_t chunks = call.natural("chunks");
  const std::uint64_t length = self(call)[along];
  require(chunks > 0, "no chunks");
  return parts_of(self(call), along, length / chunks + (length % chunks != 0 ? 1 : 0));
}

}  // namespace

const ShapeRules& moving_shape_rules() {
  static const ShapeRules kRules = {{"view_as_complex", view_as_complex},
                                    {"view_as_real", view_as_real},
                                    {"permute", permute},
                                    {"transpose", transpose},
                                    {"swapaxes", transpose},
                                    {"swapdims", transpose},
                                    {"unsqueeze", unsqueeze},
                                    {"select", select},
                                    {"slice", slice},
                                    {"expand", expand},
                                    {"cat", concatenated},
                                    {"concat", concatenated},
                                    {"split", split},
                                    {"chunk", chunk}};
  return kRules;
}

}  // namespace mgit::torchscript
