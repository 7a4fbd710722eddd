// Sums of products: Gemm, MatMul, convolutions, Einsum, attention.
#include <algorithm>
#include <array>
#include <map>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kMostSpatial = 3;

Value transposed(Operator& op, Value matrix) {
  const Sizes shape = {(*matrix.shape)[1], (*matrix.shape)[0]};
  const DType dtype = matrix.dtype;
  return op.emit("t", {{"self", op.build.id(matrix)}}, shape, dtype);
}

void gemm(Operator& op) {
  require(op.rank(0) == 2 && op.rank(1) == 2);
  Value a = op.input(0);
  Value b = op.input(1);
  const double alpha = op.real("alpha", 1);
  const double beta = op.real("beta", 1);
  const bool turned = op.number("transB", 0) != 0;
  if (op.number("transA", 0) != 0) a = transposed(op, a);
  const Sizes shape = {(*a.shape)[0], (*b.shape)[turned ? 0 : 1]};
  const bool plain = alpha == 1 && beta == 1;
  if (turned && plain && (!op.has(2) || op.rank(2) == 1)) {
    const ValueId input = op.build.id(a);
    Arguments arguments = {{"input", input}, {"weight", op.build.id(b)}};
    if (op.has(2)) arguments.emplace_back("bias", op.id(2));
    op.result("linear", std::move(arguments), shape, a.dtype);
    return;
  }
  if (turned) b = transposed(op, b);
  if (!op.has(2)) {
    Value made =
        op.emit("mm", {{"self", op.build.id(a)}, {"mat2", op.build.id(b)}}, shape, a.dtype);
    if (alpha != 1)
      made = op.emit("mul", {{"self", op.build.id(made)}, {"other", alpha}}, shape, a.dtype);
    op.outputs = {std::move(made)};
    return;
  }
  Arguments arguments = {{"self", op.id(2)}, {"mat1", op.build.id(a)}, {"mat2", op.build.id(b)}};
  if (!plain) {
    arguments.emplace_back("beta", beta);
    arguments.emplace_back("alpha", alpha);
  }
  op.result("addmm", std::move(arguments), shape, a.dtype);
}

void matmul(Operator& op) {
  const Sizes a = op.shape(0);
  const Sizes b = op.shape(1);
  require(!a.empty() && !b.empty());
  const auto batch = [](const Sizes& sizes) {
    return Sizes(sizes.begin(), sizes.end() - (sizes.size() < 2 ? 1 : 2));
  };
  Sizes shape = op.broadcast(batch(a), batch(b));
  if (a.size() > 1) shape.push_back(a[a.size() - 2]);
  if (b.size() > 1) shape.push_back(b.back());
  op.result("matmul", {{"self", op.id(0)}, {"other", op.id(1)}}, shape, op.dtype(0));
}

/// Strides, dilations and the like: one number for each axis of positions.
std::vector<std::int64_t> spatial(const Operator& op, std::string_view attribute, std::size_t count,
                                  std::int64_t standard) {
  std::vector<std::int64_t> numbers = op.numbers(attribute);
  if (numbers.empty()) numbers.assign(count, standard);
  require(numbers.size() == count);
  for (const std::int64_t number : numbers)
    require(number >= 0 && number <= std::int64_t{1} << 31 && (standard == 0 || number > 0));
  return numbers;
}

/// (length + pads - dilation * (kernel - 1) - 1) / stride + 1.
Size convolved(Size length, std::int64_t kernel, std::int64_t pads, std::int64_t stride,
               std::int64_t dilation, Builder& build) {
  if (!length.known()) return build.open();
  const std::int64_t free = length.number + pads - dilation * (kernel - 1) - 1;
  if (free < 0) throw Contradiction("a window is larger than what it slides over");
  return {free / stride + 1, 0};
}

/// The weights' sizes: [.., .., positions].
std::vector<std::int64_t> kernel_of(const Sizes& weight) {
  const auto kernel = plain(Sizes(weight.begin() + 2, weight.end()));
  require(kernel.has_value());
  for (const std::int64_t size : *kernel) require(size > 0 && size <= std::int64_t{1} << 31);
  return *kernel;
}

