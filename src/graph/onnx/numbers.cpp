// Whole numbers that a graph computes, from shapes and constants: what reshapes are told.
#include <algorithm>
#include <functional>
#include <unordered_map>

#include "base/wire.h"
#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kMostNumbers = 4096;

bool is_whole(DType dtype) { return dtype == DType::kI64 || dtype == DType::kI32; }

Value numbers(Sizes all, bool vector, DType dtype = DType::kI64) {
  require(all.size() <= kMostNumbers);
  Value value;
  value.dtype = dtype;
  value.shape.emplace();
  if (vector) value.shape->push_back({static_cast<std::int64_t>(all.size()), 0});
  value.numbers = std::move(all);
  return value;
}

bool is_vector(const Value& value) { return !value.shape->empty(); }

/// Every input that is there is of numbers.
bool all_numbers(const Operator& op) {
  return !op.inputs.empty() && op.inputs[0] &&
         std::all_of(op.inputs.begin(), op.inputs.end(),
                     [](const auto& input) { return !input || input->numbers.has_value(); });
}

Value shape_of(Operator& op) {
  Value& of = op.input(0);
  const Sizes shape = op.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto clamp = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t begin = clamp(op.number("start", 0));
  const std::int64_t end = std::max(begin, clamp(op.number("end", rank)));
  if (of.id)
    for (std::size_t i = 0; i < shape.size(); ++i) op.build.source(shape[i], *of.id, i);
  return numbers(Sizes(shape.begin() + begin, shape.begin() + end), true);
}

/// Calls combine(a, b) for all pairs of two operands, one of which may be a single number.
Value pairwise(Operator& op, const std::function<Size(const Size&, const Size&)>& combine,
               DType dtype) {
  const Value& a = op.input(0);
  const Value& b = op.input(1);
  const Sizes& left = *a.numbers;
  const Sizes& right = *b.numbers;
  const std::size_t count = left.size() == 1 ? right.size() : left.size();
  require(left.size() == count || left.size() == 1);
  require(right.size() == count || right.size() == 1);
  Sizes all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(combine(left[left.size() == 1 ? 0 : i], right[right.size() == 1 ? 0 : i]));
  return numbers(std::move(all), is_vector(a) || is_vector(b), dtype);
}

Value arithmetic(Operator& op) {
  static const std::unordered_map<std::string_view, char> kSigns = {
      {"Add", '+'}, {"Sub", '-'}, {"Mul", '*'}, {"Div", '/'}, {"Mod", '%'}};
  require(op.number("fmod", 0) == 0);
  const char sign = kSigns.at(op.node.op);
  return pairwise(
      op, [&](const Size& a, const Size& b) { return op.build.compute(sign, a, b); }, op.dtype(0));
}

Value extremum(Operator& op) {
  require(op.inputs.size() == 2);
  const bool larger = op.node.op == "Max";
  return pairwise(
      op,
      [&](const Size& a, const Size& b) {
        require((a.known() && b.known()) || a == b);
        return (a.number < b.number) == larger ? b : a;
      },
      op.dtype(0));
}

Value comparison(Operator& op) {
  const std::string& name = op.node.op;
  return pairwise(
      op,
      [&](const Size& a, const Size& b) {
        // A length is never negative.
        const bool differ = (a.known() && a.number < 0) || (b.known() && b.number < 0);
        if (name == "Equal" && !(a.known() && b.known()) && a != b) {
          require(differ);
          return Size{0, 0};
        }
        require(a.known() && b.known());
        const bool holds = name == "Equal"            ? a.number == b.number
                           : name == "Greater"        ? a.number > b.number
                           : name == "GreaterOrEqual" ? a.number >= b.number
                           : name == "Less"           ? a.number < b.number
                                                      : a.number <= b.number;
        return Size{holds ? 1 : 0, 0};
      },
      DType::kBool);
}

Value negation(Operator& op) {
  Value value = op.input(0);
  for (Size& each : *value.numbers) {
    require(each.known());
    each.number = each.number == 0 ? 1 : 0;
  }
  value.id.reset();
  return value;
}

Value conjunction(Operator& op) {
  const bool both = op.node.op == "And";
  return pairwise(
      op,
      [&](const Size& a, const Size& b) {
        require(a.known() && b.known());
        return Size{both ? a.number * b.number : std::max(a.number, b.number), 0};
      },
      DType::kBool);
}

Value where(Operator& op) {
  const Value& condition = op.input(0);
  const Value& yes = op.input(1);
  const Value& no = op.input(2);
  std::size_t count = 1;
  for (const Value* each : {&condition, &yes, &no})
    if (each->numbers->size() != 1) count = each->numbers->size();
  Sizes all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = [&](const Value& value) {
      require(value.numbers->size() == 1 || value.numbers->size() == count);
      return (*value.numbers)[value.numbers->size() == 1 ? 0 : i];
    };
    const Size asked = at(condition);
    require(asked.known());
    all.push_back(asked.number != 0 ? at(yes) : at(no));
  }
  return numbers(std::move(all), is_vector(condition) || is_vector(yes) || is_vector(no),
                 yes.dtype);
}

