// What git moved where mgit is installed: merges, pulls and rebases enter the operation log through
// git's hooks, so that `mgit undo` takes them back whoever ran them.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// To be called from the post-merge, post-commit and post-rewrite hooks, with the hook's arguments.
/// True if the operation changed a checkpoint, so that it is worth saying how to take it back.
bool record_git_operation(const Repository& repository, const std::string& hook,
                          const std::vector<std::string>& arguments);

}  // namespace mgit
