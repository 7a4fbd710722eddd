// The options of commands that match one model to another.
#pragma once

#include <cstdint>
#include <string>

#include "cli/options.h"
#include "workflow/activation_similarity.h"

namespace mgit::cli {

/// --seed, --restarts, --method, and --graph and --data for methods that run the networks.
void add_matching_options(Options& options, std::uint64_t& seed, int& restarts, std::string& method,
                          MatchingData& data);

}  // namespace mgit::cli
