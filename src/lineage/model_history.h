// How one model came to be: the commits in which it changed, from the lineage index.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lineage/database.h"
#include "lineage/records.h"
#include "lineage/resemblance.h"
#include "mgit/lineage.h"

namespace mgit {

/// A commit in which the model changed.
struct ModelNode {
  Oid commit;
  std::string subject;
  std::string author;
  std::int64_t time = 0;
  Digest manifest;
  std::optional<RebaseRecord> rebase;
  std::optional<MergeRecord> merge;
  /// Where its weights come from: nodes, by commit. A rebased one names its origin (if it is here),
  /// a merge the models it combined, any other the model before it.
  std::vector<Oid> from;
  bool combines = false;  // a merge commit whose model is none of its parents'
  /// Of a commit that is neither: does it look like the model before it? One that does not was
  /// trained on its own, so `from` is empty and `replaces` names the other.
  Resemblance resemblance = Resemblance::kUnknown;
  std::optional<Oid> replaces;
  std::vector<EvaluationRecord> evaluations;  // of these weights: the latest per data and loss
};

/// Of the model that `commit` has at `path`; newest first, each commit once. Empty if there is
/// none.
std::vector<ModelNode> model_history(Database& database, const Store& store, const Oid& commit,
                                     const std::string& path);

/// How many tensors `newer` has, and how many of them `older` has not, by name and content.
struct TensorChange {
  std::int64_t tensors = 0;
  std::int64_t changed = 0;
};
TensorChange tensor_change(Database& database, const Digest& older, const Digest& newer);

}  // namespace mgit
