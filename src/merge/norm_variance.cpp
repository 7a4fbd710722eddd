#include "merge/norm_variance.h"

#include <cmath>
#include <cstddef>
#include <numeric>

#include "base/threads.h"

namespace mgit {
namespace {

constexpr double kCorrelation = 0.5;

/// values^T R values over a kernel; R is applied along one axis after the other, by what comes from
/// before and what comes from behind.
class KernelEnergy {
 public:
  explicit KernelEnergy(std::span<const std::uint64_t> kernel)
      : kernel_(kernel.begin(), kernel.end()),
        seen_(std::accumulate(kernel.begin(), kernel.end(), std::size_t{1}, std::multiplies<>())) {}

  std::size_t size() const { return seen_.size(); }

  double of(std::span<const double> values) {
    std::copy(values.begin(), values.end(), seen_.begin());
    std::size_t stride = seen_.size();
    for (const std::size_t length : kernel_) {
      const std::size_t outer = seen_.size() / stride;
      stride /= length;
      if (length < 2) continue;
      for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t i = 0; i < stride; ++i) correlate(o * length * stride + i, length, stride);
    }
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[i] * seen_[i];
    return sum;
  }

 private:
  void correlate(std::size_t first, std::size_t length, std::size_t stride) {
    line_.resize(length);
    double behind = 0;
    for (std::size_t k = length; k-- > 0;) {
      line_[k] = kCorrelation * behind;
      behind = seen_[first + k * stride] + line_[k];
    }
    double before = 0;
    for (std::size_t k = 0; k < length; ++k) {
      double& value = seen_[first + k * stride];
      before = value + kCorrelation * before;
      value = before + line_[k];
    }
  }

  std::vector<std::size_t> kernel_;
  std::vector<double> seen_;
  std::vector<double> line_;
};

}  // namespace

std::vector<double> channel_energies(const TensorView& weight, std::size_t axis) {
  if (weight.shape.size() < 2 || axis > 1) throw Error("a layer's weight has two axes or more");
  const std::size_t channels = weight.shape[axis];
  const std::size_t inputs = weight.shape[1 - axis];
  const std::size_t element = dtype_bits(weight.dtype) / 8;
  std::vector<double> energies(channels);
  if (weight.data.empty()) return energies;
  parallel_for(channels, [&](std::size_t channel) {
    KernelEnergy kernel(std::span(weight.shape).subspan(2));
    const std::size_t size = kernel.size();
    std::vector<double> values(size);
    double sum = 0;
    for (std::size_t input = 0; input < inputs; ++input) {
      const std::size_t block = axis == 0 ? channel * inputs + input : input * channels + channel;
      to_double({weight.dtype, {size}, weight.data.subspan(block * size * element, size * element)},
                values);
      sum += kernel.of(values);
    }
    energies[channel] = sum;
  });
  return energies;
}

Buffer merged_variance(const BatchNorm& norm, std::span<const NormSide> sides,
                       const EnergyReader& merged) {
  double total = 0;
  for (const NormSide& side : sides) total += side.weight;
  std::vector<double> result;
  TensorView view;
  for (const NormSide& side : sides) {
    const TensorData data = side.read(norm.variance);
    view = {data.view.dtype, data.view.shape, {}};
    std::vector<double> variance(*element_count(view.shape));
    to_double(data.view, variance);
    result.resize(variance.size());
    // A weight of zero takes no part, not even with an infinity.
    if (side.weight == 0) continue;
    for (const NormedChannels& part : norm.channels) {
      if (part.layers.empty()) continue;
      std::vector<double> ratio(part.end - part.begin);
      for (const NormedLayer& layer : part.layers) {
        const std::vector<double> before = side.energies(layer);
        const std::vector<double> after = merged(layer);
        for (std::size_t i = 0; i < ratio.size(); ++i) ratio[i] += after[i] / before[i];
      }
      for (std::size_t i = 0; i < ratio.size(); ++i) {
        const double mean = ratio[i] / static_cast<double>(part.layers.size());
        if (std::isfinite(mean)) variance[part.begin + i] *= mean;
      }
    }
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += side.weight / total * variance[i];
  }
  Buffer bytes(*byte_size(view.dtype, view.shape));
  from_double(result, view.dtype, bytes);
  return bytes;
}

}  // namespace mgit
