// What a merge does with each model, decided from headers, history and weights before anything is
// written; and the arithmetic that carries it out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "merge/tensor_role.h"
#include "mgit/git.h"
#include "mgit/match.h"
#include "model/operation_record.h"

namespace mgit {

struct MergeOptions {
  std::vector<double> weights;  // ours, theirs…; empty: by lineage
  bool rebase = true;           // bring theirs into our basin first
  std::uint64_t seed = 0;
};

/// One side that is merged into ours.
struct MergeSide {
  Oid commit;
  std::string name;         // for people
  std::optional<Oid> base;  // git's merge base with ours
};

/// How one side's model takes part.
struct SidePlan {
  CommittedModel model;
  std::optional<Manifest> base{};      // the base's tensors in this side's basin, unless two_way
  std::optional<MatchResult> match{};  // found now, to bring it into our basin
  double weight = 0;
};

struct ModelPlan {
  std::string path;
  std::vector<std::string> conflicts;             // why it cannot be combined; empty if it can
  std::vector<std::string> notes;                 // what people should know, a line each
  std::vector<std::optional<std::size_t>> taken;  // by tensor: the side it comes from, uncombined
  bool two_way = false;                           // tips only: at least one line was cut
  std::optional<Oid> base;  // the commit whose model is the base, if not two_way
  std::optional<CommittedModel> base_model;
  std::optional<Spec> spec;     // if anything was matched
  std::vector<SidePlan> sides;  // ours first
};

/// Plans every model that is another one on ours and on one of the sides. A model may be dealt out
/// to other shards there, or be a single file: the result has our form.
std::vector<ModelPlan> plan_models(Repository& repository, const Oid& ours,
                                   const std::vector<MergeSide>& sides,
                                   const MergeOptions& options);

/// True if git's fast-forward from `ours` to `theirs` loses no model: each that changed continues
/// ours, and none was rebased into another basin.
bool fast_forward_keeps_models(Repository& repository, const Oid& ours, const Oid& theirs);

/// Computes the combined model and stores its objects: the manifests of our model's parts, in their
/// order. The plan has no conflicts.
std::vector<Manifest> combine(Repository& repository, Store::Batch& batch, const ModelPlan& plan);

/// What the merge commit records of the plan; stores permutation and spec in `batch`.
MergeRecord record_plan(Store::Batch& batch, const ModelPlan& plan);

/// One or two lines for people.
std::string describe_plan(const ModelPlan& plan);

}  // namespace mgit
