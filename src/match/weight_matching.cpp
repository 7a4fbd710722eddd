// Coordinate descent over groups (Git Re-Basin, Algorithm 1), incremental.
//
// The objective is linear in one group's permutation when the others are fixed: S = sum of terms,
// one per place where the group stands. A term depends on the groups on the other axes of its
// tensor; when some of their units moved, only the columns they touch are computed again. A group
// that holds families, or shares a product with another group, is solved together with its families
// by nested assignments (nested_assignment.h), from all of its terms anew.
#include <cmath>

#include "base/random.h"
#include "base/threads.h"
#include "match/nested_terms.h"
#include "match/unfolding.h"
#include "match/weights.h"
#include "mgit/assignment.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// Noise of a restart, in parts of a group's mean similarity. Measured on the pairs of bench/match:
/// 0.1 finds its way back to where it was, 1 forgets too much; 0.2 to 0.5 are about alike.
constexpr double kShake = 0.3;

/// One place where a group stands.
struct Term {
  std::size_t pair;
  std::size_t axis;
  Occurrence occurrence;
  std::vector<std::uint32_t> neighbours;  // groups on the other axes
};

/// What does not change while matching. May be shared between threads.
struct Problem {
  Problem(const Spec& spec_, const TensorSource& a, const TensorSource& b)
      : spec(spec_),
        pairs(load_pairs(spec_, a, b)),
        terms_of(spec_.groups.size()),
        pairs_of(spec_.groups.size()),
        quadratic(spec_.groups.size()),
        tree_of(spec_.groups.size()) {
    find_trees();
    for (std::size_t i = 0; i < pairs.size(); ++i) add_pair(i);
  }

  const Spec& spec;
  std::vector<TensorPair> pairs;
  std::vector<Term> terms;
  std::vector<std::vector<std::size_t>> terms_of;  // by group
  std::vector<std::vector<std::size_t>> pairs_of;  // by group
  std::vector<bool> quadratic;                     // by group: it stands on two axes of one tensor

  struct Tree {
    GroupTree groups;
    std::vector<TreePlace> places;
    std::vector<std::vector<std::uint32_t>> neighbours;  // by place: groups of other trees
    std::vector<std::size_t> pairs;
    bool quadratic = false;
  };
  std::vector<Tree> trees;
  std::vector<std::optional<std::size_t>> tree_of;  // by group; nullopt: solved by itself

 private:
  /// Do two places of an axis have positions in common?
  bool overlap(const Occurrence& a, const Occurrence& b) const {
    const auto end = [&](const Occurrence& place) {
      return place.offset + place.outer * spec.groups[place.group].size * place.inner;
    };
    return a.offset < end(b) && b.offset < end(a);
  }

  void find_trees() {
    std::vector<bool> nested(spec.groups.size());
    for (const SpecTensor& tensor : spec.tensors)
      for (const SpecAxis& axis : tensor.axes)
        for (const Occurrence& place : axis.occurrences)
          for (const Occurrence& other : axis.occurrences)
            if (place.group != other.group && overlap(place, other)) nested[place.group] = true;
    for (std::uint32_t group = 0; group < spec.groups.size(); ++group)
      if (spec.groups[group].outer) nested[group] = true;
    for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
      if (!nested[group] || spec.groups[group].outer) continue;
      Tree tree;
      tree.groups = make_tree(spec.groups, group);
      for (const std::uint32_t member : tree.groups.groups) tree_of[member] = trees.size();
      trees.push_back(std::move(tree));
    }
  }

  void add_to_tree(Tree& tree, std::size_t index, std::size_t axis, const Occurrence& occurrence) {
    if (tree.pairs.empty() || tree.pairs.back() != index) tree.pairs.push_back(index);
    if (occurrence.group != tree.groups.root()) return;
    std::vector<std::uint32_t> others;
    const std::vector<SpecAxis>& axes = pairs[index].spec->axes;
    for (std::size_t each = 0; each < axes.size(); ++each)
      for (const Occurrence& other : axes[each].occurrences) {
        if (!tree.groups.has(other.group)) {
          if (each != axis || overlap(other, occurrence)) others.push_back(other.group);
        } else if (each != axis) {
          tree.quadratic = true;
        }
      }
    tree.places.push_back({&pairs[index], axis, occurrence});
    tree.neighbours.push_back(std::move(others));
  }

  void add_pair(std::size_t index) {
    const std::vector<SpecAxis>& axes = pairs[index].spec->axes;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      for (const Occurrence& occurrence : axes[axis].occurrences) {
        const std::uint32_t group = occurrence.group;
        if (tree_of[group]) {
          add_to_tree(trees[*tree_of[group]], index, axis, occurrence);
          continue;
        }
        terms_of[group].push_back(terms.size());
        if (pairs_of[group].empty() || pairs_of[group].back() != index)
          pairs_of[group].push_back(index);
        terms.push_back({index, axis, occurrence, groups_beside(axes, axis)});
        for (const std::uint32_t neighbour : terms.back().neighbours)
          if (neighbour == group) quadratic[group] = true;
      }
    }
  }

  static std::vector<std::uint32_t> groups_beside(const std::vector<SpecAxis>& axes,
                                                  std::size_t but) {
    std::vector<std::uint32_t> groups;
    for (std::size_t axis = 0; axis < axes.size(); ++axis)
      if (axis != but)
        for (const Occurrence& other : axes[axis].occurrences) groups.push_back(other.group);
    return groups;
  }
};

