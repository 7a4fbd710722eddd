// What the pre-commit hook looks at.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct StagedFindings {
  std::vector<std::string> problems;  // the commit must not happen
  std::vector<std::string> warnings;
};

/// Checks what is staged against HEAD: checkpoints that were not filtered, values that are not
/// finite in new tensors, large checkpoints that mgit does not track.
StagedFindings check_staged(const Repository& repository);

}  // namespace mgit
