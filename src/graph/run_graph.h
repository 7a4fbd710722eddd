// Running a graph on tensors that somebody else owns.
#pragma once

#include "mgit/graph.h"

namespace mgit {

using GivenTensors = std::map<ValueId, const GraphTensor*>;

/// As run_graph, without copies of what is given.
std::vector<GraphTensor> run_graph_on(const Graph& graph, const GivenTensors& given);

}  // namespace mgit
