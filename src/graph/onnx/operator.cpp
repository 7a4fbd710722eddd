#include "graph/onnx/operator.h"

#include <algorithm>

namespace mgit::onnx {

Value& Operator::input(std::size_t index) {
  require(has(index));
  return *inputs[index];
}

const Sizes& Operator::shape(std::size_t index) {
  const Value& value = input(index);
  require(value.shape.has_value());
  return *value.shape;
}

Argument Operator::optional_id(std::size_t index) {
  return has(index) ? Argument(id(index)) : Argument(std::monostate{});
}

std::int64_t Operator::number(std::string_view attribute, std::int64_t standard) const {
  const auto found = node.attributes.find(attribute);
  if (found == node.attributes.end()) return standard;
  require(found->second.number.has_value());
  return *found->second.number;
}

double Operator::real(std::string_view attribute, double standard) const {
  const auto found = node.attributes.find(attribute);
  if (found == node.attributes.end()) return standard;
  require(found->second.real.has_value());
  return *found->second.real;
}

std::string Operator::text(std::string_view attribute, std::string standard) const {
  const auto found = node.attributes.find(attribute);
  if (found == node.attributes.end()) return standard;
  require(found->second.text.has_value());
  return *found->second.text;
}

std::vector<std::int64_t> Operator::numbers(std::string_view attribute) const {
  const auto found = node.attributes.find(attribute);
  return found == node.attributes.end() ? std::vector<std::int64_t>() : found->second.numbers;
}

std::optional<Sizes> Operator::sizes(std::string_view attribute, std::size_t index) {
  if (given(attribute)) return known(numbers(attribute));
  if (!has(index)) return std::nullopt;
  require(input(index).numbers.has_value() && input(index).shape->size() < 2);
  return input(index).numbers;
}

std::optional<std::vector<std::int64_t>> Operator::plain_numbers(std::string_view attribute,
                                                                 std::size_t index) {
  const auto found = sizes(attribute, index);
  if (!found) return std::nullopt;
  auto all = plain(*found);
  require(all.has_value());
  return all;
}

std::size_t Operator::axis(std::int64_t dim, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  require(dim >= -count && dim < count);
  return static_cast<std::size_t>(dim < 0 ? dim + count : dim);
}

Sizes Operator::broadcast(const Sizes& a, const Sizes& b) {
  Sizes result(std::max(a.size(), b.size()), Size{1, 0});
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t back = result.size() - i;
    const Size left = back > a.size() ? Size{1, 0} : a[a.size() - back];
    const Size right = back > b.size() ? Size{1, 0} : b[b.size() - back];
    if (left == right || right == Size{1, 0}) {
      result[i] = left;
    } else if (left == Size{1, 0}) {
      result[i] = right;
    } else if (left.known() && right.known()) {
      throw Contradiction("lengths that do not fit each other");
    } else {
      // An open length may be 1; beside a known one it is that or 1.
      result[i] = left.known() ? left : right.known() ? right : build.open();
    }
  }
  return result;
}

Value Operator::reshape(Value value, Sizes shape) {
  if (value.shape == shape) return value;
  ValueId from = build.id(value);
  if (const Value* before = build.reshaped_from(from)) {
    value = *before;
    if (value.shape == shape) return value;
    from = *value.id;
  }
  const DType dtype = value.dtype;
  Argument sizes = build.sizes(shape);
  Value made =
      emit("reshape", {{"self", from}, {"shape", std::move(sizes)}}, std::move(shape), dtype);
  build.remember_reshape(*made.id, value);
  return made;
}

Value Operator::permute(Value value, const std::vector<std::int64_t>& dims) {
  require(value.shape && value.shape->size() == dims.size());
  std::vector<std::int64_t> order;
  for (const std::int64_t dim : dims)
    order.push_back(static_cast<std::int64_t>(axis(dim, dims.size())));
  ValueId from = build.id(value);
  if (const auto* before = build.permuted_from(from)) {
    for (std::int64_t& dim : order) dim = before->second[static_cast<std::size_t>(dim)];
    value = Value(before->first);
    from = *value.id;
  }
  if (std::is_sorted(order.begin(), order.end())) return value;
  Sizes shape;
  for (const std::int64_t dim : order)
    shape.push_back((*value.shape)[static_cast<std::size_t>(dim)]);
  const DType dtype = value.dtype;
  Value made = emit("permute", {{"self", from}, {"dims", order}}, std::move(shape), dtype);
  build.remember_permute(*made.id, value, std::move(order));
  return made;
}

Value Operator::slice(Value value, std::size_t axis, std::int64_t begin, std::int64_t end) {
  require(value.shape && axis < value.shape->size());
  Sizes shape = *value.shape;
  shape[axis] = {end - begin, 0};
  const DType dtype = value.dtype;
  return emit("slice",
              {{"self", build.id(value)},
               {"dim", static_cast<std::int64_t>(axis)},
               {"start", begin},
               {"end", end}},
              std::move(shape), dtype);
}

Value Operator::select(Value value, std::size_t axis, std::int64_t index) {
  require(value.shape && axis < value.shape->size());
  Sizes shape = *value.shape;
  const Size length = shape[axis];
  if (length.known() && (index < -length.number || index >= length.number))
    throw Contradiction("an index is out of range");
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  const DType dtype = value.dtype;
  return emit(
      "select",
      {{"self", build.id(value)}, {"dim", static_cast<std::int64_t>(axis)}, {"index", index}},
      std::move(shape), dtype);
}

}  // namespace mgit::onnx
