// Setting up: mgit init, and mgit install as a user sees it.
#pragma once

#include <string>
#include <vector>

#include "git/install.h"
#include "mgit/workspace.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// install(), and checkpoints in place of manifests that stand in the working tree.
void set_up(const Workspace& repository, const InstallOptions& options, const Say& say);

struct InitCall {
  std::vector<std::string> arguments;  // git's, as they were given
  std::string directory = ".";
  bool bare = false;
  bool quiet = false;
};

/// `git init`, then set_up, then the default patterns tracked. Returns git's status.
int init_repository(const InitCall& call, const Say& say);

}  // namespace mgit
