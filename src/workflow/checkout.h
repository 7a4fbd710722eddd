// mgit checkout, switch, restore and reset: git's own, with checkpoints written on all cores
// instead of through the filter's pipe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// Runs `git COMMAND ARGUMENTS` and returns its exit status. nullopt, and nothing was done, where
/// the direct way does not serve and git is to do all of it: submodules, a post-checkout hook that
/// would see the working tree too early, an index that libgit2 cannot read. While git works it has
/// a copy of the index; the index itself changes in one step at the very end, so that a kill in
/// between leaves what `git status` shows as unfinished.
std::optional<int> checkout_files(Workspace& repository, const std::string& command,
                                  const std::vector<std::string>& arguments);

}  // namespace mgit
