// Weight matching: descents from the better of two starts, then from the best so far, shaken.
#include "base/random.h"
#include "match/descent.h"
#include "mgit/match.h"

namespace mgit {

MatchResult match_weights(const Spec& spec, const TensorSource& a, const TensorSource& b,
                          const MatchOptions& options) {
  const MatchProblem problem(spec, a, b);
  Descent start(problem);
  MatchResult result;
  result.objective_before = start.objective();
  Descent sequence = start;
  sequence.place_in_sequence();
  // A model that is aligned already is better left where it is.
  if (sequence.objective() > result.objective_before) start = std::move(sequence);
  std::optional<Descent> best;
  Random seeds(options.seed);
  for (int attempt = 0; attempt <= options.restarts; ++attempt) {
    Descent descent = best ? *best : start;
    if (best) descent.shake(seeds.next());
    descent.run(seeds.next(), options);
    const double reached = descent.objective();
    if (best && reached <= result.objective_after) continue;
    result.objective_after = reached;
    best.emplace(std::move(descent));
  }
  result.permutation = best->permutation();
  result.sweeps = best->sweeps();
  for (std::size_t g = 0; g < spec.groups.size(); ++g) result.groups.push_back(best->report(g));
  return result;
}

}  // namespace mgit
