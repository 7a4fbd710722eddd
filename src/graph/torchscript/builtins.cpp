#include "graph/torchscript/builtins.h"

#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "graph/torchscript/types.h"
#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

using interpreter::refuse;
using interpreter::require;
using Values = std::vector<Value>;

constexpr std::size_t kLongestList = 100'000;

const Tensor* tensor_in(const Values& values, std::size_t i) {
  if (i >= values.size()) return nullptr;
  const auto* tensor = std::get_if<Tensor*>(&values[i]);
  return tensor == nullptr ? nullptr : *tensor;
}

List* list_in(const Values& values, std::size_t i) {
  if (i >= values.size()) return nullptr;
  const auto* list = std::get_if<List*>(&values[i]);
  return list == nullptr ? nullptr : *list;
}

bool whole(const Value& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<bool>(value);
}
bool numeric(const Value& value) { return whole(value) || std::holds_alternative<double>(value); }

std::size_t index_in(std::int64_t index, std::size_t length) {
  const auto size = static_cast<std::int64_t>(length);
  if (index < -size || index >= size) refuse("an index out of range");
  return static_cast<std::size_t>(index < 0 ? index + size : index);
}

bool equal(const Value& a, const Value& b, int depth = 0) {
  if (numeric(a) && numeric(b)) return *number_of(a) == *number_of(b);
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<std::string>(&a)) return *text == std::get<std::string>(b);
  if (std::holds_alternative<std::monostate>(a)) return true;
  const auto* list = std::get_if<List*>(&a);
  if (list == nullptr || depth > 20) refuse(fmt::format("{} cannot be compared", kind_of(a)));
  const List& other = *std::get<List*>(b);
  if ((*list)->items.size() != other.items.size()) return false;
  for (std::size_t i = 0; i < other.items.size(); ++i)
    if (!equal((*list)->items[i], other.items[i], depth + 1)) return false;
  return true;
}

std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  require(b != 0 && !(b == -1 && a == std::numeric_limits<std::int64_t>::min()),
          "a division by zero");
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

std::optional<Value> integers(const std::string& name, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (name == "add")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (name == "sub")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (name == "mul")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (name == "floordiv" || name == "floor_divide")
    result = floor_divided(a, b);
  else if (name == "remainder" || name == "mod")
    result = b == -1 ? 0 : a - floor_divided(a, b) * b;
  else if (name == "min")
    result = std::min(a, b);
  else if (name == "max")
    result = std::max(a, b);
  else if (name == "__and__")
    result = a & b;
  else if (name == "__or__")
    result = a | b;
  else if (name == "__xor__")
    result = a ^ b;
  else
    return std::nullopt;
  require(!overflow, "a number that is too large");
  return result;
}

std::optional<Value> reals(const std::string& name, double a, double b) {
  if (name == "add") return a + b;
  if (name == "sub") return a - b;
  if (name == "mul") return a * b;
  if (name == "div") return a / b;
  if (name == "pow") return std::pow(a, b);
  if (name == "floordiv") return std::floor(a / b);
  if (name == "remainder") return a - std::floor(a / b) * b;
  if (name == "min") return std::min(a, b);
  if (name == "max") return std::max(a, b);
  return std::nullopt;
}

template <typename T>
std::optional<Value> compared(const std::string& name, T a, T b) {
  if (name == "eq") return a == b;
  if (name == "ne") return a != b;
  if (name == "lt") return a < b;
  if (name == "le") return a <= b;
  if (name == "gt") return a > b;
  if (name == "ge") return a >= b;
  return std::nullopt;
}

