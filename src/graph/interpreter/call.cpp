#include "graph/interpreter/call.h"

#include <cmath>

namespace mgit::interpreter {

namespace {

using Values = std::vector<std::optional<ValueId>>;

std::int64_t whole(double value) {
  require(value == std::floor(value) && std::abs(value) < 9.3e18, "a number that is no integer");
  return static_cast<std::int64_t>(value);
}

}  // namespace

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::kU8:
    case DType::kI8:
    case DType::kI16:
    case DType::kU16:
    case DType::kI32:
    case DType::kU32:
    case DType::kI64:
    case DType::kU64:
      return true;
    default:
      return false;
  }
}

bool is_real(DType dtype) { return !is_integer(dtype) && dtype != DType::kBool; }

const Argument& Call::argument(std::string_view name) const {
  const Argument* found = node_.find(name);
  if (found == nullptr) refuse(fmt::format("argument {} is missing", name));
  return *found;
}

bool Call::has(std::string_view name) const {
  const Argument* found = node_.find(name);
  return found != nullptr && !std::holds_alternative<std::monostate>(*found);
}

const Array& Call::tensor(std::string_view name) const {
  const auto* value = std::get_if<ValueId>(&argument(name));
  if (value == nullptr) refuse(fmt::format("argument {} is no tensor", name));
  return lookup_(*value);
}

std::vector<const Array*> Call::tensors(std::string_view name) const {
  const auto* values = std::get_if<Values>(&argument(name));
  if (values == nullptr) refuse(fmt::format("argument {} is no list of tensors", name));
  std::vector<const Array*> result;
  for (const auto& each : *values) result.push_back(each ? &lookup_(*each) : nullptr);
  return result;
}

std::vector<Array> Call::arrays(std::string_view name) const {
  std::vector<Array> result;
  for (const Array* each : tensors(name)) {
    require(each != nullptr, "None in a list of tensors");
    result.push_back(*each);
  }
  return result;
}

Array Call::operand(std::string_view name) const {
  const Argument& found = argument(name);
  if (const auto* value = std::get_if<ValueId>(&found)) return lookup_(*value);
  if (const auto* value = std::get_if<bool>(&found)) return scalar(DType::kBool, *value ? 1 : 0);
  if (const auto* value = std::get_if<std::int64_t>(&found))
    return scalar(DType::kI64, static_cast<double>(*value));
  return scalar(DType::kF64, number(name));
}

Array Call::operand(std::string_view name, double otherwise) const {
  return has(name) ? operand(name) : scalar(DType::kF64, otherwise);
}

double Call::number(std::string_view name) const {
  const Argument& found = argument(name);
  if (const auto* value = std::get_if<double>(&found)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&found)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<bool>(&found)) return *value ? 1 : 0;
  const auto* value = std::get_if<ValueId>(&found);
  if (value == nullptr || lookup_(*value).values.size() != 1)
    refuse(fmt::format("argument {} is no number", name));
  return lookup_(*value).values.front();
}

double Call::number(std::string_view name, double otherwise) const {
  return has(name) ? number(name) : otherwise;
}

std::int64_t Call::integer(std::string_view name) const {
  if (const auto* value = std::get_if<std::int64_t>(&argument(name))) return *value;
  return whole(number(name));
}

std::int64_t Call::integer(std::string_view name, std::int64_t otherwise) const {
  return has(name) ? integer(name) : otherwise;
}

std::size_t Call::natural(std::string_view name) const {
  const std::int64_t value = integer(name);
  if (value < 0) refuse(fmt::format("argument {} is negative", name));
  return static_cast<std::size_t>(value);
}

bool Call::flag(std::string_view name, bool otherwise) const {
  return has(name) ? number(name) != 0 : otherwise;
}

std::string Call::text(std::string_view name, std::string_view otherwise) const {
  if (!has(name)) return std::string(otherwise);
  const auto* value = std::get_if<std::string>(&argument(name));
  if (value == nullptr) refuse(fmt::format("argument {} is no text", name));
  return *value;
}

Integers Call::integers(std::string_view name) const {
  const Argument& found = argument(name);
  if (const auto* list = std::get_if<Integers>(&found)) return *list;
  if (const auto* list = std::get_if<Values>(&found)) {
    Integers result;
    for (const auto& each : *list) {
      require(each && lookup_(*each).values.size() == 1, "a size that is no number");
      result.push_back(whole(lookup_(*each).values.front()));
    }
    return result;
  }
  return {integer(name)};
}

Integers Call::integers(std::string_view name, Integers otherwise) const {
  return has(name) ? integers(name) : std::move(otherwise);
}

std::vector<std::size_t> Call::naturals(std::string_view name, std::size_t length,
                                        std::size_t otherwise) const {
  std::vector<std::size_t> result;
  if (has(name))
    for (const std::int64_t each : integers(name)) {
      if (each < 0) refuse(fmt::format("argument {} is negative", name));
      result.push_back(static_cast<std::size_t>(each));
    }
  if (result.empty()) result.assign(length, otherwise);
  if (result.size() == 1) result.assign(length, result.front());
  require(result.size() == length, "a list of another length than there are axes");
  return result;
}

Operator find_operator(const std::string& op) {
  for (const auto table :
       {elementwise_operators, activation_operators, moving_operators, part_operators,
        rearranging_operators, indexing_operators, creating_operators, reducing_operators,
        linear_operators, convolution_operators, pooling_operators, normalising_operators,
        recurrent_operators}) {
    const auto found = table().find(op);
    if (found != table().end()) return found->second;
  }
  return nullptr;
}

Array conforming(Array array, DType dtype) {
  const bool same = array.dtype == dtype;
  array.dtype = dtype;
  if (!same && dtype == DType::kBool)
    for (double& value : array.values) value = value != 0;
  if (is_integer(dtype))
    for (double& value : array.values) value = std::trunc(value);
  return array;
}

}  // namespace mgit::interpreter
