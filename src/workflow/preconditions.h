// What must hold before a command changes history or models.
#pragma once

#include <string>

#include "mgit/git.h"

namespace mgit {

/// Throws Error if the repository is bare, git is in the middle of something, or tracked files have
/// changes that `operation` would overwrite.
void require_quiet_worktree(const Repository& repository, const std::string& operation);

/// Throws Error unless `mgit install` ran here: without its hooks and drivers, git would not know
/// what to do with manifests.
void require_installed(const Repository& repository);

}  // namespace mgit
