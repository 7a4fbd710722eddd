// Where a model lies on the other side of a merge: under its own name, or the one it was renamed
// to, as git follows renames of files.
#pragma once

#include <optional>
#include <string>

#include "mgit/workspace.h"

namespace mgit {

struct RenamedModel {
  std::optional<CommittedModel> theirs;  // nullopt: they have none
  std::optional<CommittedModel> base;    // nullopt: there is no base, or it has none
  std::string base_path;                 // of `base`; empty without one
};

/// A name that one side gave up and one that is new there are the same model if the weights are the
/// same; else if there is one new model with the same tensors, and it continues the old one.
RenamedModel follow_renames(const Workspace& repository, const Oid& our_commit,
                            const CommittedModel& ours, const std::optional<Oid>& base,
                            const Oid& their_commit);

}  // namespace mgit
