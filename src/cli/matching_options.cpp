#include "cli/matching_options.h"

#include <fmt/format.h>

namespace mgit::cli {

void MethodOptions::add(Options& options, MatchingChoice& choice, const std::string& lead) {
  options
      .value("--method", choice.method,
             lead +
                 "how units are matched: weights (the default), frank-wolfe, activations, mixed or "
                 "ste (docs/matching.md)")
      .value_name("name");
  options
      .value("--weighting", weighting_,
             lead +
                 "what counts in the sum that matching makes large: linear (products of weights, "
                 "but for layer norms' own parameters; the default), raw (those, too), norm (each "
                 "tensor's part divided by the root of the norms of both)")
      .value_name("name");
  options
      .value("--steps", choice.options.steps,
             lead + "how many steps ste learns, each as much as a training step (default 100)")
      .range(0, 1000000);
}

void MethodOptions::read(MatchingChoice& choice) const {
  require_method(choice.method);
  if (weighting_.empty()) return;
  const auto weighting = weighting_from_name(weighting_);
  if (!weighting)
    throw UsageError("no such weighting", "--weighting " + weighting_,
                     fmt::format("there is: {}", kWeightingNames));
  choice.options.weighting = *weighting;
}

void MatchingOptions::add(Options& options, MatchingChoice& choice) {
  options.value("--seed", choice.options.seed, "seed of the order of groups (default 0)");
  options
      .value("--restarts", choice.options.restarts,
             "further matching runs from other starts; the best one counts (default 1)")
      .range(0, 1000000);
  method_.add(options, choice);
  options
      .value("--order", order_,
             "in which a sweep comes to the groups: random (the default), forward (as the spec "
             "has them), backward")
      .value_name("name");
  options
      .value("--data", choice.data.data,
             "of activations, mixed and ste: the samples that the networks are run on; ste needs "
             "their targets (default: of .mgitconfig)")
      .value_name("file");
  options
      .value("--graph", choice.data.graph,
             "of these: the network: TorchScript, .pt2 or ONNX (default: of .mgitconfig)")
      .value_name("file");
}

void MatchingOptions::read(MatchingChoice& choice) const {
  method_.read(choice);
  if (order_.empty()) return;
  const auto order = order_from_name(order_);
  if (!order)
    throw UsageError("no such order of groups", "--order " + order_,
                     fmt::format("there is: {}", kOrderNames));
  choice.options.order = *order;
}

}  // namespace mgit::cli
