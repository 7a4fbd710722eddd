// Deciding what a merge does with each model: from headers, history and weights, before anything is
// written (DESIGN section 7, "Merge").
#pragma once

#include <vector>

#include "mgit/workspace.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

struct MergeDecisions {
  std::vector<ModelPlan> models;   // those that git's own merge of files would get wrong
  std::vector<std::string> notes;  // what people should know of the others, a line each
};

/// A side whose model is what the base has decides nothing, and where one side alone decides, git
/// takes its files; a model is planned where several sides changed it, where a rebase or an option
/// asks for them to be combined, or where it is dealt out to other files. Throws Error for what an
/// option lifts: its hint names the option. Nothing is written.
MergeDecisions plan_models(Workspace& repository, const Oid& ours,
                           const std::vector<MergeSide>& sides, const MergeOptions& options);

/// The plan of one of ours' models as `options.recorded` says. nullopt: no side has it with other
/// weights. Throws CorruptError for a record that history contradicts, MissingError for objects
/// that are nowhere.
std::optional<ModelPlan> plan_recorded(Workspace& repository, const Oid& ours,
                                       const std::vector<MergeSide>& sides,
                                       const CommittedModel& model, const MergeOptions& options);

/// True if a fast-forward from `ours` to `theirs` is not what was asked for: theirs was rebased
/// into the basin of a model of ours, to be combined with it.
bool rebased_to_be_combined(Workspace& repository, const Oid& ours, const Oid& theirs);

}  // namespace mgit
