// Completion scripts, made from what the commands declare. What is git's they leave to git's own
// completion.
#pragma once

#include <string>
#include <vector>

#include "cli/manual.h"

namespace mgit::cli {

/// Also defines _git_mgit, which git's completion calls for `git mgit`.
std::string bash_completion(const std::vector<DescribedCommand>& commands);
std::string zsh_completion(const std::vector<DescribedCommand>& commands);
std::string fish_completion(const std::vector<DescribedCommand>& commands);

}  // namespace mgit::cli
