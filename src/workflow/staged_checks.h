// What the pre-commit hook looks at.
#pragma once

#include <string>
#include <vector>

#include "mgit/repo.h"

namespace mgit {

struct StagedFindings {
  std::vector<std::string> problems;  // the commit must not happen
  std::vector<std::string> warnings;
};

/// Checks what is staged against HEAD: checkpoints that were not filtered, values that are not
/// finite in new tensors, large safetensors files that mgit does not track.
StagedFindings check_staged(const Repository& repository);

/// How many values are infinite or not a number; 0 for dtypes mgit does not compute with.
std::uint64_t count_non_finite(const TensorView& tensor);

}  // namespace mgit
