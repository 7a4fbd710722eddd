// Running the hooks that git would run for an operation mgit does itself.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Runs the hook if it is there and executable. Throws Error if it ends with a status other than 0.
void run_hook(const Repository& repository, const std::string& name,
              const std::vector<std::string>& arguments, const std::string& input = {});

}  // namespace mgit
