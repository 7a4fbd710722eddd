// What the lineage index is a function of: where refs, HEADs and notes point.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct Snapshot {
  std::vector<Oid> tips;  // every ref but notes, every worktree's detached HEAD; sorted, unique
  std::optional<Oid> evaluations;
  std::optional<Oid> operations;
  std::string shallow;  // where a shallow history ends

  /// Equal for equal snapshots.
  std::string state() const;
};

Snapshot take_snapshot(const Repository& repository);

}  // namespace mgit
