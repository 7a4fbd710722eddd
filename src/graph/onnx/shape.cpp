// Operators that give a tensor another shape, and constants of a shape.
#include <algorithm>
#include <array>
#include <numeric>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

/// -1: what is left. Equal symbols cancel.
Size remainder(Operator& op, const Sizes& from, const Sizes& to) {
  Sizes above = from;
  Sizes below = to;
  for (auto size = below.begin(); size != below.end();) {
    const auto twin = std::find(above.begin(), above.end(), *size);
    if (size->known() || twin == above.end()) {
      ++size;
      continue;
    }
    above.erase(twin);
    size = below.erase(size);
  }
  // One length that is open may be left above.
  Size open = {1, 0};
  const auto unknown =
      std::find_if(above.begin(), above.end(), [](const Size& each) { return !each.known(); });
  if (unknown != above.end()) {
    open = *unknown;
    above.erase(unknown);
  }
  const Size up = op.build.product(above);
  const Size down = op.build.product(below);
  if (!up.known() || !down.known() || down.number == 0) return op.build.open();
  if (!open.known())
    return up.number % down.number == 0 ? op.build.compute('*', open, {up.number / down.number, 0})
                                        : op.build.open();
  if (up.number % down.number != 0)
    throw Contradiction("a shape that does not fit the number of elements");
  return {up.number / down.number, 0};
}

void reshape(Operator& op) {
  auto target = op.sizes("shape", 1);
  require(target.has_value());
  const Sizes& from = op.shape(0);
  const bool zeros = op.number("allowzero", 0) != 0;
  std::optional<std::size_t> rest;
  Sizes others;
  for (std::size_t i = 0; i < target->size(); ++i) {
    Size& size = (*target)[i];
    if (size == Size{0, 0} && !zeros) {
      require(i < from.size());
      size = from[i];
    }
    if (size.known() && size.number < 0) {
      if (rest) throw CorruptError("two lengths of a shape are left open");
      rest = i;
    } else {
      others.push_back(size);
    }
  }
  if (rest) (*target)[*rest] = remainder(op, from, others);
  const Size before = op.build.product(from);
  const Size after = op.build.product(*target);
  if (before.known() && after.known() && before != after)
    throw Contradiction("a shape that does not fit the number of elements");
  op.outputs = {op.reshape(op.input(0), *target)};
}

void flatten(Operator& op) {
  const Sizes from = op.shape(0);
  const std::int64_t given = op.number("axis", 1);
  const auto rank = static_cast<std::int64_t>(from.size());
  require(given >= -rank && given <= rank);
  const auto at = from.begin() + (given < 0 ? given + rank : given);
  op.outputs = {op.reshape(op.input(0), {op.build.product(Sizes(from.begin(), at)),
                                         op.build.product(Sizes(at, from.end()))})};
}

void transpose(Operator& op) {
  std::vector<std::int64_t> dims = op.numbers("perm");
  if (dims.empty()) {
    dims.resize(op.rank(0));
    std::iota(dims.rbegin(), dims.rend(), 0);
  }
  require(dims.size() == op.rank(0));
  std::vector<bool> seen(dims.size());
  for (const std::int64_t dim : dims) {
    const std::size_t axis = Operator::axis(dim, dims.size());
    require(!seen[axis]);
    seen[axis] = true;
  }
  op.outputs = {op.permute(op.input(0), dims)};
}

void squeeze(Operator& op) {
  const Sizes from = op.shape(0);
  const auto given = op.plain_numbers("axes", 1);
  std::vector<bool> gone(from.size());
  if (given) {
    for (const std::int64_t dim : *given) gone[Operator::axis(dim, from.size())] = true;
  } else {
    for (std::size_t i = 0; i < from.size(); ++i) {
      require(from[i].known());
      gone[i] = from[i].number == 1;
    }
  }
  Sizes shape;
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!gone[i]) shape.push_back(from[i]);
    if (!gone[i]) continue;
    if (from[i].known() && from[i].number != 1)
      throw Contradiction("an axis is taken away that has not the length 1");
    require(from[i].known());
    dims.push_back(static_cast<std::int64_t>(i));
  }
  if (dims.empty())
    op.outputs = {op.input(0)};
  else
    op.result("squeeze", {{"self", op.id(0)}, {"dim", dims}}, shape, op.dtype(0));
}

