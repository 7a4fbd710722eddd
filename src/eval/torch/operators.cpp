#include "eval/torch/operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "eval/torch/network.h"

namespace mgit::torch_plugin {
namespace {

constexpr std::string_view kNamespace = "aten::";

/// Overloads by the name of their operator, in the order of their own names.
const std::map<std::string, std::vector<std::string>, std::less<>>& overloads() {
  static const auto all = [] {
    std::map<std::string, std::vector<std::string>, std::less<>> names;
    for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames())
      if (std::string_view(name.name).starts_with(kNamespace))
        names[name.name].push_back(name.overload_name);
    for (auto& [name, list] : names) std::sort(list.begin(), list.end());
    return names;
  }();
  return all;
}

/// Writes nowhere, and opens no file.
bool is_functional(const c10::FunctionSchema& schema) {
  return !schema.is_mutable() && schema.name() != "aten::from_file" &&
         std::none_of(schema.arguments().begin(), schema.arguments().end(),
                      [](const c10::Argument& argument) { return argument.name() == "filename"; });
}

template <typename T>
const T* values_of(const MgitTorchArgument& argument) {
  return static_cast<const T*>(argument.data);
}

std::string_view text_of(const MgitTorchArgument& argument) {
  return {values_of<char>(argument), argument.count};
}

const at::Tensor& tensor_of(const MgitTorchArgument& argument) {
  return (*values_of<MgitTorchValue*>(argument))->tensor;
}

/// What ATen means by the texts that a graph has for dtypes, memory formats and layouts.
std::optional<std::int64_t> number_named(std::string_view text) {
  if (const auto dtype = dtype_named(text)) return static_cast<std::int64_t>(*dtype);
  if (text == "contiguous") return static_cast<std::int64_t>(c10::MemoryFormat::Contiguous);
  if (text == "preserve") return static_cast<std::int64_t>(c10::MemoryFormat::Preserve);
  if (text == "channels_last") return static_cast<std::int64_t>(c10::MemoryFormat::ChannelsLast);
  if (text == "channels_last_3d")
    return static_cast<std::int64_t>(c10::MemoryFormat::ChannelsLast3d);
  if (text == "strided") return static_cast<std::int64_t>(c10::Layout::Strided);
  return std::nullopt;
}

std::optional<at::Scalar> one_number(const MgitTorchArgument& argument, std::uint64_t index) {
  switch (argument.kind) {
    case kMgitTorchBools:
      return at::Scalar(values_of<unsigned char>(argument)[index] != 0);
    case kMgitTorchInts:
      return at::Scalar(values_of<std::int64_t>(argument)[index]);
    case kMgitTorchDoubles:
      return at::Scalar(values_of<double>(argument)[index]);
    case kMgitTorchValue:
    case kMgitTorchValues: {
      const MgitTorchValue* const value = values_of<MgitTorchValue*>(argument)[index];
      if (value == nullptr || value->tensor.numel() != 1) return std::nullopt;
      return value->tensor.item();
    }
    default:
      return std::nullopt;
  }
}

bool is_whole(const at::Scalar& number) {
  return number.isIntegral(true) ||
         (number.isFloatingPoint() && number.toDouble() == std::trunc(number.toDouble()) &&
          std::abs(number.toDouble()) < 9.2e18);
}

std::int64_t whole(const at::Scalar& number) {
  if (number.isFloatingPoint()) return static_cast<std::int64_t>(number.toDouble());
  return number.isBoolean() ? static_cast<std::int64_t>(number.toBool()) : number.toLong();
}

/// A number as an IValue of the type, and how well it fits: 2 as it is, 1 made one.
struct Fitting {
  c10::IValue value;
  int score = 0;
};

std::optional<Fitting> fit_number(const std::optional<at::Scalar>& number, c10::TypeKind kind,
                                  bool is_value) {
  if (!number) return std::nullopt;
  const int made = is_value ? 0 : 1;
  switch (kind) {
    case c10::TypeKind::NumberType:
      return Fitting{*number, 1 + made};
    case c10::TypeKind::IntType:
      if (!is_whole(*number)) return std::nullopt;
      return Fitting{whole(*number), number->isIntegral(false) ? 1 + made : 0};
    case c10::TypeKind::FloatType:
      return Fitting{number->toDouble(), number->isFloatingPoint() ? 1 + made : made};
    case c10::TypeKind::BoolType:
      if (!number->isBoolean() && !is_whole(*number)) return std::nullopt;
      return Fitting{number->isBoolean() ? number->toBool() : whole(*number) != 0,
                     number->isBoolean() ? 1 + made : 0};
    default:
      return std::nullopt;
  }
}

std::optional<Fitting> fit_text(std::string_view text, c10::TypeKind kind) {
  if (kind == c10::TypeKind::StringType) return Fitting{std::string(text), 2};
  if (kind == c10::TypeKind::DeviceObjType) return Fitting{c10::Device(c10::kCPU), 2};
  if (kind != c10::TypeKind::IntType) return std::nullopt;
  if (const auto number = number_named(text)) return Fitting{*number, 2};
  return std::nullopt;
}

template <typename T, typename Make>
std::optional<Fitting> number_list(const MgitTorchArgument& argument, std::uint64_t count,
                                   std::uint64_t repeat, c10::TypeKind kind, const Make& make) {
  c10::List<T> list;
  int score = 2;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto each = fit_number(one_number(argument, i), kind, false);
    if (!each) return std::nullopt;
    score = std::min(score, each->score);
    for (std::uint64_t again = 0; again < repeat; ++again) list.push_back(make(each->value));
  }
  return Fitting{list, score};
}

