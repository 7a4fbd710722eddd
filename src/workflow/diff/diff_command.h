// mgit diff: git's diff, with checkpoints as tables of tensors; and git's textconv.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/diff/diff.h"

namespace mgit {

/// What is asked of `git diff` (and --json, --markdown).
struct DiffRequest {
  bool json = false;
  bool markdown = false;
  bool exit_code = false;
  bool colour_always = false;
  bool colour_never = false;
  std::vector<std::string> selection;  // what is compared: --cached, revisions, paths
  std::vector<std::string> patch;      // options for the ordinary files
};

/// Prints the difference, paged and coloured as git would. git's exit status; nullopt: no
/// checkpoint differs, nothing was printed, and all of it is git's.
std::optional<int> diff_files(Workspace& repository, const DiffRequest& request);

/// The checkpoints that differ, for the arguments of `git diff` that say what is compared.
std::vector<CheckpointDifference> checkpoint_differences(Workspace& repository,
                                                         const std::vector<std::string>& selection);

/// git's textconv: one line per tensor of a checkpoint file, or of the manifest that stands for it
/// (then `repository` has the objects; may be null).
std::string textconv(const std::string& file, const Workspace* repository);

}  // namespace mgit
