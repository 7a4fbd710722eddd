// What a merge did with a model: for its record in the commit, and for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/store.h"
#include "model/operation_record.h"
#include "workflow/merge/combine.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// The record of a combined model; stores the specs and permutations that it names. A strategy and
/// its weights are recorded only if they gave a tensor its values. nullopt: the result is what one
/// side has, and there is nothing to record.
std::optional<MergeRecord> merge_record(Store::Batch& batch, const ModelPlan& plan,
                                        const MergedModel& merged);

/// Lines for people: what was done, then what they should know of it.
std::vector<std::string> describe_merged(const ModelPlan& plan, const MergedModel& merged);
/// Of a model that is taken from one side as it is.
std::string describe_taken(const ModelPlan& plan);
std::string describe_conflict(const ModelPlan& plan);

}  // namespace mgit
