// One operator of a graph at a time, for those who run graphs by other means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mgit/graph.h"

namespace mgit {

/// Whether mgit knows what this operator of ATen means, and that it only computes: "aten.add".
bool is_known_operator(const std::string& op);

/// Whether run_node() computes it: those that are no operators of ATen, too ("_operator.add").
bool can_run_node(const std::string& op);

/// The results of one node, in the dtypes that the graph has for them, as run_graph() computes
/// them. Throws Error, without a place, for an operator that it does not know and shapes that do
/// not fit.
std::vector<GraphTensor> run_node(const Graph& graph, const GraphNode& node,
                                  const std::function<const GraphTensor&(ValueId)>& value);

}  // namespace mgit
