#include "repair/input_rows.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace mgit {
namespace {

std::size_t product(const std::vector<std::size_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{1}, std::multiplies<>());
}

void require_fit(bool fits) {
  if (!fits) throw Error("a layer's input, output and weight do not fit together");
}

}  // namespace

InputRows::InputRows(const LayerNode& layer, std::span<const double> values, const Shape& input,
                     const Shape& output, const Shape& weight)
    : convolution_(layer.convolution ? &*layer.convolution : nullptr), values_(values) {
  require_fit(!input.empty() && input.size() == output.size() &&
              element_count(input) == values.size());
  if (convolution_ == nullptr) {
    require_fit(weight.size() == 2);
    length_ = weight[layer.transposed ? 0 : 1];
    outputs_ = weight[layer.transposed ? 1 : 0];
    require_fit(length_ > 0 && outputs_ > 0 && input.back() == length_ &&
                output.back() == outputs_);
    samples_ = input.size() > 1 ? input.front() : 1;
    places_ = samples_ > 0 ? values.size() / length_ / samples_ : 0;
    return;
  }
  const std::size_t space = convolution_->stride.size();
  require_fit(input.size() == space + 2 && weight.size() == input.size() &&
              convolution_->groups > 0 && input[0] == output[0]);
  groups_ = static_cast<std::size_t>(convolution_->groups);
  require_fit(output[1] == weight[0] && weight[0] % groups_ == 0 &&
              input[1] == weight[1] * groups_);
  samples_ = input[0];
  channels_ = weight[1];
  outputs_ = weight[0] / groups_;
  for (std::size_t i = 2; i < input.size(); ++i) {
    input_.push_back(input[i]);
    output_.push_back(output[i]);
    kernel_.push_back(weight[i]);
  }
  length_ = channels_ * product(kernel_);
  places_ = product(output_);
  require_fit(length_ > 0 && outputs_ > 0);
}

void InputRows::read(std::size_t place, std::size_t group, std::span<double> row) const {
  if (convolution_ == nullptr) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(place * length_), length_,
                row.begin());
    return;
  }
  const std::size_t space = kernel_.size();
  std::vector<std::int64_t> corner(space);  // of the kernel at this place, in the input
  for (std::size_t rest = place % places_, axis = space; axis-- > 0; rest /= output_[axis])
    corner[axis] = static_cast<std::int64_t>(rest % output_[axis]) * convolution_->stride[axis] -
                   convolution_->padding[axis];
  const std::size_t plane = product(input_);
  const double* const channels =
      values_.data() + ((place / places_ * groups_ + group) * channels_) * plane;
  std::size_t out = 0;
  std::vector<std::size_t> offsets(length_ / channels_);  // in a plane; its size: over the border
  for (std::size_t k = 0; k < offsets.size(); ++k) {
    std::size_t offset = 0;
    std::size_t stride = 1;
    bool inside = true;
    for (std::size_t rest = k, axis = space; axis-- > 0; rest /= kernel_[axis]) {
      const std::int64_t at = corner[axis] + static_cast<std::int64_t>(rest % kernel_[axis]) *
                                                 convolution_->dilation[axis];
      inside = inside && at >= 0 && at < static_cast<std::int64_t>(input_[axis]);
      if (inside) offset += static_cast<std::size_t>(at) * stride;
      stride *= input_[axis];
    }
    offsets[k] = inside ? offset : plane;
  }
  for (std::size_t channel = 0; channel < channels_; ++channel)
    for (const std::size_t offset : offsets)
      row[out++] = offset == plane ? 0 : channels[channel * plane + offset];
}

}  // namespace mgit
