// mgit clone: git clone, ready to work with checkpoints.
#pragma once

#include <string>
#include <vector>

#include "workflow/set_up.h"

namespace mgit {

struct CloneCall {
  std::vector<std::string> arguments;  // git's, as they were given
  std::string directory;               // that git clones into; empty: none can be told
  std::string remote = "origin";
  bool bare = false;
  bool checkout = true;
  bool submodules = false;
  bool quiet = false;
  bool lazy = false;  // manifests alone; sets mgit.lazy
};

/// `git clone`, checkpoints checked out and everything installed. git's exit status.
int clone_repository(const CloneCall& call, const Say& say);

}  // namespace mgit
