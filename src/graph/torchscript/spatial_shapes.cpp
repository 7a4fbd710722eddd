// The shapes that operators over space give.
#include <cmath>

#include "graph/interpreter/windows.h"
#include "graph/torchscript/shape_rules.h"

namespace mgit::torchscript {

namespace {

using interpreter::Call;
using interpreter::require;

Shape of(const Call& call, std::string_view name) { return call.tensor(name).shape; }

Shape convolved(const Shape& input, const Shape& weight, const Call& call, bool transposed) {
  require(weight.size() >= 3 && weight.size() <= 5, "weights of no convolution");
  const std::size_t space = weight.size() - 2;
  require(input.size() == space + 1 || input.size() == space + 2,
          "a convolution of an input with other axes");
  const auto stride = call.naturals("stride", space, 1);
  const Argument* given = call.node().find("padding");
  const bool word = given != nullptr && std::holds_alternative<std::string>(*given);
  const bool same_length = word && std::get<std::string>(*given) == "same";
  const auto padding = word ? std::vector<std::size_t>(space) : call.naturals("padding", space, 0);
  const auto dilation = call.naturals("dilation", space, 1);
  const std::uint64_t groups = static_cast<std::uint64_t>(call.integer("groups", 1));
  const std::size_t channel = input.size() - space - 1;
  require(groups > 0 && groups < (1 << 20) &&
              input[channel] == (transposed ? weight[0] : weight[1] * groups),
          "a convolution of other channels");
  Shape shape = input;
  shape[channel] = transposed ? weight[1] * groups : weight[0];
  const auto more = call.naturals("output_padding", space, 0);
  for (std::size_t i = 0; i < space; ++i) {
    for (const std::size_t each : {stride[i], padding[i], dilation[i], more[i]})
      require(each < (1 << 14), "a window of huge size");
    std::uint64_t& length = shape[channel + 1 + i];
    require(stride[i] > 0 && weight[2 + i] > 0 && length > 0, "a window of no size");
    if (same_length) continue;  // their stride is 1
    const std::uint64_t reach = dilation[i] * (weight[2 + i] - 1) + 1;
    const std::uint64_t ends = 2 * padding[i];
    const std::uint64_t room =
        transposed ? (length - 1) * stride[i] + reach + more[i] : length + ends;
    require(room > (transposed ? ends : reach - 1), "a window that is larger than its space");
    length = transposed ? room - ends : (room - reach) / stride[i] + 1;
  }
  return shape;
}

Shapes convolution(const Call& call) {
  return {convolved(
      of(call, "input"), of(call, "weight"), call,
      call.flag("transposed", false) || call.node().op.find("transpose") != std::string::npos)};
}

Shapes pooled(const Call& call) {
  Shape shape = of(call, "self");
  const std::size_t space = call.node().op.find("2d") != std::string::npos ? 2 : 1;
  require(shape.size() > space, "a picture of no channels");
  const interpreter::Integers to = call.integers("output_size");
  require(to.size() == space || to.size() == 1, "another number of axes");
  for (std::size_t i = 0; i < space; ++i) {
    const std::int64_t length = to[to.size() == 1 ? 0 : i];
    require(length >= 0, "a negative length");
    shape[shape.size() - space + i] = static_cast<std::uint64_t>(length);
  }
  return {shape};
}

Shapes resampled(const Call& call) {
  Shape shape = of(call, call.node().find("self") != nullptr ? "self" : "input");
  require(shape.size() >= 3 && shape.size() <= 5, "a picture of other axes");
  const std::size_t space = shape.size() - 2;
  if (call.has("output_size")) {
    const auto to = call.naturals("output_size", space, 1);
    std::copy(to.begin(), to.end(), shape.begin() + 2);
    return {shape};
  }
  const Argument* scales = call.node().find("scale_factors");
  const auto* factors = scales == nullptr ? nullptr : std::get_if<std::vector<double>>(scales);
  require(factors != nullptr && factors->size() == space, "it is not told how large it becomes");
  for (std::size_t i = 0; i < space; ++i) {
    const double length = std::floor(static_cast<double>(shape[2 + i]) * (*factors)[i]);
    require(length >= 1 && length < (1 << 26), "a scale that leaves nothing, or too much");
    shape[2 + i] = static_cast<std::uint64_t>(length);
  }
  return {shape};
}

Shapes windowed(const Call& call) {
  const Shape shape = of(call, "self");
  const std::size_t digit = call.node().op.find_first_of("123");
  const auto space = static_cast<std::size_t>(call.node().op.at(digit) - '0');
  require(shape.size() > space, "an input of fewer axes");
  interpreter::Windows windows;
  windows.kernel = interpreter::triple(call.naturals("kernel_size", space, 1), 1);
  windows.stride = windows.kernel;
  if (call.has("stride") && !call.integers("stride").empty())
    windows.stride = interpreter::triple(call.naturals("stride", space, 1), 1);
  windows.before = windows.after = interpreter::triple(call.naturals("padding", space, 0), 0);
  windows.dilation = interpreter::triple(call.naturals("dilation", space, 1), 1);
  const Shape pooled = interpreter::with_space(
      shape, space,
      windows.count_in(interpreter::lengths_of(shape, space), call.flag("ceil_mode", false)));
  return {pooled, pooled};
}

}  // namespace

const ShapeRules& spatial_shape_rules() {
  static const ShapeRules kRules = [] {
    ShapeRules table = {
        {"conv1d", convolution},           {"conv2d", convolution},
        {"conv3d", convolution},           {"conv_transpose1d", convolution},
        {"conv_transpose2d", convolution}, {"conv_transpose3d", convolution},
        {"convolution", convolution},      {"adaptive_avg_pool1d", pooled},
        {"adaptive_avg_pool2d", pooled},   {"_adaptive_avg_pool2d", pooled},
        {"max_pool1d", windowed},          {"max_pool2d", windowed},
        {"max_pool3d", windowed},          {"max_pool2d_with_indices", windowed},
        {"avg_pool1d", windowed},          {"avg_pool2d", windowed},
        {"avg_pool3d", windowed},
    };
    for (const char* op :
         {"upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d",
          "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
          "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d",
          "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"})
      table.emplace(op, resampled);
    return table;
  }();
  return kRules;
}

}  // namespace mgit::torchscript