/// One descent. Copied before it runs, so that restarts share the first products.
class Descent {
 public:
  explicit Descent(const Problem& problem)
      : problem_(&problem),
        terms_(problem.terms.size()),
        groups_(problem.spec.groups.size()),
        trees_(problem.trees.size()) {
    permutation_.groups.resize(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::size_t n = unit_count(problem.spec.groups, static_cast<std::uint32_t>(g));
      permutation_.groups[g].resize(n);
      for (std::size_t i = 0; i < n; ++i) permutation_.groups[g][i] = static_cast<std::uint32_t>(i);
    }
    objective_ = objective();
  }

  /// A start better than the identity for networks that have nothing in common: one group after the
  /// other, by those terms alone whose neighbours have been placed, most of them known first. For a
  /// chain of layers that is from the input to the output.
  void place_in_sequence() {
    std::vector<bool> placed(groups_.size());
    while (std::find(placed.begin(), placed.end(), false) != placed.end()) {
      const std::size_t g = best_known(placed);
      if (const auto tree = problem_->tree_of[g]) {
        solve_tree(*tree, known_places(problem_->trees[*tree], placed));
        for (const std::uint32_t member : problem_->trees[*tree].groups.groups)
          placed[member] = true;
        continue;
      }
      const std::size_t n = permutation_.groups[g].size();
      std::vector<double> total(n * n);
      for (const std::size_t term : problem_->terms_of[g]) {
        if (!known(term, placed)) continue;
        refresh_term(term);
        add(terms_[term].value, total);
      }
      const std::vector<float> score(total.begin(), total.end());
      Gather candidate = solve_assignment(score, n);
      if (candidate != permutation_.groups[g]) ++groups_[g].version;
      permutation_.groups[g] = std::move(candidate);
      placed[g] = true;
    }
    objective_ = objective();
  }

  void run(std::uint64_t seed, const MatchOptions& options) {
    Random random(seed);
    for (bool moved = true; moved && sweeps_ < options.max_sweeps;) {
      moved = false;
      ++sweeps_;
      for (const std::size_t g : random.order(groups_.size())) {
        if (!problem_->tree_of[g]) {
          moved |= improve(g);
        } else if (!problem_->spec.groups[g].outer) {
          moved |= improve_tree(*problem_->tree_of[g]);
        }
      }
      if (options.progress) options.progress(sweeps_, objective_);
    }
  }