std::optional<Fitting> tensor_list(const MgitTorchArgument& argument, bool optional) {
  if (argument.kind != kMgitTorchValues && argument.kind != kMgitTorchValue) return std::nullopt;
  c10::List<at::Tensor> plain;
  c10::impl::GenericList open(c10::OptionalType::create(c10::TensorType::get()));
  for (std::uint64_t i = 0; i < argument.count; ++i) {
    const MgitTorchValue* const value = values_of<MgitTorchValue*>(argument)[i];
    if (value == nullptr && !optional) return std::nullopt;
    if (optional)
      open.push_back(value == nullptr ? c10::IValue() : c10::IValue(value->tensor));
    else
      plain.push_back(value->tensor);
  }
  const int score = argument.kind == kMgitTorchValues ? 2 : 0;
  return optional ? Fitting{open, score} : Fitting{plain, score};
}

/// `length`: of a list that one number may stand for.
std::optional<Fitting> fit_list(const MgitTorchArgument& argument, const c10::Type& element,
                                std::optional<std::int32_t> length) {
  if (element.kind() == c10::TypeKind::TensorType) return tensor_list(argument, false);
  if (const auto inner = element.cast<c10::OptionalType>())
    return inner->getElementType()->kind() == c10::TypeKind::TensorType
               ? tensor_list(argument, true)
               : std::nullopt;
  const bool single = argument.is_list == 0 && argument.kind != kMgitTorchValues;
  if (single && (argument.count != 1 || !length)) return std::nullopt;
  const std::uint64_t repeat = single ? static_cast<std::uint64_t>(*length) : 1;
  const c10::TypeKind kind = element.kind();
  if (kind == c10::TypeKind::IntType)
    return number_list<std::int64_t>(argument, argument.count, repeat, kind,
                                     [](const c10::IValue& value) { return value.toInt(); });
  if (kind == c10::TypeKind::FloatType)
    return number_list<double>(argument, argument.count, repeat, kind,
                               [](const c10::IValue& value) { return value.toDouble(); });
  if (kind == c10::TypeKind::BoolType)
    return number_list<bool>(argument, argument.count, repeat, kind,
                             [](const c10::IValue& value) { return value.toBool(); });
  return std::nullopt;
}

/// A number where a tensor is wanted: of rank 0, as ATen wraps numbers.
std::optional<Fitting> wrapped(const MgitTorchArgument& argument) {
  if (argument.is_list != 0 || argument.count != 1) return std::nullopt;
  const auto number = one_number(argument, 0);
  if (!number) return std::nullopt;
  const at::ScalarType type = number->isFloatingPoint() ? at::kDouble
                              : number->isBoolean()     ? at::kBool
                                                        : at::kLong;
  at::Tensor tensor = at::scalar_tensor(*number, at::TensorOptions().dtype(type));
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return Fitting{tensor, 1};
}

std::optional<Fitting> fit(const MgitTorchArgument& argument, const c10::TypePtr& type,
                           std::optional<std::int32_t> length) {
  if (const auto optional = type->cast<c10::OptionalType>()) {
    if (argument.kind == kMgitTorchNone) return Fitting{c10::IValue(), 2};
    return fit(argument, optional->getElementType(), length);
  }
  const c10::TypeKind kind = type->kind();
  if (kind == c10::TypeKind::ListType)
    return fit_list(argument, *type->castRaw<c10::ListType>()->getElementType(), length);
  if (argument.kind == kMgitTorchText) return fit_text(text_of(argument), kind);
  if (kind == c10::TypeKind::TensorType) {
    if (argument.kind == kMgitTorchValue) return Fitting{tensor_of(argument), 2};
    return wrapped(argument);
  }
  if (argument.is_list != 0 || argument.count != 1 || argument.kind == kMgitTorchValues)
    return std::nullopt;
  return fit_number(one_number(argument, 0), kind, argument.kind == kMgitTorchValue);
}

/// Dtypes, layouts and memory formats are numbers in schemas. Any would be taken, so that they are
/// given by their names alone.
bool is_known_by_name(const std::string& name) {
  return name == "dtype" || name == "layout" || name == "memory_format";
}

const MgitTorchArgument* find(const MgitTorchCall& call, std::string_view name) {
  for (std::uint64_t i = 0; i < call.count; ++i)
    if (name == call.arguments[i].name) return &call.arguments[i];
  return nullptr;
}

/// The arguments in the schema's order, and how well they fit altogether; or why they do not.
struct Attempt {
  c10::Stack stack{};
  int score = 0;
  std::string refusal{};
};

