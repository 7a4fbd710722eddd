// The running variance of a merged network's batch norms, without data: read off the weights.
//
// Averaging rows that agree only in part makes a channel's outputs smaller, and the stored variance
// does not know it: that is what breaks a merged network. A channel's variance is a quadratic form
// of its row w: w^T C w, where C is the covariance of what the layer sees. Written as
//
//   var = n(w) * gain(direction of w),   n(w) = sum_i w_i^T R w_i,
//
// with w_i the kernel from input channel i and R the correlation of neighbouring places (1/2 to the
// distance along each axis of the kernel), the gain is known for the rows of every side. That of a
// merged row is predicted from them: kernel ridge regression of log(var / n) with the squared
// cosine between rows, which is the kernel of quadratic forms, over 64 channels at a time. What a
// side's own gain differs from its prediction counts as far as the merged row is that row, so that
// models that agree keep their variances. docs/concepts.md has figures. REPAIR (Jordan et al.,
// arXiv 2211.08403) measures on data what this computes.
//
// Pure: sums are float64 in a fixed order, the same with any number of threads.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "merge/batch_norms.h"
#include "mgit/tensor.h"

namespace mgit {

using TensorReader = std::function<TensorData(std::string_view name)>;

/// A model that takes part, with its share; at least one share is positive.
struct NormSide {
  TensorReader read;
  double weight = 0;
};

/// The merged variance of one norm, rounded once to its dtype; `merged` reads the merged layers.
/// Channels without a layer, or whose row or variance is zero or not finite on a side, get the
/// sides' weighted mean. Where several layers write to a channel, gains are left out: the mean of
/// their ratios n(w_merged) / n(w_side) counts. Cost: about 400 operations for each weight.
Buffer merged_variance(const BatchNorm& norm, std::span<const NormSide> sides,
                       const TensorReader& merged);

}  // namespace mgit
