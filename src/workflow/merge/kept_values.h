// Values beside tensors, like an epoch, that a combined file has from ours alone.
#pragma once

#include <string>

#include "mgit/store.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// "epoch is 5, 3 there" and so on, for values that differ between the sides of a plan that is
/// combined in our file; empty if none do, or if ours left them as the base has them: then they are
/// theirs.
std::string kept_values(const Store& store, const ModelPlan& plan);

}  // namespace mgit
