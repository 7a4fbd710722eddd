// mgit add: checkpoints straight from the disk into the store and the index; everything else is
// `git add`'s.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// What is asked of `git add`.
struct AddRequest {
  bool verbose = false;
  bool force = false;   // ignored files, too
  bool update = false;  // tracked files only
  bool all = false;
  std::vector<std::string> pathspecs;
};

/// `git add`, in the current directory, except that checkpoints are read directly: mapped, on all
/// cores, through no pipe. Same manifests, same index. `arguments` are those of the request, for
/// git to add the rest. git's exit status; nullopt: there is no checkpoint among them, or a path is
/// wrong, and all of it is git's. Throws CorruptError for a broken checkpoint; then nothing is
/// staged.
std::optional<int> add_files(Workspace& repository, const AddRequest& request,
                             const std::vector<std::string>& arguments);

}  // namespace mgit
