// What the pre-commit hook looks at.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

struct StagedFindings {
  std::vector<std::string> problems;  // the commit must not happen
  std::vector<std::string> warnings;
  std::vector<std::string> notes;  // of what was staged, too
  std::string hint;                // about the problems; may be empty
};

/// Stages the .gitattributes that the staged checkpoints need (worktree/staged_attributes.h), then
/// checks what is staged against HEAD: checkpoints that were not filtered, values that are not
/// finite in new tensors, large checkpoints that mgit does not track.
StagedFindings check_staged(const Workspace& repository);

}  // namespace mgit
