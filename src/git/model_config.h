// The models of .mgitconfig. The file comes with a clone: whoever wrote it is not trusted.
#pragma once

#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

constexpr const char* kModelConfigFile = ".mgitconfig";

/// From what `git config --list -z` prints. Throws Error for a model without a path, or with one
/// that leaves the repository.
std::vector<ModelConfig> parse_models(std::string_view listing);

}  // namespace mgit
