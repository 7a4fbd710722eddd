#include "eval/substitutes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "mgit/format.h"

namespace mgit {
namespace {

TorchTensor call(const std::string& op, const std::vector<TorchArgument>& arguments) {
  return call_torch_for_one("aten." + op, arguments);
}

std::int64_t length(const TorchTensor& tensor, std::size_t from_the_end) {
  const Shape shape = tensor.shape();
  if (from_the_end > shape.size()) throw Error("a tensor of too few axes");
  return static_cast<std::int64_t>(shape[shape.size() - from_the_end]);
}

/// Softmax of rows of which some may be all -inf: zeros, where softmax has NaN.
TorchTensor safe_softmax(const TorchTensor& scores, std::int64_t dim) {
  const double lowest = -std::numeric_limits<double>::infinity();
  const TorchTensor hidden =
      call("all", {{"self", call("eq", {{"self", scores}, {"other", lowest}})},
                   {"dim", dim},
                   {"keepdim", true}});
  return call("masked_fill", {{"self", call("softmax", {{"self", scores}, {"dim", dim}})},
                              {"mask", hidden},
                              {"value", std::int64_t{0}}});
}

/// Keys and values of fewer heads than the queries have, each for several of them.
TorchTensor for_all_heads(const TorchTensor& tensor, std::int64_t heads) {
  const std::int64_t own = length(tensor, 3);
  if (own == heads || own == 0) return tensor;
  return call("repeat_interleave",
              {{"self", tensor}, {"repeats", heads / own}, {"dim", std::int64_t{-3}}});
}

std::vector<TorchTensor> attention(const TorchArguments& in) {
  const TorchTensor query = in.tensor("query");
  TorchTensor key = in.tensor("key");
  TorchTensor values = in.tensor("value");
  if (in.number("enable_gqa", 0) != 0) {
    key = for_all_heads(key, length(query, 3));
    values = for_all_heads(values, length(query, 3));
  }
  const double scale = in.number("scale", 1 / std::sqrt(static_cast<double>(length(query, 1))));
  const TorchTensor keys =
      call("transpose", {{"self", key}, {"dim0", std::int64_t{-2}}, {"dim1", std::int64_t{-1}}});
  TorchTensor scores =
      call("mul", {{"self", call("matmul", {{"self", query}, {"other", keys}})}, {"other", scale}});
  const double lowest = -std::numeric_limits<double>::infinity();
  TorchTensor mask = in.tensor("attn_mask");
  if (in.number("is_causal", 0) != 0)
    mask = call("tril",
                {{"self", call("ones", {{"size", std::vector{length(query, 2), length(key, 2)}},
                                        {"dtype", std::string("BOOL")}})}});
  if (mask && mask.dtype() == DType::kBool)
    scores = call(
        "masked_fill",
        {{"self", scores}, {"mask", call("logical_not", {{"self", mask}})}, {"value", lowest}});
  else if (mask)
    scores = call("add", {{"self", scores}, {"other", mask}});
  return {call("matmul", {{"self", safe_softmax(scores, -1)}, {"other", values}})};
}

std::vector<TorchTensor> safe_softmax_of(const TorchArguments& in) {
  TorchTensor scores = in.tensor("self");
  if (const auto* dtype = std::get_if<std::string>(&in.value("dtype")))
    scores = call("_to_copy", {{"self", scores}, {"dtype", *dtype}});
  return {safe_softmax(scores, static_cast<std::int64_t>(in.number("dim", -1)))};
}

/// Of several axes.
std::vector<TorchTensor> squeeze(const TorchArguments& in) {
  TorchTensor result = in.tensor("self");
  const auto* given = std::get_if<std::vector<std::int64_t>>(&in.value("dim"));
  if (given == nullptr) throw Error("argument dim is no list of numbers");
  std::vector<std::int64_t> axes = *given;
  const auto rank = static_cast<std::int64_t>(result.shape().size());
  for (std::int64_t& axis : axes)
    if (axis < 0) axis += rank;
  std::sort(axes.rbegin(), axes.rend());  // from the last one: the others stay where they are
  for (const std::int64_t axis : axes) result = call("squeeze", {{"self", result}, {"dim", axis}});
  return {result};
}

std::vector<TorchTensor> rms_norm(const TorchArguments& in) {
  const TorchTensor values = in.tensor("input");
  const auto* shape = std::get_if<std::vector<std::int64_t>>(&in.value("normalized_shape"));
  if (shape == nullptr) throw Error("argument normalized_shape is no list of numbers");
  std::vector<std::int64_t> axes;
  for (std::size_t i = 1; i <= shape->size(); ++i) axes.push_back(-static_cast<std::int64_t>(i));
  const double smallest = values.dtype() == DType::kF64 ? std::numeric_limits<double>::epsilon()
                                                        : std::numeric_limits<float>::epsilon();
  const TorchTensor squares = call(
      "mean", {{"self", call("square", {{"self", values}})}, {"dim", axes}, {"keepdim", true}});
  const TorchTensor root = call(
      "rsqrt", {{"self", call("add", {{"self", squares}, {"other", in.number("eps", smallest)}})}});
  TorchTensor result = call("mul", {{"self", values}, {"other", root}});
  if (const TorchTensor weight = in.tensor("weight"))
    result = call("mul", {{"self", result}, {"other", weight}});
  return {result};
}

void check_batch_norm(const TorchArguments& in) {
  const Shape shape = in.tensor("input").shape();
  if (shape.size() < 2) throw Error("argument input has no channels");
  const bool running = in.number("training", 0) == 0;
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) {
    const TorchTensor tensor = in.tensor(name);
    const bool needed = running && std::string_view(name).starts_with("running");
    if (tensor ? tensor.shape() != Shape{shape[1]} : needed)
      throw Error(
          fmt::format("argument {} has not one number for each of {} channels", name, shape[1]));
  }
}

void require_values(const TorchArguments& in, const char* name, std::size_t rank) {
  const TorchTensor tensor = in.tensor(name);
  const Shape shape = tensor ? tensor.shape() : Shape{0};
  if (shape.size() < rank || std::find(shape.begin(), shape.end(), 0U) != shape.end())
    throw Error(fmt::format("argument {} is empty, or has too few axes", name));
}

std::vector<TorchTensor> batch_norm_as_running(const TorchArguments& in) {
  return call_torch("aten.native_batch_norm", "",
                    {{"input", in.tensor("input")},
                     {"weight", in.tensor("weight")},
                     {"bias", in.tensor("bias")},
                     {"running_mean", in.tensor("running_mean")},
                     {"running_var", in.tensor("running_var")},
                     {"training", false},
                     {"momentum", in.number("momentum", 0.1)},
                     {"eps", in.number("eps", 1e-5)}});
}

}  // namespace

