#include "graph/torchscript/value.h"

#include <cmath>

namespace mgit::torchscript {

namespace {

constexpr std::size_t kMostValues = 6'000'000;  // some 40 bytes each
constexpr std::size_t kOfTensor = 6;
constexpr std::size_t kOfObject = 8;

}  // namespace

void Arena::spend(std::size_t values) {
  spent_ += values;
  if (spent_ > kMostValues) throw Error("the program makes too many values");
}

List* Arena::list(std::vector<Value> items, bool dict) {
  spend(items.size() + 2);
  return &lists_.emplace_back(List{std::move(items), dict});
}

Object* Arena::object(Object object) {
  spend(kOfObject);
  return &objects_.emplace_back(std::move(object));
}

Tensor* Arena::tensor(Tensor tensor) {
  spend(kOfTensor);
  return &tensors_.emplace_back(std::move(tensor));
}

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
