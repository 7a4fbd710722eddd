// Norms and layers among the nodes of a graph: what a repair with data can change.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mgit/graph.h"

namespace mgit {

/// A batch norm with running statistics that are parameters.
struct NormNode {
  std::size_t node = 0;
  ValueId input = 0;
  ValueId mean = 0;
  ValueId variance = 0;
  std::optional<ValueId> weight;
  double epsilon = 1e-5;
};

struct Convolution {
  std::vector<std::int64_t> stride;  // as many as there are axes of space
  std::vector<std::int64_t> padding;
  std::vector<std::int64_t> dilation;
  std::int64_t groups = 1;
};

/// A linear layer or a convolution whose weight is a parameter of its own.
struct LayerNode {
  std::size_t node = 0;
  ValueId input = 0;
  ValueId output = 0;
  ValueId weight = 0;
  bool transposed = false;  // the weight is inputs x outputs
  std::optional<ValueId> bias;
  std::optional<Convolution> convolution;
  std::optional<NormNode> norm;  // that alone reads the output

  // What the layer is fitted to: the parents' mean of `target`, less the repaired network's
  // `other`. A norm keeps its own mean and deviation: before one there is no `other`.
  std::size_t target_node = 0;     // that makes `target`
  ValueId target = 0;              // the output, the norm's, or what a residual stream becomes
  std::optional<ValueId> other{};  // the stream that it is added to, made before the layer runs
};

struct NetworkNodes {
  std::vector<LayerNode> layers;  // in the order of the graph
  std::vector<NormNode> norms;    // all of them, those of layers too; in the order of the graph
};

/// Layers whose weight or output something else uses as well are left out (tied embeddings, layers
/// that run twice), and those that make an output of the network: what is averaged there is softer
/// than what the parents say, which their loss likes. Transposed convolutions are left out.
NetworkNodes network_nodes(const Graph& graph);

/// Calls visit(ValueId) for every value that a node is given.
template <typename Visit>
void for_each_given(const GraphNode& node, const Visit& visit) {
  for (const auto& [name, argument] : node.arguments) {
    if (const auto* id = std::get_if<ValueId>(&argument)) visit(*id);
    if (const auto* ids = std::get_if<std::vector<std::optional<ValueId>>>(&argument))
      for (const auto& id : *ids)
        if (id) visit(*id);
  }
}

}  // namespace mgit
