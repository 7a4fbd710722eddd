// mgit undo: takes an operation of mgit's back - refs, index and working tree.
#pragma once

#include <optional>

#include "workflow/undo/operation_log.h"

namespace mgit {

/// The operation that `mgit undo` would take back: the last one that stands. With `redo`, the last
/// one taken back, unless another operation came after. nullopt: none.
std::optional<Operation> next_to_reverse(const std::vector<Operation>& log, bool redo);

/// Takes it back, or brings it back if it stands taken back; and records that. Refs move all or
/// none; files of a branch that is checked out follow, and local changes to files that do not
/// change stay. Throws Error, and nothing is changed, if a ref has moved since, if its old commit
/// is no longer here, if local changes are in the way, or if an operation of git's is under way.
/// Returns what moved.
std::vector<RefMove> reverse(Repository& repository, const std::vector<Operation>& log,
                             const Operation& operation);

}  // namespace mgit