std::optional<Value> on_numbers(const std::string& name, const Values& values) {
  if (values.size() == 1) {
    const double value = *number_of(values[0]);
    if (name == "neg" && whole(values[0])) return integers("sub", 0, *integer_of(values[0]));
    if (name == "neg") return -value;
    if (name == "sqrt") return std::sqrt(value);
    if (name == "log") return std::log(value);
    if (name == "exp") return std::exp(value);
    if (name == "floor" || name == "ceil" || name == "round") {
      const double result = name == "floor"  ? std::floor(value)
                            : name == "ceil" ? std::ceil(value)
                                             : std::nearbyint(value);
      return whole_number(result);
    }
    if (name == "abs" && whole(values[0]))
      return value < 0 ? integers("sub", 0, *integer_of(values[0])) : values[0];
    return std::nullopt;
  }
  if (values.size() != 2) return std::nullopt;
  const double a = *number_of(values[0]);
  const double b = *number_of(values[1]);
  const bool both_whole = whole(values[0]) && whole(values[1]);
  if (const auto result = both_whole
                              ? compared(name, *integer_of(values[0]), *integer_of(values[1]))
                              : compared(name, a, b))
    return result;
  if (std::holds_alternative<bool>(values[0]) && std::holds_alternative<bool>(values[1])) {
    if (name == "__and__") return a != 0 && b != 0;
    if (name == "__or__") return a != 0 || b != 0;
  }
  if (both_whole)
    if (auto result = integers(name, *integer_of(values[0]), *integer_of(values[1]))) return result;
  return reals(name, a, b);
}

std::optional<Value> about_tensor(Builder& builder, const std::string& name, const Values& values) {
  const Tensor& tensor = *tensor_in(values, 0);
  const Shape& shape = tensor.shape;
  if (name == "size" && values.size() == 2)
    return static_cast<std::int64_t>(shape[index_in(whole_number(values[1]), shape.size())]);
  if (name == "size" && values.size() == 1) {
    Values lengths;
    for (const std::uint64_t length : shape)
      lengths.emplace_back(static_cast<std::int64_t>(length));
    return builder.arena().list(std::move(lengths));
  }
  if (values.size() == 1) {
    if (name == "dim") return static_cast<std::int64_t>(shape.size());
    if (name == "numel") return static_cast<std::int64_t>(element_count(shape).value_or(0));
    if (name == "len") {
      require(!shape.empty(), "a single number has no length");
      return static_cast<std::int64_t>(shape[0]);
    }
    if (name == "is_floating_point") return is_arithmetic(tensor.dtype);
    if (name == "is_complex") return tensor.dtype == DType::kC64 || tensor.dtype == DType::kC128;
    if (name == "dtype") return scalar_type_number(tensor.dtype);
    if (name == "device") return std::string("cpu");
    if (name == "layout") return std::int64_t{0};
    if (name == "requires_grad" || name == "is_cuda" || name == "is_quantized" ||
        name == "is_sparse" || name == "is_nested")
      return false;
    if (name == "IntImplicit" || name == "Int") return whole_number(values[0]);
    if (name == "FloatImplicit" || name == "Float") return real_number(values[0]);
    if (name == "ScalarImplicit" || name == "item") {
      if (is_arithmetic(tensor.dtype)) return real_number(values[0]);
      return whole_number(values[0]);
    }
    if (name == "Bool") return truth(values[0]);
  }
  return std::nullopt;
}

std::optional<Value> on_list(Builder& builder, const std::string& name, const Values& values) {
  List& list = *list_in(values, 0);
  const List* other = list_in(values, 1);
  if (name == "len" && values.size() == 1)
    return static_cast<std::int64_t>(list.items.size() / (list.dict ? 2 : 1));
  if (name == "append" && values.size() == 2 && !list.dict) {
    require(list.items.size() < kLongestList, "a list that is too long");
    builder.arena().spend(1);
    list.items.push_back(values[1]);
    return &list;
  }
  if (name == "add" && other != nullptr) {
    require(list.items.size() + other->items.size() < kLongestList, "a list that is too long");
    Values items = list.items;
    items.insert(items.end(), other->items.begin(), other->items.end());
    return builder.arena().list(std::move(items));
  }
  if (name == "list" && values.size() == 1) return builder.arena().list(list.items, list.dict);
  if (name == "__getitem__" && values.size() == 2 && !list.dict)
    return list.items[index_in(whole_number(values[1]), list.items.size())];
  if ((name == "any" || name == "all") && values.size() == 1 && !has_tensor(values[0])) {
    const bool all = name == "all";
    const bool found = std::any_of(list.items.begin(), list.items.end(),
                                   [all](const Value& each) { return truth(each) != all; });
    return found != all;
  }
  if (name == "__contains__" && values.size() == 2) {
    for (std::size_t i = 0; i < list.items.size(); i += list.dict ? 2 : 1)
      if (equal(list.items[i], values[1])) return true;
    return false;
  }
  if (name == "slice" && !list.dict) {
    const auto length = static_cast<std::int64_t>(list.items.size());
    const auto bound = [&](std::size_t i, std::int64_t otherwise) {
      if (i >= values.size() || std::holds_alternative<std::monostate>(values[i])) return otherwise;
      const std::int64_t at = whole_number(values[i]);
      return std::clamp<std::int64_t>(at < 0 ? at + length : at, 0, length);
    };
    const std::int64_t step = values.size() > 3 ? whole_number(values[3]) : 1;
    require(step > 0, "a step that is not forwards");
    Values items;
    for (std::int64_t i = bound(1, 0); i < bound(2, length); i += std::min(step, length + 1))
      items.push_back(list.items[static_cast<std::size_t>(i)]);
    return builder.arena().list(std::move(items));
  }
  return std::nullopt;
}

