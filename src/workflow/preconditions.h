// What must hold before a command changes history or models.
#pragma once

#include <string>

#include "mgit/git.h"

namespace mgit {

enum class LocalChanges { kRefused, kStashed };

/// Throws Error if git is in the middle of a merge, rebase, cherry-pick …
void require_no_operation(const Repository& repository);

/// Throws Error if the repository is bare, git is in the middle of something, or tracked files have
/// changes that `operation` would overwrite, unless they are stashed first.
void require_quiet_worktree(const Repository& repository, const std::string& operation,
                            LocalChanges changes = LocalChanges::kRefused);

/// Throws Error unless `mgit install` ran here: without its hooks and drivers, git would not know
/// what to do with manifests.
void require_installed(const Repository& repository);

}  // namespace mgit
