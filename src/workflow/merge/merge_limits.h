// What a merge may cost: the limits of .mgitconfig, held by the hooks pre-merge-commit and
// pre-commit.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// One line for each model of the merge under way that is past a limit which HEAD's .mgitconfig
/// sets, or that cannot be judged. A rise is the merged model's loss over ours; a barrier is its
/// loss over the mean of all sides'. Empty where no merge is under way, none of its models has
/// limits, or mgit.evaluateMerges is false. Runs the network, if it is trusted.
std::vector<std::string> past_merge_limits(Workspace& repository);

}  // namespace mgit