std::optional<Value> general(Builder& builder, const std::string& name, const Values& values) {
  if (name == "__is__" || name == "__isnot__") {
    require(values.size() == 2, "it compares two values");
    const bool none = std::holds_alternative<std::monostate>(values[0]);
    const bool both = none == std::holds_alternative<std::monostate>(values[1]);
    const bool same = none ? both : both && values[0] == values[1];
    return same == (name == "__is__");
  }
  if (name == "__not__" && values.size() == 1) return !truth(values[0]);
  if (name == "NumToTensor" && values.size() == 1) {
    const DType dtype = std::holds_alternative<double>(values[0]) ? DType::kF64 : DType::kI64;
    return builder.known(interpreter::scalar(dtype, real_number(values[0])));
  }
  if (name == "tensor" && values.size() == 1 && numeric(values[0])) {
    const DType dtype = std::holds_alternative<double>(values[0]) ? DType::kF32
                        : std::holds_alternative<bool>(values[0]) ? DType::kBool
                                                                  : DType::kI64;
    return builder.known(interpreter::scalar(dtype, real_number(values[0])));
  }
  if (name == "format" || name == "warn") return std::string();
  if (name == "set_grad_enabled") return std::monostate{};
  if (name == "is_grad_enabled" || name == "is_autocast_enabled" || name == "is_scripting")
    return name == "is_scripting";
  if (name == "RaiseException")
    refuse(values.empty() || !std::holds_alternative<std::string>(values[0])
               ? "the program refuses such inputs"
               : "the program refuses such inputs: " + std::get<std::string>(values[0]));
  return std::nullopt;
}

}  // namespace

std::int64_t whole_number(const Value& value) {
  if (const auto number = integer_of(value)) return *number;
  if (std::holds_alternative<Tensor*>(value))
    throw Error("a length is computed from what the network is given, not from lengths");
  throw Error(fmt::format("{} stands where a whole number is asked for", kind_of(value)));
}

double real_number(const Value& value) {
  if (const auto number = number_of(value)) return *number;
  if (std::holds_alternative<Tensor*>(value))
    throw Error("a number is computed from what the network is given, not from lengths");
  throw Error(fmt::format("{} stands where a number is asked for", kind_of(value)));
}

bool truth(const Value& value) {
  if (const auto* list = std::get_if<List*>(&value)) return !(*list)->items.empty();
  if (const auto number = number_of(value)) return *number != 0;
  if (std::holds_alternative<Tensor*>(value))
    throw Error("what the network does depends on the numbers that it is given");
  throw Error(fmt::format("{} is neither true nor false", kind_of(value)));
}

std::optional<Value> call_builtin(Builder& builder, const std::string& name,
                                  const Arguments& arguments) {
  const Values& values = arguments.positional;
  if (auto result = general(builder, name, values)) return result;
  if (values.empty()) return std::nullopt;
  if (tensor_in(values, 0) != nullptr) return about_tensor(builder, name, values);
  if (list_in(values, 0) != nullptr) {
    if (auto result = on_list(builder, name, values)) return result;
  }
  if (const auto* text = std::get_if<std::string>(&values[0])) {
    if (name == "len") return static_cast<std::int64_t>(text->size());
    if (name == "type") return *text;  // of a device
  }
  if (std::all_of(values.begin(), values.end(), numeric) && arguments.named.empty())
    return on_numbers(name, values);
  if (values.size() == 2 && (name == "eq" || name == "ne") && !has_tensor(values[0]) &&
      !has_tensor(values[1]))
    return equal(values[0], values[1]) == (name == "eq");
  return std::nullopt;
}

}  // namespace mgit::torchscript