Attempt attempt(const MgitTorchCall& call, const c10::FunctionSchema& schema) {
  Attempt result;
  std::uint64_t used = 0;
  for (const c10::Argument& formal : schema.arguments()) {
    const MgitTorchArgument* const given = find(call, formal.name());
    if (given == nullptr) {
      if (formal.default_value())
        result.stack.push_back(*formal.default_value());
      else if (formal.type()->kind() == c10::TypeKind::OptionalType)
        result.stack.emplace_back();
      else
        return {{}, 0, "argument " + formal.name() + " is missing"};
      continue;
    }
    ++used;
    if (is_known_by_name(formal.name()) && given->kind != kMgitTorchText &&
        given->kind != kMgitTorchNone)
      return {{}, 0, "argument " + formal.name() + " is no name"};
    const auto length = formal.N();
    const auto fitting =
        fit(*given, formal.type(), length ? std::optional<std::int32_t>(*length) : std::nullopt);
    if (!fitting)
      return {{}, 0, "argument " + formal.name() + " is no " + formal.type()->repr_str()};
    result.stack.push_back(fitting->value);
    result.score += fitting->score;
  }
  if (used < call.count)
    for (std::uint64_t i = 0; i < call.count; ++i)
      if (!schema.argumentIndexWithName(call.arguments[i].name))
        return {{}, 0, std::string("argument ") + call.arguments[i].name + " is not known"};
  return result;
}

struct Choice {
  c10::OperatorHandle op;
  Attempt attempt;
};

/// The overload that is asked for, or else the one that the arguments fit best.
Choice choose(const MgitTorchCall& call) {
  const std::string name = std::string(kNamespace) + call.op;
  const std::string asked = call.overload == std::string_view("default") ? "" : call.overload;
  const auto known = overloads().find(name);
  std::string refusal;
  std::optional<Choice> best;
  const auto consider = [&](const std::string& overload) {
    const auto op = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!op) return;
    if (!is_functional(op->schema())) {
      if (refusal.empty()) refusal = "it writes into its arguments, or reads files";
      return;
    }
    Attempt made = attempt(call, op->schema());
    if (!made.refusal.empty()) {
      if (refusal.empty()) refusal = made.refusal;
    } else if (!best || made.score > best->attempt.score) {
      best = Choice{*op, std::move(made)};
    }
  };
  consider(asked);
  if (!best && known != overloads().end())
    for (const std::string& overload : known->second)
      if (overload != asked) consider(overload);
  if (best) return *std::move(best);
  if (known == overloads().end())
    throw NotTaken("operator aten." + std::string(call.op) +
                   " is not in this LibTorch (" TORCH_VERSION ")");
  throw NotTaken("operator aten." + std::string(call.op) + ": " + refusal);
}

void flatten(const c10::IValue& value, std::vector<at::Tensor>& out) {
  if (value.isTensor()) {
    out.push_back(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& each : value.toTensorVector()) out.push_back(each);
  } else if (value.isScalar()) {
    const at::Scalar number = value.toScalar();
    out.push_back(
        at::scalar_tensor(number, at::TensorOptions().dtype(number.isFloatingPoint() ? at::kDouble
                                                            : number.isBoolean()     ? at::kBool
                                                                                     : at::kLong)));
  } else {
    throw std::runtime_error("a result is " + value.tagKind() + ", no tensor");
  }
}

}  // namespace

bool is_operator(const std::string& op) {
  return overloads().contains(std::string(kNamespace) + op);
}

namespace {

bool is_watched(const MgitTorchCall& call) {
  for (std::uint64_t i = 0; i < call.count; ++i) {
    const MgitTorchArgument& argument = call.arguments[i];
    if (argument.kind != kMgitTorchValue && argument.kind != kMgitTorchValues) continue;
    for (std::uint64_t k = 0; k < argument.count; ++k)
      if (const MgitTorchValue* const value = values_of<MgitTorchValue*>(argument)[k];
          value != nullptr && value->tensor.requires_grad())
        return true;
  }
  return false;
}

/// What was made without gradients cannot be remembered; a copy can.
c10::IValue remembered(const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor().is_inference() ? value.toTensor().clone() : value;
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& each : value.toTensorVector())
      list.push_back(each.is_inference() ? each.clone() : each);
    return list;
  }
  if (!value.isList()) return value;
  c10::impl::GenericList list(value.toList().elementType());
  for (const c10::IValue& each : value.toListRef()) list.push_back(remembered(each));
  return list;
}

}  // namespace

std::vector<at::Tensor> call_by_name(const MgitTorchCall& call) {
  const bool watched = is_watched(call);
  const c10::InferenceMode no_gradients(!watched);
  Choice chosen = choose(call);
  if (watched)
    for (c10::IValue& value : chosen.attempt.stack) value = remembered(value);
  chosen.op.callBoxed(chosen.attempt.stack);
  std::vector<at::Tensor> results;
  for (const c10::IValue& value : chosen.attempt.stack) flatten(value, results);
  return results;
}

}  // namespace mgit::torch_plugin
