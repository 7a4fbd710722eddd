// Operators that take tensors apart or put them together: Concat, Split, Slice, Gather.
#include <algorithm>
#include <array>
#include <limits>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kMostPieces = 4096;
constexpr std::size_t kMostReals = 64;

Value joined(Operator& op, std::vector<Value> parts, std::int64_t dim) {
  require(!parts.empty() && parts[0].shape.has_value());
  Sizes shape = *parts[0].shape;
  const std::size_t axis = Operator::axis(dim, shape.size());
  Size length = shape[axis];
  for (std::size_t i = 1; i < parts.size(); ++i) {
    require(parts[i].shape && parts[i].shape->size() == shape.size());
    length = op.build.compute('+', length, (*parts[i].shape)[axis]);
    for (std::size_t other = 0; other < shape.size(); ++other) {
      const Size own = (*parts[i].shape)[other];
      if (other == axis || own == shape[other] || !own.known()) continue;
      if (shape[other].known()) throw Contradiction("lengths that do not fit each other");
      shape[other] = own;
    }
  }
  shape[axis] = length;
  std::optional<std::vector<double>> reals;
  if (std::all_of(parts.begin(), parts.end(), [](const Value& part) { return part.reals; })) {
    reals.emplace();
    for (const Value& part : parts)
      reals->insert(reals->end(), part.reals->begin(), part.reals->end());
  }
  const DType dtype = parts[0].dtype;
  Argument tensors = op.build.tensors(parts);
  Value made =
      op.emit("cat", {{"tensors", std::move(tensors)}, {"dim", static_cast<std::int64_t>(axis)}},
              std::move(shape), dtype);
  if (reals && reals->size() <= kMostReals) made.reals = std::move(reals);
  return made;
}

void concatenate(Operator& op) {
  std::vector<Value> parts;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) parts.push_back(op.input(i));
  op.outputs = {joined(op, std::move(parts), op.number("axis", 1))};
}

/// Lengths of the pieces of an axis: given, or even ones, the last perhaps smaller.
std::vector<std::int64_t> piece_lengths(Operator& op, std::size_t axis, std::size_t count) {
  if (const auto given = op.plain_numbers("split", 1)) {
    require(given->size() == count);
    return *given;
  }
  const Size length = op.shape(0)[axis];
  require(length.known() && count > 0);
  const auto parts = static_cast<std::int64_t>(count);
  const std::int64_t each = (length.number + parts - 1) / parts;
  require(each * (parts - 1) <= length.number);
  std::vector<std::int64_t> sizes(count, each);
  sizes.back() = length.number - each * (parts - 1);
  return sizes;
}

std::vector<Value> split_into(Operator& op, std::size_t axis,
                              const std::vector<std::int64_t>& sizes) {
  require(sizes.size() <= kMostPieces);
  std::vector<std::pair<Sizes, DType>> outputs;
  std::int64_t sum = 0;
  for (const std::int64_t size : sizes) {
    require(size >= 0 && !__builtin_add_overflow(sum, size, &sum));
    Sizes shape = op.shape(0);
    shape[axis] = {size, 0};
    outputs.emplace_back(std::move(shape), op.dtype(0));
  }
  if (op.shape(0)[axis].known() && op.shape(0)[axis].number != sum)
    throw Contradiction("a split that does not fit the axis");
  return op.build.emit_several(
      "split_with_sizes",
      {{"self", op.id(0)}, {"split_sizes", sizes}, {"dim", static_cast<std::int64_t>(axis)}},
      outputs);
}

void split(Operator& op) {
  const std::size_t axis = Operator::axis(op.number("axis", 0), op.rank(0));
  op.outputs = split_into(op, axis, piece_lengths(op, axis, op.node.outputs.size()));
}