  /// Leaves a local optimum: every group once, in random order, by scores with noise added.
  void shake(std::uint64_t seed) {
    Random random(seed);
    for (const std::size_t g : random.order(groups_.size())) {
      if (const auto tree = problem_->tree_of[g]) {
        if (!problem_->spec.groups[g].outer)
          solve_tree(*tree, problem_->trees[*tree].places,
                     [&](double scale) { return kShake * scale * random.uniform(); });
        continue;
      }
      refresh(g);
      GroupState& state = groups_[g];
      Gather& current = permutation_.groups[g];
      const std::size_t n = current.size();
      double scale = 0;
      for (std::size_t i = 0; i < n; ++i) scale += std::fabs(at(g, i, current[i]));
      scale *= kShake / static_cast<double>(n);
      score_.assign(state.total.begin(), state.total.end());
      for (float& value : score_) value += static_cast<float>(scale * random.uniform());
      AssignmentDuals duals = state.duals;
      Gather candidate = solve_assignment(score_, n, &duals);
      if (candidate == current) continue;
      current = std::move(candidate);
      ++state.version;
      state.changed = true;
    }
    objective_ = objective();
    sweeps_ = 0;
  }

  /// Computed from the tensors, in double.
  double objective() const {
    std::vector<double> products(problem_->pairs.size());
    parallel_for(products.size(), [&](std::size_t i) { products[i] = product(i, permutation_); });
    double sum = 0;
    for (const double value : products) sum += value;
    return sum;
  }

  const Permutation& permutation() const { return permutation_; }
  int sweeps() const { return sweeps_; }

  GroupMatch report(std::size_t g) {
    const Gather& gather = permutation_.groups[g];
    GroupMatch match;
    match.name = problem_->spec.groups[g].name;
    match.size = static_cast<std::uint32_t>(gather.size());
    for (std::size_t i = 0; i < gather.size(); ++i) match.moved += gather[i] != i ? 1 : 0;
    if (const auto tree = problem_->tree_of[g]) {
      Permutation still = permutation_;
      for (const std::uint32_t member : problem_->trees[*tree].groups.groups)
        still.groups[member].clear();
      match.before = similarity(problem_->trees[*tree].pairs, still);
      match.after = similarity(problem_->trees[*tree].pairs, permutation_);
      return match;
    }
    refresh(g);
    if (problem_->quadratic[g]) {
      Permutation still = permutation_;
      for (std::size_t i = 0; i < gather.size(); ++i)
        still.groups[g][i] = static_cast<std::uint32_t>(i);
      match.before = similarity(problem_->pairs_of[g], still);
      match.after = similarity(problem_->pairs_of[g], permutation_);
      return match;
    }
    for (std::size_t i = 0; i < gather.size(); ++i) {
      match.before += at(g, i, i);
      match.after += at(g, i, gather[i]);
    }
    return match;
  }

 private:
  struct TermState {
    std::optional<Unfolding> b;  // what `value` was computed for
    std::vector<double> value;
    std::vector<std::uint64_t> seen;  // neighbours' versions
  };
  struct GroupState {
    std::vector<double> total;
    AssignmentDuals duals;
    std::uint64_t version = 0;  // counts changes of the permutation
    bool changed = true;        // `total` since the last assignment
  };
  struct TreeState {
    std::vector<std::uint64_t> seen;  // versions of the neighbours at the last assignment
    bool solved = false;
  };

  bool known(std::size_t term, const std::vector<bool>& placed) const {
    const auto& neighbours = problem_->terms[term].neighbours;
    return std::all_of(neighbours.begin(), neighbours.end(),
                       [&](std::uint32_t group) { return placed[group]; });
  }

  std::vector<TreePlace> known_places(const Problem::Tree& tree,
                                      const std::vector<bool>& placed) const {
    std::vector<TreePlace> known;
    for (std::size_t i = 0; i < tree.places.size(); ++i)
      if (std::all_of(tree.neighbours[i].begin(), tree.neighbours[i].end(),
                      [&](std::uint32_t group) { return placed[group]; }))
        known.push_back(tree.places[i]);
    return known;
  }

  /// How much of what the tree stands on is known, as part of all.
  double known_part(const Problem::Tree& tree, const std::vector<bool>& placed) const {
    const auto weight = [](const std::vector<TreePlace>& places) {
      double sum = 0;
      for (const TreePlace& place : places)
        sum += static_cast<double>(place.pair->a.values().size());
      return sum;
    };
    const double all = weight(tree.places);
    return all > 0 ? weight(known_places(tree, placed)) / all : 0;
  }