/// Before and after, for each axis; auto_pad is worked out.
std::vector<std::pair<std::int64_t, std::int64_t>> padding(
    const Operator& op, const Sizes& input, const std::vector<std::int64_t>& kernel,
    const std::vector<std::int64_t>& strides, const std::vector<std::int64_t>& dilations) {
  const std::size_t count = kernel.size();
  const std::string automatic = op.text("auto_pad", "NOTSET");
  std::vector<std::pair<std::int64_t, std::int64_t>> pads(count);
  if (automatic == "NOTSET") {
    const std::vector<std::int64_t> both = spatial(op, "pads", 2 * count, 0);
    for (std::size_t i = 0; i < count; ++i) pads[i] = {both[i], both[count + i]};
    return pads;
  }
  if (automatic == "VALID") return pads;
  require(automatic == "SAME_UPPER" || automatic == "SAME_LOWER");
  for (std::size_t i = 0; i < count; ++i) {
    const Size length = input[2 + i];
    require(length.known() || strides[i] == 1);
    const std::int64_t covered = dilations[i] * (kernel[i] - 1) + 1;
    const std::int64_t steps =
        length.known() ? (length.number + strides[i] - 1) / strides[i] - 1 : 0;
    const std::int64_t missing = std::max<std::int64_t>(
        0, length.known() ? steps * strides[i] + covered - length.number : covered - 1);
    const std::int64_t less = missing / 2;
    pads[i] = automatic == "SAME_UPPER" ? std::pair(less, missing - less)
                                        : std::pair(missing - less, less);
  }
  return pads;
}

void convolution(Operator& op) {
  const Sizes input = op.shape(0);
  const Sizes weight = op.shape(1);
  require(weight.size() == input.size() && weight.size() > 2 && weight.size() <= 2 + kMostSpatial);
  const std::size_t count = weight.size() - 2;
  const std::vector<std::int64_t> kernel = kernel_of(weight);
  const std::vector<std::int64_t> strides = spatial(op, "strides", count, 1);
  const std::vector<std::int64_t> dilations = spatial(op, "dilations", count, 1);
  const auto pads = padding(op, input, kernel, strides, dilations);
  Sizes shape = {input[0], weight[0]};
  std::vector<std::int64_t> same;
  std::vector<std::int64_t> around;  // the last axis first
  bool even = true;
  Sizes padded = input;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [before, after] = pads[i];
    even = even && before == after;
    same.push_back(before);
    around.insert(around.begin(), {before, after});
    padded[2 + i] = op.build.compute('+', input[2 + i], {before + after, 0});
    shape.push_back(
        convolved(input[2 + i], kernel[i], before + after, strides[i], dilations[i], op.build));
  }
  ValueId x = op.id(0);
  if (!even) {
    Value wide = op.emit("constant_pad_nd", {{"self", x}, {"pad", around}, {"value", 0.0}}, padded,
                         op.dtype(0));
    x = *wide.id;
    same.assign(count, 0);
  }
  Arguments arguments = {{"input", x}, {"weight", op.id(1)}};
  if (op.has(2)) arguments.emplace_back("bias", op.id(2));
  arguments.emplace_back("stride", strides);
  arguments.emplace_back("padding", same);
  arguments.emplace_back("dilation", dilations);
  arguments.emplace_back("groups", op.number("group", 1));
  op.result(fmt::format("conv{}d", count), std::move(arguments), shape, op.dtype(0));
}

