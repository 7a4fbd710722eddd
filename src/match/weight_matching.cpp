// Weight matching: descents from several starts, of which the best counts.
#include <cmath>

#include "base/random.h"
#include "match/descent.h"
#include "match/settled.h"
#include "match/weighting.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// A relaxation ends with a step that gains less than this part of the objective: as a method of
/// its own, and as one start of several.
constexpr double kGain = 1e-5;
constexpr double kRoughGain = 1e-4;

/// Where a sweep costs less, in multiplications and additions, the relaxation is part of the
/// default; it takes about twenty sweeps. A second of one core is about 8e10.
constexpr double kCheapSweep = 8e9;
/// Where it costs so little that several make up this, as many shaken runs are one restart.
constexpr double kCheapShakes = 1e9;
constexpr double kMostShakes = 8;

/// Multiplications and additions of a sweep that knows nothing yet: every unit with every other.
double sweep_cost(const MatchProblem& problem) {
  double sum = 0;
  const auto count = [&](const TensorPair& pair, std::size_t axis) {
    const auto units = static_cast<double>(pair.spec->axes[axis].length);
    sum += 2 * units * static_cast<double>(pair.a.size());
  };
  for (const MatchProblem::Term& term : problem.terms) count(problem.pairs[term.pair], term.axis);
  for (const MatchProblem::Tree& tree : problem.trees)
    for (const TreePlace& place : tree.places) count(*place.pair, place.axis);
  return sum;
}

/// The objective of a copy: nothing is above it.
double bound(const MatchProblem& problem) {
  double sum = 0;
  for (const TensorPair& pair : problem.pairs)
    sum += std::sqrt(pair.products.aa * pair.products.bb);
  return sum;
}

/// Runs of descent from one start or another; keeps the best.
class Runs {
 public:
  Runs(const MatchProblem& problem, const MatchOptions& options)
      : problem_(problem), options_(options), seeds_(options.seed), bound_(bound(problem)) {}

  void descend(Descent start) {
    start.run(seeds_.next(), options_);
    const double reached = start.objective();
    if (best_ && reached <= reached_) return;
    reached_ = reached;
    best_.emplace(std::move(start));
  }
  /// From the best so far, shaken.
  void shake() {
    Descent shaken = *best_;
    shaken.shake(seeds_.next());
    descend(std::move(shaken));
  }

  const Descent& best() const { return *best_; }
  /// Is no other run worth while? Where B became A, none can be better; a model that is aligned
  /// already, so that nothing moves, is better left where it is.
  bool done() const {
    return reached_ >= bound_ * (1 - kTolerance) || best_->permutation().identity();
  }

  MatchResult result() && {
    MatchResult result;
    result.permutation = best_->permutation();
    result.sweeps = best_->sweeps();
    best_.reset();
    problem_.report(result);
    return result;
  }

 private:
  const MatchProblem& problem_;
  const MatchOptions& options_;
  Random seeds_;
  double bound_;
  double reached_ = 0;
  std::optional<Descent> best_;
};

/// Cosines are those of the models as they are.
MatchResult reported(MatchResult result, const MatchOptions& options) {
  if (options.weighting == Weighting::kNorm) result.cosines.reset();
  return result;
}

/// Nothing moves.
MatchResult left_alone(const MatchProblem& problem, const MatchOptions& options) {
  MatchResult result;
  result.permutation = Positions(problem.spec.groups).permutation();
  result.sweeps = 1;
  problem.report(result);
  if (options.progress) options.progress(result.sweeps, result.objective_after);
  return result;
}

}  // namespace

MatchResult match_weights(const Spec& spec, const TensorSource& a, const TensorSource& b,
                          const MatchOptions& options) {
  const WeightedModels weighted(spec, a, b, options.weighting);
  const MatchProblem problem(weighted.spec(), weighted.a(), b);
  if (is_settled(problem)) return reported(left_alone(problem, options), options);
  Runs runs(problem, options);
  Descent start(problem);
  const double before = start.objective();
  Descent sequence = start;
  sequence.place_in_sequence();
  // A model that is aligned already is better left where it is.
  if (sequence.objective() > before) start = std::move(sequence);
  runs.descend(std::move(start));
  if (options.restarts > 0) {
    const double sweep = sweep_cost(problem);
    const double cheap = std::min(kMostShakes, kCheapShakes / (sweep + 1));
    for (int i = std::max(options.restarts, static_cast<int>(cheap)); i > 0 && !runs.done(); --i)
      runs.shake();
    if (sweep <= kCheapSweep && !runs.done()) {
      Descent relaxed = problem.trees.empty() ? runs.best() : Descent(problem);
      if (!problem.trees.empty()) relaxed.place_in_sequence();
      relaxed.place_relaxed(kRoughGain);
      runs.descend(std::move(relaxed));
    }
  }
  return reported(std::move(runs).result(), options);
}

MatchResult match_frank_wolfe(const Spec& spec, const TensorSource& a, const TensorSource& b,
                              const MatchOptions& options) {
  const WeightedModels weighted(spec, a, b, options.weighting);
  const MatchProblem problem(weighted.spec(), weighted.a(), b);
  Runs runs(problem, options);
  Descent start(problem);
  const double before = start.objective();
  Descent relaxed = start;
  if (!problem.trees.empty()) relaxed.place_in_sequence();
  relaxed.place_relaxed(kGain);
  if (relaxed.objective() > before) start = std::move(relaxed);
  runs.descend(std::move(start));
  for (int restart = 0; restart < options.restarts && !runs.done(); ++restart) runs.shake();
  return reported(std::move(runs).result(), options);
}

}  // namespace mgit
