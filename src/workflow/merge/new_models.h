// Models that several sides of one merge bring to a branch that has none of their name.
#pragma once

#include <vector>

#include "mgit/workspace.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// Throws Error where two sides bring different ones: ours has nothing to bring them into the basin
/// of, and git would leave a conflict of texts.
void refuse_rival_models(const Repository& repository, const Oid& ours,
                         const std::vector<MergeSide>& sides);

}  // namespace mgit
