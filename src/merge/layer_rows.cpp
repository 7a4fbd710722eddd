#include "merge/layer_rows.h"

#include <array>
#include <cmath>

namespace mgit {
namespace {

constexpr double kCorrelation = 0.5;

/// Multiplies the values of one line by the transposed Cholesky factor of the correlations
/// kCorrelation^|i - j|: what comes behind is taken in, and all but the first are scaled.
void whiten(double* first, std::size_t length, std::size_t stride) {
  const double scale = std::sqrt(1 - kCorrelation * kCorrelation);
  double behind = 0;
  for (std::size_t k = length; k-- > 0;) {
    behind = first[k * stride] + kCorrelation * behind;
    first[k * stride] = k == 0 ? behind : scale * behind;
  }
}

/// Along every axis of a kernel.
void whiten(std::span<double> kernel, std::span<const std::uint64_t> shape) {
  if (kernel.size() < 2) return;
  std::size_t stride = kernel.size();
  for (const std::size_t length : shape) {
    const std::size_t outer = kernel.size() / stride;
    stride /= length;
    if (length < 2) continue;
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < stride; ++i)
        whiten(kernel.data() + o * length * stride + i, length, stride);
  }
}

}  // namespace

LayerRows::LayerRows(const TensorView& weight, std::size_t axis) : weight_(weight), axis_(axis) {
  if (weight.shape.size() < 2 || axis > 1) throw Error("a layer's weight has two axes or more");
  count_ = weight.shape[axis];
  inputs_ = weight.shape[1 - axis];
  kernel_ = 1;
  for (std::size_t i = 2; i < weight.shape.size(); ++i) kernel_ *= weight.shape[i];
  if (kernel_ == 0) inputs_ = 0;
}

void LayerRows::read(std::size_t index, std::span<double> row) const {
  const std::size_t element = dtype_bits(weight_.dtype) / 8;
  const auto values = [&](std::size_t first, std::span<double> out) {
    to_double(
        {weight_.dtype, {out.size()}, weight_.data.subspan(first * element, out.size() * element)},
        out);
  };
  if (axis_ == 0) values(index * length(), row);
  for (std::size_t input = 0; input < inputs_; ++input) {
    const std::span<double> kernel = row.subspan(input * kernel_, kernel_);
    if (axis_ == 1) values((input * count_ + index) * kernel_, kernel);
    whiten(kernel, std::span(weight_.shape).subspan(2));
  }
}

double inner_product(std::span<const double> a, std::span<const double> b) {
  std::array<double, 8> sums{};
  const std::size_t whole = a.size() / sums.size() * sums.size();
  for (std::size_t i = 0; i < whole; i += sums.size())
    for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += a[i + j] * b[i + j];
  for (std::size_t i = whole; i < a.size(); ++i) sums[i - whole] += a[i] * b[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace mgit
