// How one model came to be: the commits in which it changed, from the lineage index.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lineage/records.h"
#include "mgit/lineage.h"
#include "model/database.h"
#include "model/operation_record.h"

namespace mgit {

/// Whether a model is the training of the one before it, as model/continuation says; kUnknown where
/// objects are not here.
enum class Resemblance : std::uint8_t { kUnknown, kSameTraining, kOtherTraining };

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
  std::optional<Oid> back_to;  // the node in its past whose weights it has again (a revert)
  std::vector<EvaluationRecord> evaluations;  // of these weights: the latest per data and loss
};

/// Of the model that `commit` has at `path`; newest first, each commit once. Empty if there is
/// none.
std::vector<ModelNode> model_history(
    Database& database, const Oid& commit, const std::string& path,
    const std::function<Resemblance(const Oid& older, const Oid& newer)>& compare);

/// How many tensors `newer` has, and how many of them `older` has not, by name and content.
struct TensorChange {
  std::int64_t tensors = 0;
  std::int64_t changed = 0;
};
TensorChange tensor_change(Database& database, const Digest& older, const Digest& newer);

}  // namespace mgit
