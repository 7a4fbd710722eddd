// mgit checkout, switch, restore and reset: git's own, with checkpoints written on all cores
// instead of through the filter's pipe.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Runs `git COMMAND ARGUMENTS` and returns its exit status. What the direct way does not cover
/// (choosing parts by hand, merging, submodules, a post-checkout hook that would see the working
/// tree too early, an index that libgit2 cannot read) is git's alone, and then this does not
/// return. While git works it has a copy of the index; the index itself changes in one step at the
/// very end, so that a kill in between leaves what `git status` shows as unfinished.
int checkout_files(Repository& repository, const std::string& command,
                   const std::vector<std::string>& arguments);

}  // namespace mgit