void transposed_convolution(Operator& op) {
  const Sizes input = op.shape(0);
  const Sizes weight = op.shape(1);
  require(weight.size() == input.size() && weight.size() > 2 && weight.size() <= 2 + kMostSpatial &&
          weight[1].known());
  require(op.text("auto_pad", "NOTSET") == "NOTSET" && !op.given("output_shape"));
  const std::size_t count = weight.size() - 2;
  const std::int64_t groups = op.number("group", 1);
  require(groups > 0 && groups <= std::int64_t{1} << 31);
  const std::vector<std::int64_t> kernel = kernel_of(weight);
  const std::vector<std::int64_t> strides = spatial(op, "strides", count, 1);
  const std::vector<std::int64_t> dilations = spatial(op, "dilations", count, 1);
  const std::vector<std::int64_t> more = spatial(op, "output_padding", count, 0);
  const std::vector<std::int64_t> pads = spatial(op, "pads", 2 * count, 0);
  Sizes shape = {input[0], op.build.compute('*', weight[1], {groups, 0})};
  std::vector<std::int64_t> same;
  for (std::size_t i = 0; i < count; ++i) {
    require(pads[i] == pads[count + i]);
    same.push_back(pads[i]);
    const Size steps = op.build.compute('-', input[2 + i], {1, 0});
    shape.push_back(
        op.build.compute('+', op.build.compute('*', steps, {strides[i], 0}),
                         {dilations[i] * (kernel[i] - 1) + more[i] + 1 - 2 * pads[i], 0}));
  }
  Arguments arguments = {{"input", op.id(0)}, {"weight", op.id(1)}};
  if (op.has(2)) arguments.emplace_back("bias", op.id(2));
  arguments.emplace_back("stride", strides);
  arguments.emplace_back("padding", same);
  arguments.emplace_back("output_padding", more);
  arguments.emplace_back("groups", groups);
  arguments.emplace_back("dilation", dilations);
  op.result(fmt::format("conv_transpose{}d", count), std::move(arguments), shape, op.dtype(0));
}

/// The output's lengths, by letter; nothing for "...".
std::optional<Sizes> equation_shape(Operator& op, std::string equation) {
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  if (arrow == std::string::npos || equation.find('.') != std::string::npos) return std::nullopt;
  std::map<char, Size> lengths;
  std::size_t at = 0;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    for (const Size& length : op.shape(i)) {
      if (at >= arrow || equation[at] == ',') return std::nullopt;
      const auto [known, fresh] = lengths.emplace(equation[at], length);
      if (!fresh && length.known() && (!known->second.known() || known->second == Size{1, 0}))
        known->second = length;
      ++at;
    }
    if (at != arrow && equation[at] != ',') return std::nullopt;
    ++at;
  }
  Sizes shape;
  for (const char letter : equation.substr(arrow + 2)) {
    const auto found = lengths.find(letter);
    if (found == lengths.end()) return std::nullopt;
    shape.push_back(found->second);
  }
  return shape;
}

void einsum(Operator& op) {
  const std::string equation = op.text("equation", "");
  const auto shape = equation_shape(op, equation);
  require(shape.has_value());
  std::vector<Value> operands;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) operands.push_back(op.input(i));
  op.result("einsum", {{"equation", equation}, {"tensors", op.build.tensors(operands)}}, *shape,
            op.dtype(0));
}

/// Attention of version 23 on [batch, heads, positions, depth], without a cache.
void attention(Operator& op) {
  require(op.rank(0) == 4 && op.rank(1) == 4 && op.rank(2) == 4);
  require(!op.has(4) && !op.has(5) && !op.has(6) && op.wanted < 2);
  require(op.real("softcap", 0) == 0 && op.number("qk_matmul_output_mode", 0) == 0);
  Arguments arguments = {{"query", op.id(0)}, {"key", op.id(1)}, {"value", op.id(2)}};
  if (op.has(3)) arguments.emplace_back("attn_mask", op.id(3));
  arguments.emplace_back("is_causal", op.number("is_causal", 0) != 0);
  if (op.given("scale")) arguments.emplace_back("scale", op.real("scale", 1));
  const Sizes query = op.shape(0);
  if (query[1] != op.shape(1)[1]) arguments.emplace_back("enable_gqa", true);
  op.result("scaled_dot_product_attention", std::move(arguments),
            {query[0], query[1], query[2], op.shape(2)[3]}, op.dtype(0));
}

constexpr std::array kRows =
    std::to_array<TranslatorRow>({{"Attention", attention},
                                  {"Conv", convolution},
                                  {"ConvTranspose", transposed_convolution},
                                  {"Einsum", einsum},
                                  {"Gemm", gemm},
                                  {"MatMul", matmul}});

}  // namespace

std::span<const TranslatorRow> contraction_translators() { return kRows; }

}  // namespace mgit::onnx