const TorchArgument::Value& TorchArguments::value(std::string_view name) const {
  static const TorchArgument::Value kNone;
  for (const TorchArgument& each : arguments_)
    if (each.name == name) return each.value;
  return kNone;
}

TorchTensor TorchArguments::tensor(std::string_view name) const {
  const TorchArgument::Value& found = value(name);
  if (std::holds_alternative<std::monostate>(found)) return {};
  if (const auto* tensor = std::get_if<TorchTensor>(&found)) return *tensor;
  throw Error(fmt::format("argument {} is no tensor", name));
}

double TorchArguments::number(std::string_view name, double otherwise) const {
  const TorchArgument::Value& found = value(name);
  if (const auto* real = std::get_if<double>(&found)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&found)) return static_cast<double>(*whole);
  if (const auto* flag = std::get_if<bool>(&found)) return *flag ? 1 : 0;
  return otherwise;
}

void check_arguments(const std::string& op, const TorchArguments& arguments) {
  if (op == "aten.native_batch_norm" || op == "aten._native_batch_norm_legit_no_training")
    check_batch_norm(arguments);
  if (op == "aten.native_channel_shuffle") {
    const double groups = arguments.number("groups", 0);
    if (groups < 1) throw Error("argument groups is not positive");
    require_values(arguments, "self", 3);
    if (arguments.tensor("self").shape()[1] % static_cast<std::uint64_t>(groups) != 0)
      throw Error("argument groups does not divide the channels");
  }
  if (op == "aten._weight_norm") {
    require_values(arguments, "v", 1);
    require_values(arguments, "g", 0);
  }
  if (op == "aten.reflection_pad1d") {
    const auto* padding = std::get_if<std::vector<std::int64_t>>(&arguments.value("padding"));
    if (padding == nullptr || padding->size() != 2)
      throw Error("argument padding is no list of two numbers");
  }
  if (arguments.number("num_layers", 1) < 1) throw Error("argument num_layers is not positive");
}

Substitute find_substitute(const std::string& op) {
  static const std::unordered_map<std::string_view, Substitute> kTable = {
      {"aten.scaled_dot_product_attention", attention},
      {"aten._safe_softmax", safe_softmax_of},
      {"aten.rms_norm", rms_norm},
      {"aten.squeeze", squeeze},
      {"aten._native_batch_norm_legit_no_training", batch_norm_as_running},
  };
  const auto found = kTable.find(op);
  return found == kTable.end() ? nullptr : found->second;
}

}  // namespace mgit
