#include "cli/matching_options.h"

namespace mgit::cli {

void add_matching_options(Options& options, std::uint64_t& seed, int& restarts, std::string& method,
                          MatchingData& data) {
  options.value("--seed", seed, "seed of the order of groups (default 0)");
  options
      .value("--restarts", restarts,
             "further matching runs from other starts; the best one counts (default 1)")
      .range(0, 1000000);
  options
      .value("--method", method,
             "how units are matched: weights, frank-wolfe or activations (default weights)")
      .value_name("name");
  options
      .value("--data", data.data,
             "of activations: the samples that the networks are run on, which need no target "
             "(default: of .mgitconfig)")
      .value_name("file");
  options
      .value("--graph", data.graph,
             "of activations: the network: TorchScript, .pt2 or ONNX (default: of .mgitconfig)")
      .value_name("file");
}

}  // namespace mgit::cli
