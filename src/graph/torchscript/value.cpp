#include "graph/torchscript/value.h"

#include <cmath>

namespace mgit::torchscript {

const char* kind_of(const Value& value) {
  constexpr const char* kKinds[] = {"None",     "a boolean", "an integer", "a number",  "a text",
                                    "a tensor", "a list",    "an object",  "a function"};
  return kKinds[value.index()];
}

std::optional<double> number_of(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  const auto* tensor = std::get_if<Tensor*>(&value);
  if (tensor == nullptr || !(*tensor)->known || (*tensor)->known->values.size() != 1)
    return std::nullopt;
  return (*tensor)->known->values.front();
}

std::optional<std::int64_t> integer_of(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  const auto number = number_of(value);
  constexpr double kLargest = 9007199254740992.0;  // exact as a double
  if (!number || *number != std::floor(*number) || std::fabs(*number) > kLargest)
    return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

bool has_tensor(const Value& value) {
  if (std::holds_alternative<Tensor*>(value)) return true;
  const auto* list = std::get_if<List*>(&value);
  if (list == nullptr) return false;
  for (const Value& each : (*list)->items)
    if (std::holds_alternative<Tensor*>(each)) return true;
  return false;
}

}  // namespace mgit::torchscript
