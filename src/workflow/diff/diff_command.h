// mgit diff: git's diff, with checkpoints as tables of tensors; and git's textconv.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// `git diff` with these arguments (and --json), paged and coloured as git would. Returns git's
/// exit status.
int diff_files(Repository& repository, const std::vector<std::string>& arguments);

/// git's textconv: one line per tensor of a checkpoint file, or of the manifest that stands for it
/// (then `repository` has the objects; may be null).
std::string textconv(const std::string& file, const Repository* repository);

}  // namespace mgit