Value gather(Operator& op) {
  const Sizes& from = *op.input(0).numbers;
  require(is_vector(op.input(0)));
  Sizes all;
  for (const Size& index : *op.input(1).numbers) {
    require(index.known());
    all.push_back(from[Operator::axis(index.number, from.size())]);
  }
  return numbers(std::move(all), is_vector(op.input(1)), op.dtype(0));
}

Value slice(Operator& op) {
  const Sizes& from = *op.input(0).numbers;
  const auto begin = op.plain_numbers("starts", 1);
  const auto end = op.plain_numbers("ends", 2);
  const auto steps = op.plain_numbers("", 4);
  require(is_vector(op.input(0)) && begin && begin->size() == 1 && end && end->size() == 1);
  require(!steps || *steps == std::vector<std::int64_t>{1});
  const auto length = static_cast<std::int64_t>(from.size());
  const auto clamp = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + length : at, 0, length);
  };
  const std::int64_t first = clamp(begin->front());
  const std::int64_t last = std::max(first, clamp(end->front()));
  return numbers(Sizes(from.begin() + first, from.begin() + last), true, op.dtype(0));
}

Value concatenate(Operator& op) {
  Sizes all;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const Sizes& part = *op.input(i).numbers;
    require(is_vector(op.input(i)));
    all.insert(all.end(), part.begin(), part.end());
  }
  return numbers(std::move(all), true, op.dtype(0));
}

Value flat(Operator& op, bool vector) {
  const Sizes& all = *op.input(0).numbers;
  require(vector || all.size() == 1);
  return numbers(all, vector, op.dtype(0));
}

Value unsqueeze(Operator& op) {
  const auto axes = op.plain_numbers("axes", 1);
  require(axes && axes->size() == 1 && !is_vector(op.input(0)));
  return flat(op, true);
}

Value squeeze(Operator& op) { return flat(op, false); }

/// Paddings are told as a matrix for a while.
Value reshape(Operator& op) {
  const auto shape = op.plain_numbers("shape", 1);
  require(shape && shape->size() < 3);
  if (shape->size() < 2) return flat(op, shape->size() == 1);
  const Sizes all = *op.input(0).numbers;
  const auto count = static_cast<std::int64_t>(all.size());
  const std::int64_t columns = (*shape)[1];
  require((*shape)[0] == -1 && columns > 0 && count % columns == 0 && plain(all));
  Value value = numbers(all, true, op.dtype(0));
  value.shape = known({count / columns, columns});
  return value;
}

/// Rows or columns as an order says: reversed, or a matrix transposed.
Value rearranged(Operator& op, const std::function<std::size_t(std::size_t, std::size_t)>& from,
                 bool turned) {
  const Value& matrix = op.input(0);
  auto rows = static_cast<std::size_t>((*matrix.shape)[0].number);
  auto columns = static_cast<std::size_t>((*matrix.shape)[1].number);
  if (turned) std::swap(rows, columns);
  Sizes all;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) all.push_back((*matrix.numbers).at(from(i, j)));
  Value value = numbers(std::move(all), true, op.dtype(0));
  value.shape = known({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)});
  return value;
}

Value matrix(Operator& op) {
  const auto rows = static_cast<std::size_t>((*op.input(0).shape)[0].number);
  const auto columns = static_cast<std::size_t>((*op.input(0).shape)[1].number);
  if (op.node.op == "Reshape") return reshape(op);
  if (op.node.op == "Transpose") {
    const std::vector<std::int64_t> order = op.numbers("perm");
    require(order.empty() || order == std::vector<std::int64_t>{1, 0});
    return rearranged(
        op, [&](std::size_t i, std::size_t j) { return j * columns + i; }, true);
  }
  require(op.node.op == "Slice");
  using Numbers = std::vector<std::int64_t>;
  const auto end = op.plain_numbers("ends", 2);
  require(op.plain_numbers("starts", 1) == Numbers{-1} &&
          op.plain_numbers("axes", 3) == Numbers{0});
  require(op.plain_numbers("", 4) == Numbers{-1} && end && end->size() == 1);
  require(end->front() < -(std::int64_t{1} << 31));
  return rearranged(
      op, [&](std::size_t i, std::size_t j) { return (rows - 1 - i) * columns + j; }, false);
}

