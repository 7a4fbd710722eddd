// The options of commands that match one model to another.
#pragma once

#include <cstdint>
#include <string>

#include "cli/options.h"

namespace mgit::cli {

/// --seed, --restarts, --method.
void add_matching_options(Options& options, std::uint64_t& seed, int& restarts,
                          std::string& method);

}  // namespace mgit::cli
