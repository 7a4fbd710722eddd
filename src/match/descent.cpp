#include "match/descent.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "match/cycles.h"
#include "match/frank_wolfe.h"

namespace mgit {
namespace {

/// Noise of a restart, in parts of a group's mean similarity. Measured on the pairs of bench/match:
/// 0.1 finds its way back to where it was, 1 forgets too much; 0.2 to 0.5 are about alike.
constexpr double kShake = 0.3;

constexpr int kMaxSteps = 100;  // of a relaxation; 10 to 30 are what it takes

/// Are all of these groups placed?
bool all_of(const std::vector<std::uint32_t>& groups, const std::vector<bool>& placed) {
  return std::all_of(groups.begin(), groups.end(),
                     [&](std::uint32_t group) { return placed[group]; });
}

}  // namespace

Descent::Descent(const MatchProblem& problem)
    : problem_(&problem),
      positions_(problem.spec.groups),
      similarities_(problem),
      groups_(problem.spec.groups.size()),
      trees_(problem.trees.size()) {
  objective_ = objective();
}

void Descent::place(Permutation permutation) {
  for (std::size_t g = 0; g < groups_.size(); ++g)
    if (!permutation.groups[g].empty()) positions_.set(g, std::move(permutation.groups[g]));
  objective_ = objective();
}

bool Descent::place_in_sequence(double least) {
  std::vector<bool> placed(groups_.size());
  double similar = 0;
  double bound = 0;
  while (std::find(placed.begin(), placed.end(), false) != placed.end()) {
    const std::size_t g = best_known(placed);
    if (const auto tree = problem_->tree_of[g]) {
      solve_tree(*tree, known_places(problem_->trees[*tree], placed));
      for (const std::uint32_t member : problem_->trees[*tree].groups.groups) placed[member] = true;
      continue;
    }
    const std::size_t n = positions_.at(g).size();
    for (const std::size_t term : problem_->terms_of[g])
      if (all_of(problem_->terms[term].neighbours, placed)) {
        similarities_.refresh_term(term, positions_);
        bound += problem_->bound(problem_->terms[term]);
      }
    const std::span<const double> known = similarities_.of(g);
    score_.assign(known.begin(), known.end());
    score_.resize(n * n);
    Gather candidate = solve_assignment(score_, n);
    for (std::size_t i = 0; i < n; ++i)
      similar += static_cast<double>(score_[i * n + candidate[i]]);
    if (candidate != positions_.at(g)) positions_.set(g, std::move(candidate));
    placed[g] = true;
    if (similar < least * bound) return false;
  }
  objective_ = objective();
  return true;
}

void Descent::place_relaxed(double gain) {
  relax(*problem_, gain, kMaxSteps, positions_, similarities_);
  for (GroupState& group : groups_) group.changed = true;
  objective_ = objective();
  sweeps_ = 0;
}

void Descent::run(std::uint64_t seed, const MatchOptions& options) {
  Random random(seed);
  for (bool moved = true; moved && sweeps_ < options.max_sweeps;) {
    moved = false;
    ++sweeps_;
    auto order = random.order(groups_.size());
    if (options.order != GroupOrder::kRandom) std::iota(order.begin(), order.end(), 0);
    if (options.order == GroupOrder::kBackward) std::reverse(order.begin(), order.end());
    for (const std::size_t g : order) {
      if (!problem_->tree_of[g]) {
        moved |= improve(g);
      } else if (!problem_->spec.groups[g].outer) {
        moved |= improve_tree(*problem_->tree_of[g]);
      }
    }
    if (options.progress) options.progress(sweeps_, objective_);
  }
}

void Descent::shake(std::uint64_t seed) {
  Random random(seed);
  for (const std::size_t g : random.order(groups_.size())) {
    if (const auto tree = problem_->tree_of[g]) {
      if (!problem_->spec.groups[g].outer)
        solve_tree(*tree, problem_->trees[*tree].places,
                   [&](double scale) { return kShake * scale * random.uniform(); });
      continue;
    }
    refresh(g);
    const Gather& current = positions_.at(g);
    const std::size_t n = current.size();
    double scale = 0;
    for (std::size_t i = 0; i < n; ++i) scale += std::fabs(at(g, i, current[i]));
    scale *= kShake / static_cast<double>(n);
    const std::span<const double> total = similarities_.of(g);
    score_.assign(total.begin(), total.end());
    for (float& value : score_) value += static_cast<float>(scale * random.uniform());
    AssignmentDuals duals = groups_[g].duals;
    Gather candidate = solve_assignment(score_, n, &duals);
    if (candidate == current) continue;
    positions_.set(g, std::move(candidate));
    groups_[g].changed = true;
  }
  objective_ = objective();
  sweeps_ = 0;
}

std::vector<TreePlace> Descent::known_places(const MatchProblem::Tree& tree,
                                             const std::vector<bool>& placed) const {
  std::vector<TreePlace> known;
  for (std::size_t i = 0; i < tree.places.size(); ++i)
    if (all_of(tree.neighbours[i], placed)) known.push_back(tree.places[i]);
  return known;
}

/// How much of what the tree stands on is known, as part of all.
double Descent::known_part(const MatchProblem::Tree& tree, const std::vector<bool>& placed) const {
  const auto weight = [](const std::vector<TreePlace>& places) {
    double sum = 0;
    for (const TreePlace& place : places) sum += static_cast<double>(place.pair->a.size());
    return sum;
  };
  const double all = weight(tree.places);
  return all > 0 ? weight(known_places(tree, placed)) / all : 0;
}

double Descent::known_part(std::size_t g, const std::vector<bool>& placed) const {
  double all = 0;
  double seen = 0;
  for (const std::size_t index : problem_->terms_of[g]) {
    const MatchProblem::Term& term = problem_->terms[index];
    const auto size = static_cast<double>(problem_->pairs[term.pair].a.size());
    all += size;
    if (all_of(term.neighbours, placed)) seen += size;
  }
  return all > 0 ? seen / all : 0;
}

/// The group that is not placed of which the largest part of columns is known.
std::size_t Descent::best_known(const std::vector<bool>& placed) const {
  std::size_t best = 0;
  double most = -1;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (placed[g]) continue;
    const auto tree = problem_->tree_of[g];
    const double part = tree ? known_part(problem_->trees[*tree], placed) : known_part(g, placed);
    if (part > most) {
      most = part;
      best = g;
    }
  }
  return best;
}

