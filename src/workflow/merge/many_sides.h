// Several sides of a merge brought into one basin together.
#pragma once

#include "mgit/workspace.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// Once each side was matched with ours: where two or more of them move, their permutations are
/// those that fit all models at once (match/many_models.h). Leaves a plan of two models, one of
/// changed tensors only, and a method that needs more than weights as they are. Reads weights.
void bring_together(const Workspace& repository, const MergeOptions& options, ModelPlan& plan);

}  // namespace mgit
