// Operators that move elements by their place alone.
#include <numeric>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

std::size_t rank_of(const Call& call) { return call.tensor("self").shape.size(); }

Arrays view(const Call& call) {
  const Array& in = call.tensor("self");
  require(!call.is("dtype"), "a view of another dtype");
  const char* name = call.node().find("size") != nullptr ? "size" : "shape";
  return {reshaped(in, resolved(call.integers(name), in.values.size()))};
}
Arrays view_as(const Call& call) {
  return {reshaped(call.tensor("self"), call.tensor("other").shape)};
}

Arrays flatten(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t rank = in.shape.size();
  if (rank == 0) return {reshaped(in, {1})};
  const std::size_t first = axis_of(call.integer("start_dim", 0), rank);
  const std::size_t last = axis_of(call.integer("end_dim", -1), rank);
  require(first <= last, "a flattening of no axes");
  Shape shape(in.shape.begin(), in.shape.begin() + static_cast<std::ptrdiff_t>(first));
  shape.push_back(1);
  for (std::size_t i = first; i <= last; ++i) shape.back() *= in.shape[i];
  shape.insert(shape.end(), in.shape.begin() + static_cast<std::ptrdiff_t>(last) + 1,
               in.shape.end());
  return {reshaped(in, std::move(shape))};
}

Arrays unflatten(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  require(axis < in.shape.size(), "an axis out of range");
  const Shape parts = resolved(call.integers("sizes"), in.shape[axis]);
  Shape shape = in.shape;
  const auto at = shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(at, parts.begin(), parts.end());
  return {reshaped(in, std::move(shape))};
}

Arrays squeeze(const Call& call) {
  const Array& in = call.tensor("self");
  std::vector<std::size_t> axes(in.shape.size());
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  if (call.has("dim")) axes = axes_of(call.integers("dim"), in.shape.size());
  Shape shape;
  for (std::size_t i = 0; i < in.shape.size(); ++i)
    if (in.shape[i] != 1 || std::find(axes.begin(), axes.end(), i) == axes.end())
      shape.push_back(in.shape[i]);
  return {reshaped(in, std::move(shape))};
}

Arrays unsqueeze(const Call& call) {
  return {with_axis(call.tensor("self"), axis_of(call.integer("dim"), rank_of(call) + 1))};
}

Arrays transpose(const Call& call) {
  const bool named = call.node().find("axis0") != nullptr;
  return {swapped(call.tensor("self"),
                  axis_of(call.integer(named ? "axis0" : "dim0"), rank_of(call)),
                  axis_of(call.integer(named ? "axis1" : "dim1"), rank_of(call)))};
}
Arrays last_two(const Call& call) {
  const std::size_t rank = rank_of(call);
  if (rank < 2) return {call.tensor("self")};
  return {swapped(call.tensor("self"), rank - 2, rank - 1)};
}
Arrays reversed_axes(const Call& call) {
  std::vector<std::size_t> order(rank_of(call));
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  return {permuted(call.tensor("self"), order)};
}
Arrays permute(const Call& call) {
  return {permuted(call.tensor("self"), axes_of(call.integers("dims"), rank_of(call)))};
}

Arrays movedim(const Call& call) {
  const std::size_t rank = rank_of(call);
  const auto from = axes_of(call.integers("source"), rank);
  const auto to = axes_of(call.integers("destination"), rank);
  require(from.size() == to.size(), "axes that are moved nowhere");
  std::vector<std::size_t> order(rank, rank);
  for (std::size_t i = 0; i < from.size(); ++i) order.at(to[i]) = from[i];
  std::size_t next = 0;
  for (std::size_t& axis : order) {
    if (axis < rank) continue;
    while (std::find(from.begin(), from.end(), next) != from.end()) ++next;
    axis = next++;
  }
  return {permuted(call.tensor("self"), order)};
}

Arrays expand(const Call& call) {
  const Array& in = call.tensor("self");
  const Integers sizes = call.integers("size");
  require(sizes.size() >= in.shape.size(), "an expansion to fewer axes");
  Shape shape;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t own = i + in.shape.size() - sizes.size();
    const bool kept = sizes[i] == -1 && i + in.shape.size() >= sizes.size();
    require(kept || sizes[i] >= 0, "a size that is negative");
    shape.push_back(kept ? in.shape[own] : static_cast<std::uint64_t>(sizes[i]));
  }
  return {expanded(in, shape)};
}
Arrays expand_as(const Call& call) {
  return {expanded(call.tensor("self"), call.tensor("other").shape)};
}

