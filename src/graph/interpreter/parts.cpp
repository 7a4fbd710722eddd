// Operators that join tensors, and take parts of them.
#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

Arrays cat(const Call& call) {
  std::vector<Array> parts = call.arrays("tensors");
  std::erase_if(parts, [](const Array& part) { return part.shape == Shape{0}; });
  require(!parts.empty(), "a concatenation of nothing");
  const std::size_t axis = axis_of(call.integer("dim", 0), parts.front().shape.size());
  return {concatenated(parts, axis)};
}

Arrays stack(const Call& call) {
  std::vector<Array> parts = call.arrays("tensors");
  require(!parts.empty(), "a stack of nothing");
  const std::size_t axis = axis_of(call.integer("dim", 0), parts.front().shape.size() + 1);
  for (Array& part : parts) part = with_axis(std::move(part), axis);
  return {concatenated(parts, axis)};
}

/// Parts of these lengths along an axis.
Arrays parts_of(const Array& in, std::size_t axis, const std::vector<std::size_t>& lengths) {
  Arrays parts;
  std::size_t start = 0;
  for (const std::size_t length : lengths) {
    parts.push_back(sliced(in, axis, start, length));
    start += length;
  }
  return parts;
}

Arrays equal_parts(const Array& in, std::size_t axis, std::size_t size) {
  require(axis < in.shape.size() && size > 0, "parts of no length");
  std::vector<std::size_t> lengths;
  for (std::size_t start = 0; start < in.shape[axis]; start += size)
    lengths.push_back(std::min<std::size_t>(size, in.shape[axis] - start));
  return parts_of(in, axis, lengths);
}

Arrays split(const Call& call) {
  const std::size_t axis = axis_of(call.integer("dim", 0), call.tensor("self").shape.size());
  if (call.node().op == "aten.split_with_sizes" || call.is("sizes")) {
    const char* name = call.node().find("split_sizes") != nullptr ? "split_sizes" : "split_size";
    const Integers sizes = call.integers(name);
    return parts_of(call.tensor("self"), axis, call.naturals(name, sizes.size(), 0));
  }
  return equal_parts(call.tensor("self"), axis, call.natural("split_size"));
}

Arrays chunk(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim", 0), in.shape.size());
  const std::size_t chunks = call.natural("chunks");
  require(chunks > 0 && axis < in.shape.size(), "no chunks");
  return equal_parts(in, axis, (in.shape[axis] + chunks - 1) / chunks);
}

Arrays unbind(const Call& call) {
  const std::size_t axis = axis_of(call.integer("dim", 0), call.tensor("self").shape.size());
  Arrays parts = equal_parts(call.tensor("self"), axis, 1);
  for (Array& part : parts) part = without_axis(std::move(part), axis);
  return parts;
}

/// Start and length of a slice, as Python counts.
std::pair<std::size_t, std::size_t> range_of(const Call& call, std::size_t length,
                                             std::size_t step) {
  const auto end = static_cast<std::int64_t>(length);
  const auto bound = [end](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + end : index, 0, end);
  };
  const std::int64_t first = bound(call.integer("start", 0));
  const std::int64_t last = bound(call.integer("end", end));
  const std::size_t span = last > first ? static_cast<std::size_t>(last - first) : 0;
  return {static_cast<std::size_t>(first), (span + step - 1) / step};
}

Arrays slice(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim", 0), in.shape.size());
  const std::int64_t step = call.integer("step", 1);
  require(axis < in.shape.size() && step > 0, "a slice of nothing");
  const auto [start, length] = range_of(call, in.shape[axis], static_cast<std::size_t>(step));
  return {sliced(in, axis, start, length, static_cast<std::size_t>(step))};
}

std::size_t index_of(const Call& call, const Array& in, std::size_t axis) {
  require(axis < in.shape.size(), "an axis out of range");
  return axis_of(call.integer("index"), in.shape[axis]);
}

Arrays select(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  return {without_axis(sliced(in, axis, index_of(call, in, axis), 1), axis)};
}

Arrays narrow(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  require(axis < in.shape.size(), "an axis out of range");
  const std::size_t start = axis_of(call.integer("start"), in.shape[axis] + 1);
  return {sliced(in, axis, start, call.natural("length"))};
}

/// `in` with `part` in the place start, start + step, ..
Array scattered(Array in, const Array& part, std::size_t axis, std::size_t start,
                std::size_t step) {
  const Around whole = around(in.shape, axis);
  const Around piece = around(part.shape, axis);
  require(whole.outer == piece.outer && whole.inner == piece.inner, "a part that does not fit");
  for (std::size_t o = 0; o < piece.outer; ++o)
    for (std::size_t i = 0; i < piece.length; ++i)
      for (std::size_t j = 0; j < piece.inner; ++j)
        in.values.at((o * whole.length + start + i * step) * whole.inner + j) =
            part.values[(o * piece.length + i) * piece.inner + j];
  return in;
}

Arrays select_scatter(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  const std::size_t index = index_of(call, in, axis);
  return {scattered(in, with_axis(call.tensor("src"), axis), axis, index, 1)};
}

Arrays slice_scatter(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim", 0), in.shape.size());
  const std::int64_t step = call.integer("step", 1);
  require(axis < in.shape.size() && step > 0, "a slice of nothing");
  const auto [start, length] = range_of(call, in.shape[axis], static_cast<std::size_t>(step));
  Shape shape = in.shape;
  shape[axis] = length;
  return {scattered(in, expanded(call.tensor("src"), shape), axis, start,
                    static_cast<std::size_t>(step))};
}

Arrays copy(const Call& call) { return {expanded(call.tensor("src"), call.tensor("self").shape)}; }

}  // namespace

const Operators& part_operators() {
  static const Operators kOperators = {
      {"aten.cat", cat},
      {"aten.concat", cat},
      {"aten.concatenate", cat},
      {"aten.stack", stack},
      {"aten.split", split},
      {"aten.unsafe_split", split},
      {"aten.unsafe_chunk", chunk},
      {"aten.split_with_sizes", split},
      {"aten.chunk", chunk},
      {"aten.unbind", unbind},
      {"aten.slice", slice},
      {"aten.select", select},
      {"aten.narrow", narrow},
      {"aten.select_scatter", select_scatter},
      {"aten.slice_scatter", slice_scatter},
      {"aten.copy", copy},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
