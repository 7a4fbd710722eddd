// The spec of a model from the graph of its network.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "mgit/graph.h"

namespace mgit {

/// What a graph allows, and the prefix of the weights in the file that it speaks of.
struct ModelDerivation {
  Derivation derivation;
  Spec spec;  // bound to those weights; its proof is kAlgebraic
  std::string prefix;
};

/// Derives from the graph for the file, or for the weights in it where the file holds more.
/// `repository` may be null. Throws Error where the graph is that of another network.
ModelDerivation derive_model(const Graph& graph, const Repository* repository,
                             const std::optional<Oid>& commit, const std::string& path,
                             const std::vector<TensorInfo>& tensors);

/// In words why nothing of a network can be reordered: the first pins.
std::string describe_pins(const Derivation& derivation);

}  // namespace mgit
