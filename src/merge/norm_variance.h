// The running variance of a merged network's batch norms, without data: read off the weights.
//
// Averaging rows that agree only in part makes a channel's outputs smaller, and the stored variance
// does not know it: that is what breaks a merged network. With weights a_s of the sides s,
//
//   var_merged = n(w_merged) * sum_s a_s var_s / n(w_s),   n(w) = sum_i w_i^T R w_i,
//
// where w_i is the kernel from input channel i and R the correlation of what it sees: r to the
// distance along each axis of the kernel, r = 0.5, and none between channels. On pairs of networks
// trained here anything from 0.3 to 0.9 does, and a fit of r to the variances of the sides does not
// do better (docs/merging.md has the figures). REPAIR (Jordan et al., arXiv 2211.08403) measures
// on data what this computes.
//
// Pure: sums are float64 in a fixed order, so the same inputs give the same bytes with any number
// of threads.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "merge/batch_norms.h"
#include "mgit/tensor.h"

namespace mgit {

/// n of each output channel: shape[axis] values. `weight` is arithmetic, of rank 2 or more; `axis`
/// is 0 or 1, the other one of these two is that of the input channels.
std::vector<double> channel_energies(const TensorView& weight, std::size_t axis);

using TensorReader = std::function<TensorData(std::string_view name)>;
using EnergyReader = std::function<std::vector<double>(const NormedLayer& layer)>;

/// What one side has of the norms and the layers before them.
struct NormSide {
  TensorReader read;
  EnergyReader energies;
  double weight = 0;  // at least one side's is positive
};

/// The merged variance of one norm, rounded once to its dtype. Channels without a layer, or whose
/// energy is zero on a side, get the sides' weighted mean; where several layers write to a channel,
/// the mean of their ratios n(w_merged) / n(w_s) counts.
Buffer merged_variance(const BatchNorm& norm, std::span<const NormSide> sides,
                       const EnergyReader& merged);

}  // namespace mgit