void split_to_sequence(Operator& op) {
  const std::size_t axis = Operator::axis(op.number("axis", 0), op.rank(0));
  const Size length = op.shape(0)[axis];
  require(length.known() && op.has(1) && op.input(1).shape.has_value());
  const auto given = op.plain_numbers("", 1);
  require(given && !given->empty());
  std::vector<std::int64_t> sizes = *given;
  if (op.input(1).shape->empty()) {
    const std::int64_t each = sizes.front();
    require(each > 0 && length.number / each < static_cast<std::int64_t>(kMostPieces));
    sizes.assign(static_cast<std::size_t>(length.number / each), each);
    if (length.number % each != 0) sizes.push_back(length.number % each);
  }
  Value result;
  result.sequence = split_into(op, axis, sizes);
  op.outputs = {std::move(result)};
}

void sequence(Operator& op) {
  Value result;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    require(op.input(i).sequence.empty());
    result.sequence.push_back(op.input(i));
  }
  require(!result.sequence.empty());
  op.outputs = {std::move(result)};
}

void sequence_at(Operator& op) {
  const auto index = op.build.scalar(op.input(1));
  require(index.has_value() && !op.input(0).sequence.empty());
  const std::vector<Value>& members = op.input(0).sequence;
  op.outputs = {members[Operator::axis(static_cast<std::int64_t>(*index), members.size())]};
}

void concat_sequence(Operator& op) {
  std::vector<Value> parts = op.input(0).sequence;
  require(!parts.empty());
  if (op.number("new_axis", 0) == 0) {
    op.outputs = {joined(op, std::move(parts), op.number("axis", 0))};
    return;
  }
  Sizes shape = parts[0].shape.value_or(Sizes());
  const std::size_t axis = Operator::axis(op.number("axis", 0), shape.size() + 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis),
               Size{static_cast<std::int64_t>(parts.size()), 0});
  const DType dtype = parts[0].dtype;
  Argument tensors = op.build.tensors(parts);
  op.result("stack", {{"tensors", std::move(tensors)}, {"dim", static_cast<std::int64_t>(axis)}},
            shape, dtype);
}

/// How many of `length` a slice takes; begin and end are cut to what there is.
struct Slice {
  std::int64_t begin = 0;
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  Size length;
};

Slice cut(Operator& op, Size length, Size begin, Size end, std::int64_t step) {
  Slice found;
  constexpr std::int64_t kFar = std::numeric_limits<std::int32_t>::max();
  require(begin.known());
  found.begin = begin.number;
  if (length.known()) {
    const auto clamp = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + length.number : at, 0, length.number);
    };
    // An open end is at most the whole.
    require(end.known() || end == length);
    found.begin = clamp(begin.number);
    found.end = std::max(found.begin, end.known() ? clamp(end.number) : length.number);
    found.length = {(found.end - found.begin + step - 1) / step, 0};
    return found;
  }
  if (end == length || (end.known() && end.number >= kFar)) {
    found.length = begin.number == 0 && step == 1 ? length : op.build.open();
    return found;
  }
  require(end.known());
  found.end = end.number;
  found.length = op.build.open();
  return found;
}