  bool solve_tree(std::size_t index, const std::vector<TreePlace>& places,
                  const TreeNoise& noise = {}) {
    const GroupTree& tree = problem_->trees[index].groups;
    if (!match_tree(problem_->spec, tree, places, noise, permutation_)) return false;
    for (const std::uint32_t group : tree.groups) ++groups_[group].version;
    return true;
  }

  bool improve_tree(std::size_t index) {
    const Problem::Tree& tree = problem_->trees[index];
    TreeState& state = trees_[index];
    std::vector<std::uint64_t> versions;
    for (const auto& neighbours : tree.neighbours)
      for (const std::uint32_t group : neighbours) versions.push_back(groups_[group].version);
    if (state.solved && state.seen == versions) return false;
    state.seen = std::move(versions);
    state.solved = true;
    const Permutation before = permutation_;
    const double reached = similarity(tree.pairs, before);
    if (!solve_tree(index, tree.places)) return false;
    const double gain = similarity(tree.pairs, permutation_) - reached;
    if (gain <= kTolerance * std::fabs(reached)) {
      permutation_ = before;
      for (const std::uint32_t group : tree.groups.groups) ++groups_[group].version;
      return false;
    }
    state.solved = !tree.quadratic;  // what it stands beside itself on has moved as well
    objective_ += gain;
    return true;
  }

