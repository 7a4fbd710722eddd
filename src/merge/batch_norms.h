// Batch norms of a network, and the layers whose outputs they normalise: what it takes to set their
// running statistics anew without data.
//
// A spec says which units a norm and a layer have in common, names say the rest: `bn2` is of
// `conv2`, `downsample.1` of `downsample.0`. Where no name decides, all layers that make those
// units and have no norm of their own count together: one, or those that write to a residual
// stream. A norm on a concatenation has such layers for each of its parts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/perm.h"

namespace mgit {

/// A linear layer or a convolution.
struct NormedLayer {
  std::string weight;    // the name of its weight
  std::size_t axis = 0;  // of its outputs: 1 of a transposed convolution
  bool grouped = false;  // a convolution whose channels do not all see the same inputs
  bool operator==(const NormedLayer&) const = default;
};

/// Channels of a norm that come from the same layers, one layer or the writers of a stream. None:
/// what arrives was normalised before, or where it comes from is not known.
struct NormedChannels {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::vector<NormedLayer> layers;
  bool operator==(const NormedChannels&) const = default;
};

struct BatchNorm {
  std::string variance;  // the name of its running variance
  std::vector<NormedChannels> channels;
};

/// Norms with running statistics of which at least one channel has a layer; sorted by name.
/// `network` is what `spec` was bound to. Cost: norms times tensors with the same units.
std::vector<BatchNorm> batch_norms(const Spec& spec, const std::vector<TensorInfo>& network);

/// The norm with this running variance; nullptr if it is not among these, which are sorted by name.
const BatchNorm* find_norm(const std::vector<BatchNorm>& norms, std::string_view variance);

/// Whether the name is that of a running mean or variance.
bool is_running_statistic(std::string_view name);

}  // namespace mgit
