// Operators over positions: pooling, padding, resizing, pixels to channels and back.
#include <algorithm>
#include <array>
#include <cmath>

#include "graph/onnx/operator.h"

namespace mgit::onnx {
namespace {

constexpr std::size_t kMostSpatial = 3;
constexpr std::int64_t kLargest = std::int64_t{1} << 31;

std::vector<std::int64_t> each_axis(const Operator& op, std::string_view attribute,
                                    std::size_t count, std::int64_t standard) {
  std::vector<std::int64_t> numbers = op.numbers(attribute);
  if (numbers.empty()) numbers.assign(count, standard);
  require(numbers.size() == count);
  for (const std::int64_t number : numbers)
    require(number >= 0 && number <= kLargest && (standard == 0 || number > 0));
  return numbers;
}

/// As PyTorch counts: with ceil, no window begins behind the end.
Size pooled(Operator& op, Size length, std::int64_t covered, std::int64_t pad, std::int64_t stride,
            bool ceil) {
  if (!length.known()) return op.build.open();
  const std::int64_t free = length.number + 2 * pad - covered;
  if (free < 0) throw Contradiction("a window is larger than what it slides over");
  std::int64_t count = (free + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (count - 1) * stride >= length.number + pad) --count;
  return {count, 0};
}

void pool(Operator& op, bool maximum) {
  const Sizes input = op.shape(0);
  require(input.size() > 2 && input.size() <= 2 + kMostSpatial && op.wanted < 2);
  require(op.text("auto_pad", "NOTSET") == "NOTSET" || op.text("auto_pad", "") == "VALID");
  const std::size_t count = input.size() - 2;
  const std::vector<std::int64_t> kernel = each_axis(op, "kernel_shape", count, 1);
  const std::vector<std::int64_t> strides = each_axis(op, "strides", count, 1);
  const std::vector<std::int64_t> dilations = each_axis(op, "dilations", count, 1);
  std::vector<std::int64_t> pads = each_axis(op, "pads", 2 * count, 0);
  const bool ceil = op.number("ceil_mode", 0) != 0;
  Sizes shape(input.begin(), input.begin() + 2);
  ValueId from = op.id(0);
  const bool even = std::equal(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(count),
                               pads.begin() + static_cast<std::ptrdiff_t>(count));
  Sizes padded = input;
  if (!even) {
    const bool counted = op.number("count_include_pad", 0) != 0;
    require(maximum || counted);
    std::vector<std::int64_t> around;
    for (std::size_t i = 0; i < count; ++i) {
      around.insert(around.begin(), {pads[i], pads[count + i]});
      padded[2 + i] = op.build.compute('+', input[2 + i], {pads[i] + pads[count + i], 0});
    }
    from = *op.emit("constant_pad_nd",
                    {{"self", from},
                     {"pad", around},
                     {"value", maximum ? -std::numeric_limits<double>::infinity() : 0.0}},
                    padded, op.dtype(0))
                .id;
    std::fill(pads.begin(), pads.end(), 0);
  }
  for (std::size_t i = 0; i < count; ++i)
    shape.push_back(
        pooled(op, padded[2 + i], dilations[i] * (kernel[i] - 1) + 1, pads[i], strides[i], ceil));
  pads.resize(count);
  Arguments arguments = {
      {"self", from}, {"kernel_size", kernel}, {"stride", strides}, {"padding", pads}};
  if (maximum) {
    arguments.emplace_back("dilation", dilations);
    arguments.emplace_back("ceil_mode", ceil);
  } else {
    require(std::all_of(dilations.begin(), dilations.end(), [](auto each) { return each == 1; }));
    arguments.emplace_back("ceil_mode", ceil);
    arguments.emplace_back("count_include_pad", op.number("count_include_pad", 0) != 0);
  }
  op.result(fmt::format("{}_pool{}d", maximum ? "max" : "avg", count), std::move(arguments), shape,
            op.dtype(0));
}

void max_pool(Operator& op) { pool(op, true); }
void average_pool(Operator& op) { pool(op, false); }

void pad(Operator& op) {
  const auto pads = op.plain_numbers("pads", 1);
  const std::string mode = op.text("mode", "constant");
  const Sizes input = op.shape(0);
  const std::size_t rank = input.size();
  require(pads.has_value() && rank > 0);
  std::vector<std::size_t> axes;
  if (const auto given = op.plain_numbers("", 3)) {
    for (const std::int64_t axis : *given) axes.push_back(Operator::axis(axis, rank));
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  require(pads->size() == 2 * axes.size());
  std::vector<std::int64_t> around(2 * rank);  // the last axis first
  Sizes shape = input;
  std::size_t deepest = rank;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t before = (*pads)[i];
    const std::int64_t after = (*pads)[axes.size() + i];
    require(std::abs(before) <= kLargest && std::abs(after) <= kLargest);
    const std::size_t axis = axes[i];
    around[2 * (rank - 1 - axis)] = before;
    around[2 * (rank - 1 - axis) + 1] = after;
    if (before != 0 || after != 0) deepest = std::min(deepest, axis);
    shape[axis] = op.build.compute('+', shape[axis], {before + after, 0});
  }
  if (deepest == rank) {
    op.outputs = {op.input(0)};
    return;
  }
  around.resize(2 * (rank - deepest));
  Arguments arguments = {{"self", op.id(0)}, {"pad", around}};
  if (mode == "constant") {
    double value = op.given("value") ? op.real("value", 0) : 0;
    if (op.has(2)) {
      const auto given = op.build.scalar(op.input(2));
      require(given.has_value());
      value = *given;
    }
    arguments.emplace_back("value", value);
    op.result("constant_pad_nd", std::move(arguments), shape, op.dtype(0));
    return;
  }
  require(mode == "reflect" || mode == "edge" || mode == "wrap");
  arguments.emplace_back("mode", std::string(mode == "edge"   ? "replicate"
                                             : mode == "wrap" ? "circular"
                                                              : "reflect"));
  op.result("pad", std::move(arguments), shape, op.dtype(0));
}

/// The lengths that a Resize makes.
Sizes resized(Operator& op, const Sizes& input) {
  if (op.has(3)) {
    const auto sizes = op.sizes("", 3);
    require(sizes && sizes->size() == input.size());
    return *sizes;
  }
  require(op.has(2) && op.input(2).reals.has_value());
  const std::vector<double>& scales = *op.input(2).reals;
  require(scales.size() == input.size());
  Sizes shape = input;
  for (std::size_t i = 0; i < input.size(); ++i) {
    require(scales[i] > 0 && scales[i] < 1e6);
    if (scales[i] == 1) continue;
    shape[i] = input[i].known() ? Size{static_cast<std::int64_t>(std::floor(
                                           static_cast<double>(input[i].number) * scales[i])),
                                       0}
                                : op.build.open();
  }
  return shape;
}

void resize(Operator& op) {
  const Sizes input = op.shape(0);
  require(input.size() > 2 && input.size() <= 2 + kMostSpatial);
  require(!op.given("axes") && op.number("antialias", 0) == 0 &&
          op.number("exclude_outside", 0) == 0);
  require(op.text("keep_aspect_ratio_policy", "stretch") == "stretch");
  const Sizes shape = resized(op, input);
  require(shape[0] == input[0] && shape[1] == input[1]);
  const std::size_t count = input.size() - 2;
  const std::string mode = op.text("mode", "nearest");
  const std::string place = op.text("coordinate_transformation_mode", "half_pixel");
  Argument size = op.build.sizes(Sizes(shape.begin() + 2, shape.end()));
  Arguments arguments = {{"self", op.id(0)}, {"output_size", std::move(size)}};
  std::string name;
  if (mode == "nearest") {
    const std::string nearest = op.text("nearest_mode", "round_prefer_floor");
    require(place == "asymmetric" && nearest == "floor");
    name = fmt::format("upsample_nearest{}d", count);
  } else {
    const bool aligned = place == "align_corners";
    require(aligned || place == "half_pixel" || place == "pytorch_half_pixel");
    require(mode == "linear" ||
            (mode == "cubic" && count == 2 && op.real("cubic_coeff_a", -0.75) == -0.75));
    static constexpr const char* kLinear[] = {"upsample_linear1d", "upsample_bilinear2d",
                                              "upsample_trilinear3d"};
    name = mode == "linear" ? kLinear[count - 1] : "upsample_bicubic2d";
    arguments.emplace_back("align_corners", aligned);
  }
  op.result(name, std::move(arguments), shape, op.dtype(0));
}

/// [batch, channels, height, width] and a block size that divides what it has to.
struct Picture {
  Sizes shape;
  Size block;
  std::int64_t size = 0;
};
Picture picture(Operator& op) {
  Picture found;
  found.shape = op.shape(0);
  found.size = op.number("blocksize", 0);
  require(found.shape.size() == 4 && found.size > 0 && found.size < 65536);
  found.block = {found.size, 0};
  return found;
}

void depth_to_space(Operator& op) {
  const auto [shape, block, size] = picture(op);
  require(shape[1].known() && shape[1].number % (size * size) == 0);
  const Size channels = {shape[1].number / (size * size), 0};
  const Sizes made = {shape[0], channels, op.build.compute('*', shape[2], block),
                      op.build.compute('*', shape[3], block)};
  if (op.text("mode", "DCR") == "CRD") {
    op.result("pixel_shuffle", {{"self", op.id(0)}, {"upscale_factor", size}}, made, op.dtype(0));
    return;
  }
  const Value apart =
      op.reshape(op.input(0), {shape[0], block, block, channels, shape[2], shape[3]});
  op.outputs = {op.reshape(op.permute(apart, {0, 3, 4, 1, 5, 2}), made)};
}

void space_to_depth(Operator& op) {
  const auto [shape, block, size] = picture(op);
  for (std::size_t i = 2; i < 4; ++i) require(shape[i].known() && shape[i].number % size == 0);
  const Size height = {shape[2].number / size, 0};
  const Size width = {shape[3].number / size, 0};
  const Value apart = op.reshape(op.input(0), {shape[0], shape[1], height, block, width, block});
  op.outputs = {
      op.reshape(op.permute(apart, {0, 3, 5, 1, 2, 4}),
                 {shape[0], op.build.compute('*', shape[1], {size * size, 0}), height, width})};
}

constexpr std::array kRows = std::to_array<TranslatorRow>({{"AveragePool", average_pool},
                                                           {"DepthToSpace", depth_to_space},
                                                           {"MaxPool", max_pool},
                                                           {"Pad", pad},
                                                           {"Resize", resize},
                                                           {"SpaceToDepth", space_to_depth}});

}  // namespace

std::span<const TranslatorRow> spatial_translators() { return kRows; }

}  // namespace mgit::onnx