void slice(Operator& op) {
  const auto begins = op.sizes("starts", 1);
  const auto ends = op.sizes("ends", 2);
  require(begins && ends && begins->size() == ends->size());
  const auto axes = op.plain_numbers("axes", 3);
  const auto steps = op.plain_numbers("", 4);
  require(!axes || axes->size() == begins->size());
  require(!steps || steps->size() == begins->size());
  Value value = op.input(0);
  require(value.shape.has_value());
  for (std::size_t i = 0; i < begins->size(); ++i) {
    const std::size_t axis =
        Operator::axis(axes ? (*axes)[i] : static_cast<std::int64_t>(i), value.shape->size());
    const std::int64_t step = steps ? (*steps)[i] : 1;
    const Size length = (*value.shape)[axis];
    Sizes shape = *value.shape;
    const auto dim = static_cast<std::int64_t>(axis);
    if (step < 0) {
      // Backwards over everything.
      const auto begin = (*begins)[i];
      const auto end = (*ends)[i];
      const bool from_last =
          begin.known() &&
          (begin.number == -1 || (length.known() && begin.number >= length.number - 1));
      const bool to_first = end.known() && (end.number < -(std::int64_t{1} << 30) ||
                                            (length.known() && end.number < -length.number));
      require(step == -1 && from_last && to_first);
      value =
          op.emit("flip", {{"self", op.build.id(value)}, {"dims", std::vector<std::int64_t>{dim}}},
                  shape, value.dtype);
      continue;
    }
    require(step > 0 && step < std::int64_t{1} << 31);
    const Slice found = cut(op, length, (*begins)[i], (*ends)[i], step);
    shape[axis] = found.length;
    if (found.begin == 0 && step == 1 && found.length == length) continue;
    Arguments arguments = {{"self", op.build.id(value)}, {"dim", dim}, {"start", found.begin}};
    arguments.emplace_back("end", found.end);
    if (step != 1) arguments.emplace_back("step", step);
    value = op.emit("slice", std::move(arguments), shape, value.dtype);
  }
  op.outputs = {std::move(value)};
}

void gather(Operator& op) {
  const Sizes data = op.shape(0);
  const std::size_t axis = Operator::axis(op.number("axis", 0), data.size());
  const Value& index = op.input(1);
  require(index.shape.has_value());
  if (index.shape->empty() && index.numbers && index.numbers->front().known()) {
    op.outputs = {op.select(op.input(0), axis, index.numbers->front().number)};
    return;
  }
  Sizes shape(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), index.shape->begin(), index.shape->end());
  shape.insert(shape.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  const bool constant = index.numbers.has_value();
  if (axis == 0 && data.size() == 2 && !constant && is_arithmetic(op.dtype(0))) {
    op.result("embedding", {{"weight", op.id(0)}, {"indices", op.id(1)}}, shape, op.dtype(0));
    return;
  }
  std::vector<std::optional<ValueId>> indices(axis);
  indices.emplace_back(op.id(1));
  op.result("index", {{"self", op.id(0)}, {"indices", indices}}, shape, op.dtype(0));
}

void gather_elements(Operator& op) {
  const std::size_t axis = Operator::axis(op.number("axis", 0), op.rank(0));
  require(op.rank(1) == op.rank(0));
  op.result("gather",
            {{"self", op.id(0)}, {"dim", static_cast<std::int64_t>(axis)}, {"index", op.id(1)}},
            op.shape(1), op.dtype(0));
}

/// data[i0, i1, ..] with the last axis of the indices taken apart.
void gather_nd(Operator& op) {
  require(op.number("batch_dims", 0) == 0);
  Sizes index = op.shape(1);
  const Sizes data = op.shape(0);
  require(!index.empty() && index.back().known());
  const std::int64_t count = index.back().number;
  require(count >= 1 && count <= static_cast<std::int64_t>(data.size()));
  index.pop_back();
  std::vector<std::optional<ValueId>> indices;
  for (std::int64_t i = 0; i < count; ++i)
    indices.emplace_back(*op.select(op.input(1), index.size(), i).id);
  Sizes shape = index;
  shape.insert(shape.end(), data.begin() + count, data.end());
  op.result("index", {{"self", op.id(0)}, {"indices", indices}}, shape, op.dtype(0));
}

constexpr std::array kRows = std::to_array<TranslatorRow>({{"Concat", concatenate},
                                                           {"ConcatFromSequence", concat_sequence},
                                                           {"Gather", gather},
                                                           {"GatherElements", gather_elements},
                                                           {"GatherND", gather_nd},
                                                           {"SequenceAt", sequence_at},
                                                           {"SequenceConstruct", sequence},
                                                           {"Slice", slice},
                                                           {"Split", split},
                                                           {"SplitToSequence", split_to_sequence}});

}  // namespace

std::span<const TranslatorRow> piece_translators() { return kRows; }

}  // namespace mgit::onnx
