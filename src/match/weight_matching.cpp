// Weight matching: descents from several starts, of which the best counts.
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
/// default; it takes about ten sweeps. A second of one core is about 8e10.
constexpr double kCheapSweep = 8e9;
/// Where it costs less than this, that many shaken runs are one restart, and there is time for both
/// starts.
constexpr double kTinySweep = 1.25e8;
constexpr int kTinyShakes = 8;

/// Of the bound: B with more of it is A in another order, learned on a little or with some noise.
/// Networks that were trained apart have up to a half; noise of 0.5 standard deviations leaves
/// 0.89.
constexpr double kSameModel = 0.7;

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

/// Runs of descent from one start or another; keeps the best.
class Runs {
 public:
  Runs(const MatchProblem& problem, const MatchOptions& options)
      : problem_(problem), options_(options), seeds_(options.seed), bound_(problem.bound()) {}

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

  /// Is B all but A, in another order that was found?
  bool same_model() const { return reached_ >= bound_ * kSameModel; }

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

/// From the groups in sequence, or from where B is.
void descend_in_sequence(const MatchProblem& problem, Runs& runs) {
  Descent start(problem);
  Descent sequence = start;
  sequence.place_in_sequence();
  // A model that is aligned already is better left where it is.
  if (sequence.objective() > start.objective()) start = std::move(sequence);
  runs.descend(std::move(start));
}

/// From the relaxation, or from where B is. Families, which the relaxation leaves where they are,
/// are placed first.
void descend_relaxed(const MatchProblem& problem, Runs& runs, double gain) {
  Descent start(problem);
  Descent relaxed = start;
  if (!problem.trees.empty()) relaxed.place_in_sequence();
  relaxed.place_relaxed(gain);
  if (relaxed.objective() > start.objective()) start = std::move(relaxed);
  runs.descend(std::move(start));
}

/// Of networks so small that time is no matter: both starts and many shaken runs.
void search_widely(const MatchProblem& problem, Runs& runs, int shakes) {
  descend_in_sequence(problem, runs);
  for (; shakes > 0 && !runs.done(); --shakes) runs.shake();
  if (!runs.done()) descend_relaxed(problem, runs, kRoughGain);
}

/// From the sequence, if that finds A in B; else from the relaxation, the better start of networks
/// that were trained apart. Either counts as a restart.
void search_by_sign(const MatchProblem& problem, Runs& runs, int restarts) {
  Descent start(problem);
  Descent sequence = start;
  if (sequence.place_in_sequence(kSameModel)) {
    if (sequence.objective() > start.objective()) start = std::move(sequence);
    runs.descend(std::move(start));
    if (runs.same_model()) return;
  }
  descend_relaxed(problem, runs, kRoughGain);
  for (; restarts > 1 && !runs.done(); --restarts) runs.shake();
}

/// Where a relaxation costs too much.
void search_shaken(const MatchProblem& problem, Runs& runs, int restarts) {
  descend_in_sequence(problem, runs);
  for (; restarts > 0 && !runs.done() && !runs.same_model(); --restarts) runs.shake();
}

}  // namespace

MatchResult match_weights(const Spec& spec, const TensorSource& a, const TensorSource& b,
                          const MatchOptions& options) {
  const WeightedModels weighted(spec, a, b, options.weighting);
  const MatchProblem problem(weighted.spec(), weighted.a(), b);
  if (is_settled(problem)) return reported(left_alone(problem, options), options);
  Runs runs(problem, options);
  const double sweep = sweep_cost(problem);
  if (options.restarts == 0) {
    descend_in_sequence(problem, runs);
  } else if (sweep <= kTinySweep) {
    search_widely(problem, runs, std::max(options.restarts, kTinyShakes));
  } else if (sweep <= kCheapSweep) {
    search_by_sign(problem, runs, options.restarts);
  } else {
    search_shaken(problem, runs, options.restarts);
  }
  return reported(std::move(runs).result(), options);
}

MatchResult match_frank_wolfe(const Spec& spec, const TensorSource& a, const TensorSource& b,
                              const MatchOptions& options) {
  const WeightedModels weighted(spec, a, b, options.weighting);
  const MatchProblem problem(weighted.spec(), weighted.a(), b);
  Runs runs(problem, options);
  descend_relaxed(problem, runs, kGain);
  for (int restart = 0; restart < options.restarts && !runs.done(); ++restart) runs.shake();
  return reported(std::move(runs).result(), options);
}

}  // namespace mgit
