#include "graph/torchscript/types.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "mgit/format.h"

namespace mgit::torchscript {

namespace {

constexpr std::array<std::pair<int, DType>, 15> kTypes{{{0, DType::kU8},
                                                        {1, DType::kI8},
                                                        {2, DType::kI16},
                                                        {3, DType::kI32},
                                                        {4, DType::kI64},
                                                        {5, DType::kF16},
                                                        {6, DType::kF32},
                                                        {7, DType::kF64},
                                                        {9, DType::kC64},
                                                        {10, DType::kC128},
                                                        {11, DType::kBool},
                                                        {15, DType::kBF16},
                                                        {27, DType::kU16},
                                                        {28, DType::kU32},
                                                        {29, DType::kU64}}};

const std::unordered_set<std::string_view> kTruths = {
    "eq",          "ne",          "lt",          "le",
    "gt",          "ge",          "greater",     "greater_equal",
    "less",        "less_equal",  "not_equal",   "isnan",
    "isinf",       "isfinite",    "logical_and", "logical_or",
    "logical_xor", "logical_not", "any",         "all"};
const std::unordered_set<std::string_view> kCounts = {
    "argmax", "argmin", "argsort", "nonzero", "one_hot", "bucketize", "count_nonzero"};
/// The second result says where the first one was found.
const std::unordered_set<std::string_view> kFound = {"max",    "min",    "topk",  "sort",
                                                     "median", "cummax", "cummin"};
/// Sums of integers and booleans are 64 bits wide.
const std::unordered_set<std::string_view> kSums = {"sum", "prod", "cumsum", "cumprod"};
/// Real numbers whatever goes in.
const std::unordered_set<std::string_view> kReal = {
    "div",        "divide", "true_divide", "sqrt",    "rsqrt",       "exp", "log",
    "sin",        "cos",    "tanh",        "sigmoid", "mean",        "erf", "log2",
    "reciprocal", "log1p",  "expm1",       "softmax", "log_softmax", "std", "var"};
/// As their argument of this name.
const std::unordered_map<std::string_view, const char*> kAsArgument = {
    {"embedding", "weight"},
    {"index", "self"},
    {"_unsafe_index", "self"},
    {"gather", "self"},
    {"index_select", "self"},
    {"masked_fill", "self"},
    {"index_put", "self"},
    {"scatter", "self"},
    {"scatter_add", "self"},
    {"index_fill", "self"},
    {"repeat_interleave", "self"},
    {"type_as", "other"},
    {"copy", "self"},
    {"fill", "self"},
    {"scaled_dot_product_attention", "query"},
    {"lstm", "input"},
    {"gru", "input"},
    {"rnn_tanh", "input"},
    {"rnn_relu", "input"},
    {"index_copy", "self"},
    {"index_add", "self"},
    {"slice_scatter", "self"},
    {"select_scatter", "self"}};

/// Booleans, integers, real numbers, complex ones.
int rank_of(DType dtype) {
  if (dtype == DType::kBool) return 0;
  if (dtype == DType::kC64 || dtype == DType::kC128) return 3;
  return is_arithmetic(dtype) ? 2 : 1;
}

/// What several operands are together: those with axes decide, unless one without is of a higher
/// kind, and numbers after them.
class Promotion {
 public:
  void tensor(const Tensor& tensor) { add(tensor.dtype, tensor.shape.empty() ? 1 : 0); }
  void number(DType dtype) { add(dtype, 2); }

  DType result() const {
    DType best = DType::kBool;
    bool any = false;
    for (const auto& each : found_) {
      if (!each) continue;
      if (!any || rank_of(*each) > rank_of(best)) best = *each;
      any = true;
    }
    return any ? best : DType::kF32;
  }

 private:
  void add(DType dtype, std::size_t priority) {
    std::optional<DType>& place = found_[priority];
    const bool wider =
        place && (rank_of(dtype) > rank_of(*place) ||
                  (rank_of(dtype) == rank_of(*place) && dtype_bits(dtype) > dtype_bits(*place)));
    if (!place || wider) place = dtype;
  }

  std::array<std::optional<DType>, 3> found_{};
};

DType promoted(const GraphNode& node, const TensorOf& tensor_of) {
  Promotion promotion;
  for (const auto& [name, argument] : node.arguments) {
    if (name == "condition" || name == "mask") continue;
    if (const auto* id = std::get_if<ValueId>(&argument)) {
      promotion.tensor(tensor_of(*id));
    } else if (const auto* list = std::get_if<std::vector<std::optional<ValueId>>>(&argument)) {
      for (const auto& each : *list)
        if (each) promotion.tensor(tensor_of(*each));
    } else if (name == "self" || name == "other" || name == "end" || name == "start" ||
               name == "step" || name == "fill_value" || name == "exponent") {
      if (std::holds_alternative<double>(argument)) promotion.number(DType::kF32);
      if (std::holds_alternative<std::int64_t>(argument)) promotion.number(DType::kI64);
      if (std::holds_alternative<bool>(argument)) promotion.number(DType::kBool);
    }
  }
  return promotion.result();
}

}  // namespace

DType scalar_type(std::int64_t number) {
  for (const auto& [code, dtype] : kTypes)
    if (code == number) return dtype;
  throw Error(fmt::format("dtype {} of PyTorch is not supported", number));
}

std::int64_t scalar_type_number(DType dtype) {
  for (const auto& [code, each] : kTypes)
    if (each == dtype) return code;
  return -1;
}

std::string memory_format(std::int64_t number) {
  constexpr const char* kNames[] = {"contiguous", "preserve", "channels_last", "channels_last_3d"};
  return number >= 0 && number < 4 ? kNames[number] : "unknown";
}

DType result_dtype(const GraphNode& node, std::size_t output, const TensorOf& tensor_of) {
  const std::string_view op = std::string_view(node.op).substr(5);  // behind "aten."
  if (output == 1 && kFound.contains(op)) return DType::kI64;
  if (const Argument* dtype = node.find("dtype"))
    if (const auto* name = std::get_if<std::string>(dtype))
      if (const auto parsed = dtype_from_name(*name)) return *parsed;
  if (op == "view_as_complex" || op == "polar" || op == "complex") return DType::kC64;
  if (op == "view_as_real" || op == "real" || op == "imag") return DType::kF32;
  if (kTruths.contains(op)) return DType::kBool;
  if (kCounts.contains(op)) return DType::kI64;
  const auto as = kAsArgument.find(op);
  if (as != kAsArgument.end() || (op == "to" && node.find("other") != nullptr)) {
    const Argument* argument = node.find(as != kAsArgument.end() ? as->second : "other");
    if (argument != nullptr)
      if (const auto* id = std::get_if<ValueId>(argument)) return tensor_of(*id).dtype;
  }
  const DType together = promoted(node, tensor_of);
  if (op == "ones" || op == "zeros" || op == "empty" || op == "linspace" || op == "eye" ||
      op == "rand")
    return DType::kF32;
  const bool whole = rank_of(together) < 2;
  if (whole && kSums.contains(op)) return DType::kI64;
  if (whole && kReal.contains(op) && node.find("rounding_mode") == nullptr) return DType::kF32;
  return together;
}

}  // namespace mgit::torchscript