Arrays repeat(const Call& call) {
  Array out = call.tensor("self");
  Integers times = call.integers(call.node().find("repeats") != nullptr ? "repeats" : "dims");
  if (times.size() < out.shape.size())
    times.insert(times.begin(), out.shape.size() - times.size(), 1);
  while (out.shape.size() < times.size()) out = with_axis(std::move(out), 0);
  for (std::size_t axis = 0; axis < times.size(); ++axis) {
    require(times[axis] > 0 && times[axis] < (1 << 28), "a number of repeats out of range");
    const Around part = around(out.shape, axis);
    Shape shape = out.shape;
    shape[axis] *= static_cast<std::uint64_t>(times[axis]);
    const auto many = static_cast<std::size_t>(times[axis]);
    const std::size_t run = part.length * part.inner;
    Array next = make(out.dtype, shape);
    for (std::size_t o = 0; o < part.outer; ++o)
      for (std::size_t i = 0; i < many * run; ++i)
        next.values[o * many * run + i] = out.values[o * run + i % std::max<std::size_t>(run, 1)];
    out = std::move(next);
  }
  return {out};
}

Arrays diagonal(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t rank = in.shape.size();
  const std::size_t a = axis_of(call.integer("dim1", 0), rank);
  const std::size_t b = axis_of(call.integer("dim2", 1), rank);
  require(rank >= 2 && a != b, "a diagonal of no matrix");
  const std::int64_t offset = call.integer("offset", 0);
  const auto rows = static_cast<std::int64_t>(in.shape[a]);
  const auto columns = static_cast<std::int64_t>(in.shape[b]);
  require(offset > -(1 << 26) && offset < (1 << 26), "a diagonal out of range");
  const std::int64_t length = std::max<std::int64_t>(
      std::min(offset < 0 ? rows + offset : rows, offset > 0 ? columns - offset : columns), 0);
  const Shape own = c_strides(in.shape);
  Shape shape;
  Strides strides;
  for (std::size_t i = 0; i < rank; ++i) {
    if (i == a || i == b) continue;
    shape.push_back(in.shape[i]);
    strides.push_back(own[i]);
  }
  shape.push_back(static_cast<std::uint64_t>(length));
  strides.push_back(own[a] + own[b]);
  const auto start = static_cast<std::size_t>(offset < 0 ? -offset : offset);
  return {strided(in, shape, strides, start * (offset < 0 ? own[a] : own[b]))};
}

Arrays sym_size(const Call& call) {
  const Array& in = call.tensor("self");
  const std::size_t axis = axis_of(call.integer("dim"), in.shape.size());
  require(axis < in.shape.size(), "an axis out of range");
  return {scalar(DType::kI64, static_cast<double>(in.shape[axis]))};
}
Arrays sym_numel(const Call& call) {
  return {scalar(DType::kI64, static_cast<double>(call.tensor("self").values.size()))};
}

}  // namespace

const Operators& moving_operators() {
  static const Operators kOperators = {
      {"aten.view", view},           {"aten.reshape", view},
      {"aten._unsafe_view", view},   {"aten.view_copy", view},
      {"aten.view_as", view_as},     {"aten.reshape_as", view_as},
      {"aten.flatten", flatten},     {"aten.unflatten", unflatten},
      {"aten.squeeze", squeeze},     {"aten.unsqueeze", unsqueeze},
      {"aten.transpose", transpose}, {"aten.swapaxes", transpose},
      {"aten.swapdims", transpose},  {"aten.t", last_two},
      {"aten.mT", last_two},         {"aten.numpy_T", reversed_axes},
      {"aten.permute", permute},     {"aten.movedim", movedim},
      {"aten.moveaxis", movedim},    {"aten.expand", expand},
      {"aten.broadcast_to", expand}, {"aten.expand_as", expand_as},
      {"aten.repeat", repeat},       {"aten.tile", repeat},
      {"aten.diagonal", diagonal},   {"aten.sym_size", sym_size},
      {"aten.sym_numel", sym_numel},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
