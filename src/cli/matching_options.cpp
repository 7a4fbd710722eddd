#include "cli/matching_options.h"

namespace mgit::cli {

void add_matching_options(Options& options, std::uint64_t& seed, int& restarts,
                          std::string& method) {
  options.value("--seed", seed, "seed of the order of groups (default 0)");
  options.value("--restarts", restarts, "further matching runs; the best one counts (default 1)")
      .range(0, 1000000);
  options.value("--method", method, "how units are matched (default weights)").value_name("name");
}

}  // namespace mgit::cli
