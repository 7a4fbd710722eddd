// mgit add: checkpoints straight from the disk into the store and the index; everything else is
// `git add`'s.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Runs `git add` with these arguments, in the current directory, except that checkpoints are read
/// directly: mapped, on all cores, through no pipe. Same manifests, same index. Returns git's exit
/// status. Throws CorruptError for a broken checkpoint; then nothing is staged.
int add_files(Repository& repository, const std::vector<std::string>& arguments);

}  // namespace mgit