Value expand(Operator& op) {
  const auto shape = op.plain_numbers("shape", 1);
  require(shape && shape->size() == 1 && op.input(0).numbers->size() == 1 && shape->front() > 0);
  require(shape->front() <= static_cast<std::int64_t>(kMostNumbers));
  return numbers(Sizes(static_cast<std::size_t>(shape->front()), op.input(0).numbers->front()),
                 true, op.dtype(0));
}

Value cast(Operator& op) {
  const DType to = op.node.op == "CastLike" ? op.dtype(1) : dtype_of(op.number("to", 0));
  Value value = op.input(0);
  if (value.dtype == to) return value;
  require(is_whole(to) || to == DType::kBool);
  const bool truth = to == DType::kBool || value.dtype == DType::kBool;
  for (Size& each : *value.numbers) {
    require(each.known() || !truth);
    if (truth) each.number = each.number != 0 ? 1 : 0;
  }
  value.id.reset();
  value.dtype = to;
  return value;
}

Value product(Operator& op) {
  Size all = {1, 0};
  for (const Size& each : *op.input(0).numbers) all = op.build.compute('*', all, each);
  return numbers({all}, op.number("keepdims", 1) != 0, op.dtype(0));
}

Value size_of(Operator& op) {
  const Sizes shape = *shape_of(op).numbers;
  Size all = {1, 0};
  for (const Size& each : shape) all = op.build.compute('*', all, each);
  return numbers({all}, false);
}

Value filled(Operator& op) {
  const auto shape = op.plain_numbers("", 0);
  require(shape && shape->size() < 2);
  const auto found = op.node.attributes.find("value");
  require(found != op.node.attributes.end() && found->second.tensor);
  const Tensor& tensor = *found->second.tensor;
  require(tensor.info.dtype == DType::kI64 && element_count(tensor.info.shape) == 1U);
  const auto data = tensor.data();
  require(data != nullptr);
  const auto fill = static_cast<std::int64_t>(wire::Reader(*data).u64());
  const std::int64_t count = shape->empty() ? 1 : shape->front();
  require(count >= 0 && count <= static_cast<std::int64_t>(kMostNumbers));
  return numbers(Sizes(static_cast<std::size_t>(count), Size{fill, 0}), !shape->empty());
}

Value range(Operator& op) {
  std::vector<std::int64_t> bounds;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto bound = op.plain_numbers("", i);
    require(bound && bound->size() == 1);
    bounds.push_back(bound->front());
  }
  const auto [begin, end, step] = std::tuple(bounds[0], bounds[1], bounds[2]);
  constexpr std::int64_t kFar = std::int64_t{1} << 31;
  require(step > 0 && step < kFar && std::abs(begin) < kFar && std::abs(end) < kFar);
  require((end - begin) / step < static_cast<std::int64_t>(kMostNumbers));
  Sizes all;
  for (std::int64_t at = begin; at < end; at += step) all.push_back({at, 0});
  return numbers(std::move(all), true, op.dtype(0));
}

using Fold = Value (*)(Operator&);

const std::unordered_map<std::string_view, Fold> kFolds = {
    {"Add", arithmetic},     {"And", conjunction},
    {"Cast", cast},          {"CastLike", cast},
    {"Concat", concatenate}, {"ConstantOfShape", filled},
    {"Div", arithmetic},     {"Equal", comparison},
    {"Expand", expand},      {"Gather", gather},
    {"Greater", comparison}, {"GreaterOrEqual", comparison},
    {"Less", comparison},    {"LessOrEqual", comparison},
    {"Max", extremum},       {"Min", extremum},
    {"Mod", arithmetic},     {"Mul", arithmetic},
    {"Not", negation},       {"Or", conjunction},
    {"Range", range},        {"ReduceProd", product},
    {"Reshape", reshape},    {"Slice", slice},
    {"Squeeze", squeeze},    {"Sub", arithmetic},
    {"Transpose", matrix},   {"Unsqueeze", unsqueeze},
    {"Where", where}};

}  // namespace

std::optional<Value> fold_numbers(Operator& op) {
  try {
    if (op.node.op == "Shape") return shape_of(op);
    if (op.node.op == "Size") return size_of(op);
    const auto fold = kFolds.find(op.node.op);
    const bool likeness = op.node.op == "CastLike" && op.has(0) && op.input(0).numbers;
    if (fold == kFolds.end() || (!all_numbers(op) && !likeness)) return std::nullopt;
    const auto is_matrix = [](const auto& input) { return input && input->shape->size() > 1; };
    if (op.inputs[0] && is_matrix(op.inputs[0])) return matrix(op);
    if (std::any_of(op.inputs.begin(), op.inputs.end(), is_matrix)) return std::nullopt;
    return fold->second(op);
  } catch (const NotTranslated&) {
    return std::nullopt;
  }
}

}  // namespace mgit::onnx
