// Setting up: mgit init, and mgit install as a user sees it.
#pragma once

#include <string>
#include <vector>

#include "git/install.h"
#include "mgit/git.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// install(), and checkpoints in place of manifests that stand in the working tree.
void set_up(const Repository& repository, const InstallOptions& options, const Say& say);

/// `git init` with these arguments, then set_up, then the default patterns tracked. Returns git's
/// status.
int init_repository(const std::vector<std::string>& arguments, const Say& say);

/// The arguments that are no options, where `valued` are the options whose value is the next
/// argument.
std::vector<std::string> positionals(const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& valued);

}  // namespace mgit