  /// The group that is not placed of which the largest part of columns is known.
  std::size_t best_known(const std::vector<bool>& placed) const {
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

  double known_part(std::size_t g, const std::vector<bool>& placed) const {
    double all = 0;
    double seen = 0;
    for (const std::size_t index : problem_->terms_of[g]) {
      const TensorPair& pair = problem_->pairs[problem_->terms[index].pair];
      const auto size = static_cast<double>(pair.a.values().size());
      all += size;
      if (known(index, placed)) seen += size;
    }
    return all > 0 ? seen / all : 0;
  }

  static void add(const std::vector<double>& value, std::vector<double>& total) {
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += value[i];
  }

  double at(std::size_t g, std::size_t i, std::size_t j) const {
    return groups_[g].total[i * permutation_.groups[g].size() + j];
  }

  double product(std::size_t pair, const Permutation& permutation) const {
    const TensorPair& tensors = problem_->pairs[pair];
    return inner_product(tensors, tensor_gathers(problem_->spec, *tensors.spec, permutation));
  }

  /// A part of the objective.
  double similarity(const std::vector<std::size_t>& pairs, const Permutation& permutation) const {
    double sum = 0;
    for (const std::size_t pair : pairs) sum += product(pair, permutation);
    return sum;
  }

  /// Brings the group's similarities up to date.
  void refresh(std::size_t g) {
    bool changed = false;
    for (const std::size_t term : problem_->terms_of[g]) changed |= refresh_term(term);
    GroupState& state = groups_[g];
    if (!changed && !state.total.empty()) return;
    const std::size_t n = permutation_.groups[g].size();
    state.total.assign(n * n, 0);
    for (const std::size_t term : problem_->terms_of[g]) add(terms_[term].value, state.total);
    state.changed = true;
  }

  bool refresh_term(std::size_t index) {
    const Term& term = problem_->terms[index];
    TermState& state = terms_[index];
    std::vector<std::uint64_t> versions;
    for (const std::uint32_t group : term.neighbours) versions.push_back(groups_[group].version);
    if (state.b && state.seen == versions) return false;
    state.seen = std::move(versions);

    const TensorPair& pair = problem_->pairs[term.pair];
    const std::size_t n = permutation_.groups[term.occurrence.group].size();
    const std::vector<Gather> still(pair.spec->axes.size());
    const Unfolding a = unfold(*pair.spec, term.axis, term.occurrence, n, still);
    Unfolding b = unfold(*pair.spec, term.axis, term.occurrence, n,
                         tensor_gathers(problem_->spec, *pair.spec, permutation_));
    if (!state.b || !update_columns(pair, a, b, *state.b, state.value)) {
      state.value.assign(n * n, 0);
      pack(pair.a.values(), a, kLeftPanel, left_);
      pack(pair.b.values(), b, kRightPanel, right_);
      multiply_add(left_, right_, state.value);
    }
    state.b = std::move(b);
    return true;
  }

  /// value += A[:,c] * (B now - B then)[:,c]^T over the columns c that differ. False if they are
  /// too many for this to pay.
  bool update_columns(const TensorPair& pair, const Unfolding& a, const Unfolding& now,
                      const Unfolding& then, std::vector<double>& value) {
    const bool same_outer = now.outer == then.outer;
    if (!same_outer && now.inner != then.inner) return false;
    Unfolding part_a = a;
    Unfolding part_now = now;
    Unfolding part_then = then;
    const auto list = same_outer ? &Unfolding::inner : &Unfolding::outer;
    std::size_t count = 0;
    for (std::size_t k = 0; k < (now.*list).size(); ++k) {
      if ((now.*list)[k] == (then.*list)[k]) continue;
      (part_a.*list)[count] = (a.*list)[k];
      (part_now.*list)[count] = (now.*list)[k];
      (part_then.*list)[count] = (then.*list)[k];
      ++count;
    }
    if (count * 4 > (now.*list).size() * 3) return false;
    for (Unfolding* part : {&part_a, &part_now, &part_then}) (part->*list).resize(count);
    pack(pair.a.values(), part_a, kLeftPanel, left_);
    pack_difference(pair.b.values(), part_now, part_then, kRightPanel, right_);
    multiply_add(left_, right_, value);
    return true;
  }

  /// One assignment. True if the permutation got better.
  bool improve(std::size_t g) {
    refresh(g);
    GroupState& state = groups_[g];
    if (!state.changed) return false;
    state.changed = false;
    score_.assign(state.total.begin(), state.total.end());
    Gather& current = permutation_.groups[g];
    Gather candidate = solve_assignment(score_, current.size(), &state.duals);
    double gain = keep_ties(g, current, candidate);
    if (gain <= 0) return false;
    if (problem_->quadratic[g]) {
      Permutation with = permutation_;
      with.groups[g] = candidate;
      const double before = similarity(problem_->pairs_of[g], permutation_);
      gain = similarity(problem_->pairs_of[g], with) - before;
      if (gain <= kTolerance * std::fabs(before)) return false;
    }
    current = std::move(candidate);
    ++state.version;
    objective_ += gain;
    return true;
  }

  /// Puts units back that moved without gain: cycle by cycle of the change. Returns the gain of
  /// what is left; 0 if it is only rounding.
  double keep_ties(std::size_t g, const Gather& current, Gather& candidate) const {
    const std::size_t n = current.size();
    double scale = 0;
    for (std::size_t i = 0; i < n; ++i)
      scale += std::max(std::fabs(at(g, i, current[i])), std::fabs(at(g, i, candidate[i])));
    const double smallest = kTolerance * scale / static_cast<double>(n);
    const Gather row_of = inverse(current);
    std::vector<bool> visited(n);
    double total = 0;
    for (std::size_t start = 0; start < n; ++start) {
      std::vector<std::size_t> cycle;
      double gain = 0;
      for (std::size_t i = start; !visited[i]; i = row_of[candidate[i]]) {
        visited[i] = true;
        cycle.push_back(i);
        gain += at(g, i, candidate[i]) - at(g, i, current[i]);
      }
      if (gain > smallest * static_cast<double>(cycle.size())) {
        total += gain;
      } else {
        for (const std::size_t i : cycle) candidate[i] = current[i];
      }
    }
    return total > kTolerance * scale ? total : 0;
  }

  const Problem* problem_;
  Permutation permutation_;
  std::vector<TermState> terms_;
  std::vector<GroupState> groups_;
  std::vector<TreeState> trees_;
  double objective_ = 0;
  int sweeps_ = 0;

  // Memory that is used again and again.
  PackedMatrix left_;
  PackedMatrix right_;
  std::vector<float> score_;
};

}  // namespace

MatchResult match_weights(const Spec& spec, const TensorSource& a, const TensorSource& b,
                          const MatchOptions& options) {
  const Problem problem(spec, a, b);
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