void unsqueeze(Operator& op) {
  const auto given = op.plain_numbers("axes", 1);
  require(given.has_value());
  const std::size_t rank = op.rank(0) + given->size();
  std::vector<std::size_t> axes;
  for (const std::int64_t dim : *given) axes.push_back(Operator::axis(dim, rank));
  std::sort(axes.begin(), axes.end());
  require(std::adjacent_find(axes.begin(), axes.end()) == axes.end());
  Value value = op.input(0);
  for (const std::size_t axis : axes) {
    Sizes shape = *value.shape;
    require(axis <= shape.size());
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), Size{1, 0});
    value = op.emit("unsqueeze",
                    {{"self", op.build.id(value)}, {"dim", static_cast<std::int64_t>(axis)}}, shape,
                    op.dtype(0));
  }
  op.outputs = {std::move(value)};
}

void expand(Operator& op) {
  const auto target = op.sizes("shape", 1);
  require(target.has_value());
  for (const Size& size : *target) require(!size.known() || size.number > 0);
  const Sizes shape = op.broadcast(op.shape(0), *target);
  Argument sizes = op.build.sizes(shape);
  op.result("expand", {{"self", op.id(0)}, {"size", std::move(sizes)}}, shape, op.dtype(0));
}

void tile(Operator& op) {
  const auto times = op.plain_numbers("repeats", 1);
  require(times && times->size() == op.rank(0));
  Sizes shape = op.shape(0);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    require((*times)[i] >= 0);
    shape[i] = op.build.compute('*', shape[i], {(*times)[i], 0});
  }
  op.result("repeat", {{"self", op.id(0)}, {"repeats", *times}}, shape, op.dtype(0));
}

void constant_of_shape(Operator& op) {
  const auto shape = op.sizes("", 0);
  require(shape.has_value());
  DType dtype = DType::kF32;
  double fill = 0;
  const auto found = op.node.attributes.find("value");
  if (found != op.node.attributes.end()) {
    require(found->second.tensor.has_value());
    const Tensor& tensor = *found->second.tensor;
    dtype = tensor.info.dtype;
    require(element_count(tensor.info.shape) == 1U);
    const auto data = tensor.data();
    require(data != nullptr && !data->empty());
    if (is_arithmetic(dtype)) {
      to_double({dtype, {1}, *data}, {&fill, 1});
    } else {
      // Whole numbers and truth values are only ever zeros and ones here.
      for (std::size_t i = 1; i < data->size(); ++i) require((*data)[i] == std::byte{0});
      fill = static_cast<double>(std::to_integer<int>(data->front()));
    }
  }
  Argument sizes = op.build.sizes(*shape);
  op.result("full", {{"size", std::move(sizes)}, {"fill_value", fill}}, *shape, dtype);
}

void range(Operator& op) {
  Arguments arguments;
  for (std::size_t i = 0; i < 3; ++i) {
    static constexpr const char* kNames[] = {"start", "end", "step"};
    const auto number = op.build.scalar(op.input(i));
    if (number)
      arguments.emplace_back(kNames[i], *number);
    else
      arguments.emplace_back(kNames[i], op.id(i));
  }
  op.result("arange", std::move(arguments), {op.build.open()}, op.dtype(0));
}

void triangle(Operator& op) {
  std::int64_t diagonal = 0;
  if (op.has(1)) {
    const auto given = op.build.scalar(op.input(1));
    require(given.has_value());
    diagonal = static_cast<std::int64_t>(*given);
  }
  op.result(op.number("upper", 1) != 0 ? "triu" : "tril",
            {{"self", op.id(0)}, {"diagonal", diagonal}}, op.shape(0), op.dtype(0));
}

constexpr std::array kRows = std::to_array<TranslatorRow>({{"ConstantOfShape", constant_of_shape},
                                                           {"Expand", expand},
                                                           {"Flatten", flatten},
                                                           {"Range", range},
                                                           {"Reshape", reshape},
                                                           {"Squeeze", squeeze},
                                                           {"Tile", tile},
                                                           {"Transpose", transpose},
                                                           {"Trilu", triangle},
                                                           {"Unsqueeze", unsqueeze}});

}  // namespace

std::span<const TranslatorRow> shape_translators() { return kRows; }

}  // namespace mgit::onnx
