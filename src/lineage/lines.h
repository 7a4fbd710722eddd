// Which node of a model's history has weights that an earlier one of its line had?
#pragma once

#include <map>
#include <vector>

#include "lineage/model_history.h"

namespace mgit {

/// Sets back_to of every node that is neither a merge nor a rebase and has the weights of one
/// further back in its line: a revert, or a checkout of an old file. Of several, the latest. Costs
/// a look-up per node and line.
void find_returns(std::vector<ModelNode>& nodes);

}  // namespace mgit
