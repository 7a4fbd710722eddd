// mgit clone: git clone, ready to work with checkpoints.
#pragma once

#include <string>
#include <vector>

#include "workflow/set_up.h"

namespace mgit {

/// `git clone` with these arguments, checkpoints checked out and everything installed. git's exit
/// status.
int clone_repository(const std::vector<std::string>& arguments, const Say& say);

/// The directory that git clones `url` into when none is named.
std::string clone_directory(std::string url);

}  // namespace mgit