bool Descent::solve_tree(std::size_t index, const std::vector<TreePlace>& places,
                         const TreeNoise& noise) {
  const GroupTree& tree = problem_->trees[index].groups;
  Permutation moved = permutation();
  if (!match_tree(problem_->spec, tree, places, noise, moved)) return false;
  positions_.set(tree, std::move(moved));
  return true;
}

bool Descent::improve_tree(std::size_t index) {
  const MatchProblem::Tree& tree = problem_->trees[index];
  TreeState& state = trees_[index];
  std::vector<std::uint64_t> versions;
  for (const auto& neighbours : tree.neighbours)
    for (const std::uint32_t group : neighbours) versions.push_back(positions_.version(group));
  if (state.solved && state.seen == versions) return false;
  state.seen = std::move(versions);
  state.solved = true;
  const Permutation before = permutation();
  const double reached = problem_->similarity(tree.pairs, before);
  if (!solve_tree(index, tree.places)) return false;
  const double gain = problem_->similarity(tree.pairs, permutation()) - reached;
  if (gain <= kTolerance * std::fabs(reached)) {
    positions_.set(tree.groups, before);
    return false;
  }
  state.solved = !tree.quadratic;  // what it stands beside itself on has moved as well
  objective_ += gain;
  return true;
}

void Descent::refresh(std::size_t g) {
  if (similarities_.refresh(g, positions_)) groups_[g].changed = true;
}

double Descent::at(std::size_t g, std::size_t i, std::size_t j) const {
  return similarities_.of(g)[i * positions_.at(g).size() + j];
}

/// One assignment. True if the permutation got better.
bool Descent::improve(std::size_t g) {
  GroupState& state = groups_[g];
  if (!state.changed && !similarities_.stale(g, positions_)) return false;
  refresh(g);
  state.changed = false;
  const std::span<const double> total = similarities_.of(g);
  score_.assign(total.begin(), total.end());
  const Gather& current = positions_.at(g);
  Gather candidate = solve_assignment(score_, current.size(), &state.duals);
  double gain = keep_ties(g, current, candidate);
  if (gain <= 0) return false;
  if (problem_->quadratic[g]) {
    Permutation with = permutation();
    with.groups[g] = candidate;
    const double before = problem_->similarity(problem_->pairs_of[g], permutation());
    gain = problem_->similarity(problem_->pairs_of[g], with) - before;
    if (gain <= kTolerance * std::fabs(before)) return false;
  }
  positions_.set(g, std::move(candidate));
  objective_ += gain;
  return true;
}

/// Puts units back that moved without gain: cycle by cycle of the change. Returns the gain of
/// what is left; 0 if it is only rounding.
double Descent::keep_ties(std::size_t g, const Gather& current, Gather& candidate) const {
  const std::size_t n = current.size();
  double scale = 0;
  for (std::size_t i = 0; i < n; ++i)
    scale += std::max(std::fabs(at(g, i, current[i])), std::fabs(at(g, i, candidate[i])));
  const double smallest = kTolerance * scale / static_cast<double>(n);
  const double total = keep_gaining_cycles(current, candidate, smallest, [&](std::size_t i) {
    return at(g, i, candidate[i]) - at(g, i, current[i]);
  });
  return total > kTolerance * scale ? total : 0;
}

}  // namespace mgit
