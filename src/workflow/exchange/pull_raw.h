// git pull, and what came raw from somebody without mgit.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// `git pull`, with its arguments as they came. Raw checkpoints that have to be combined with ours
/// are taken in before they are merged, others after that. git's exit status.
int pull_and_adopt(Workspace& repository, const std::vector<std::string>& arguments,
                   const Say& say);

}  // namespace mgit
