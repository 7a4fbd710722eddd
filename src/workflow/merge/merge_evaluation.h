// A merged model beside its parents, where .mgitconfig names a network and data to judge them with.
#pragma once

#include <string>
#include <vector>

#include "workflow/merge/model_plan.h"

namespace mgit {

/// False where mgit.evaluateMerges is.
bool evaluates_merges(const Repository& repository);

/// Lines for people: loss and accuracy of each side's model and of the one that the working tree
/// holds as `path`, and a warning if it is worse than all of them. Empty where nothing is
/// configured, or mgit.evaluateMerges is false; one line that says why where the models cannot be
/// evaluated: a merge does not fail by that. Runs the network, if it is trusted.
std::vector<std::string> evaluate_merged(Workspace& repository, const ModelPlan& plan,
                                         const std::string& path);

}  // namespace mgit
