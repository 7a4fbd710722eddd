// How alike the units of two models are by what they compute on data.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eval/graph_network.h"
#include "mgit/graph.h"
#include "mgit/tensor.h"

namespace mgit {

/// For each group the axes on which its units stand in values of the network's graph, as
/// unit_axes() finds them; the graph's names have `prefix` before those of the weights.
using ChooseUnits = std::function<std::vector<std::vector<UnitAxis>>(const Graph& graph,
                                                                     const std::string& prefix)>;

/// For each group, Pearson's correlation of every unit of A (row) with every unit of B over all
/// samples and places of the data, the mean of its values where it has several; 0 for a unit that
/// never changes; empty for a group without values. Both models run on one batch after the other,
/// once; sums in float64. `progress`: samples that are done. Throws Error as evaluating does.
std::vector<std::vector<double>> unit_correlations(
    GraphNetwork& network, const TensorSource& a, const TensorSource& b, const ChooseUnits& choose,
    const std::function<void(std::uint64_t done)>& progress = {});

}  // namespace mgit
