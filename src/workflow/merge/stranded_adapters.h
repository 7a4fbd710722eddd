// Adapters whose model is put into another order by a merge.
#pragma once

#include <vector>

#include "mgit/workspace.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// A merge moves a side's models, not what adapts them. Throws Error where a side that moves has an
/// adapter of its own that is for such a model, or may be.
void refuse_stranded_adapters(const Repository& repository, const std::vector<ModelPlan>& plans);

}  // namespace mgit
