// Operators that make tensors out of numbers.
#include <cmath>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

namespace {

Array filled(Shape shape, double value) {
  Array out = make(DType::kF64, std::move(shape));
  std::fill(out.values.begin(), out.values.end(), value);
  return out;
}

Shape size_of(const Call& call) { return resolved(call.integers("size"), 0); }

template <int kValue>
Arrays constant(const Call& call) {
  return {filled(size_of(call), kValue)};
}
template <int kValue>
Arrays constant_like(const Call& call) {
  return {filled(call.tensor("self").shape, kValue)};
}
Arrays full(const Call& call) { return {filled(size_of(call), call.number("fill_value"))}; }
Arrays full_like(const Call& call) {
  return {filled(call.tensor("self").shape, call.number("fill_value"))};
}
Arrays fill(const Call& call) { return {filled(call.tensor("self").shape, call.number("value"))}; }
Arrays scalar_tensor(const Call& call) { return {scalar(DType::kF64, call.number("s"))}; }

Arrays arange(const Call& call) {
  const double start = call.number("start", 0);
  const double end = call.number("end");
  const double step = call.number("step", 1);
  const double length = std::ceil((end - start) / step);
  require(step != 0 && length >= 0 && length < (1 << 28), "a range without end");
  Array out = make(DType::kF64, {static_cast<std::uint64_t>(length)});
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = start + static_cast<double>(i) * step;
  return {out};
}

Arrays linspace(const Call& call) {
  const double start = call.number("start");
  const double end = call.number("end");
  Array out = make(DType::kF64, {call.natural("steps")});
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = out.values.size() == 1 ? start
                                           : start + (end - start) * static_cast<double>(i) /
                                                         static_cast<double>(out.values.size() - 1);
  return {out};
}

Arrays eye(const Call& call) {
  const std::size_t rows = call.natural("n");
  const std::size_t columns = call.has("m") ? call.natural("m") : rows;
  Array out = make(DType::kF64, {rows, columns});
  for (std::size_t i = 0; i < std::min(rows, columns); ++i) out.values[i * columns + i] = 1;
  return {out};
}

Arrays meshgrid(const Call& call) {
  const std::vector<Array> axes = call.arrays("tensors");
  const bool swapped_first = call.text("indexing", "ij") == "xy" && axes.size() > 1;
  const auto axis_for = [&](std::size_t i) { return swapped_first && i < 2 ? 1 - i : i; };
  Shape shape(axes.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) shape[axis_for(i)] = axes[i].values.size();
  Arrays out;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Shape own(axes.size(), 1);
    own[axis_for(i)] = axes[i].values.size();
    out.push_back(expanded(reshaped(axes[i], own), shape));
  }
  return out;
}

}  // namespace

const Operators& creating_operators() {
  static const Operators kOperators = {
      {"aten.zeros", constant<0>},
      {"aten.ones", constant<1>},
      {"aten.empty", constant<0>},
      {"aten.new_zeros", constant<0>},
      {"aten.new_ones", constant<1>},
      {"aten.new_empty", constant<0>},
      {"aten.zeros_like", constant_like<0>},
      {"aten.ones_like", constant_like<1>},
      {"aten.empty_like", constant_like<0>},
      {"aten.zero", constant_like<0>},
      {"aten.full", full},
      {"aten.new_full", full},
      {"aten.full_like", full_like},
      {"aten.fill", fill},
      {"aten.scalar_tensor", scalar_tensor},
      {"aten.arange", arange},
      {"aten.linspace", linspace},
      {"aten.eye", eye},
      {"aten.meshgrid", meshgrid},
  };
  return kOperators;
}

}  // namespace mgit::interpreter
