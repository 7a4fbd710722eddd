#include "match/similarities.h"

namespace mgit {
namespace {

/// Leaves the columns in which `now` and `then` differ; all, if they differ in both lists.
void keep_changed(Unfolding& a, Unfolding& now, Unfolding& then) {
  const bool same_outer = now.outer == then.outer;
  if (!same_outer && now.inner != then.inner) return;
  const auto list = same_outer ? &Unfolding::inner : &Unfolding::outer;
  std::size_t count = 0;
  for (std::size_t k = 0; k < (now.*list).size(); ++k) {
    if ((now.*list)[k] == (then.*list)[k]) continue;
    for (Unfolding* each : {&a, &now, &then}) (each->*list)[count] = (each->*list)[k];
    ++count;
  }
  for (Unfolding* each : {&a, &now, &then}) (each->*list).resize(count);
}

}  // namespace

Positions::Positions(const std::vector<Group>& groups)
    : permutation_{std::vector<Gather>(groups.size())}, versions_(groups.size()) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::size_t n = unit_count(groups, static_cast<std::uint32_t>(g));
    permutation_.groups[g].resize(n);
    for (std::size_t i = 0; i < n; ++i) permutation_.groups[g][i] = static_cast<std::uint32_t>(i);
  }
}

void Positions::set(std::size_t group, Gather gather) {
  permutation_.groups[group] = std::move(gather);
  ++versions_[group];
}

void Positions::set(const GroupTree& tree, Permutation permutation) {
  permutation_ = std::move(permutation);
  for (const std::uint32_t group : tree.groups) ++versions_[group];
}

Similarities::Similarities(const MatchProblem& problem)
    : problem_(&problem), terms_(problem.terms.size()), sums_(problem.spec.groups.size()) {}

bool Similarities::refresh(std::size_t group, const Positions& positions) {
  bool changed = false;
  for (const std::size_t term : problem_->terms_of[group]) changed |= refresh_term(term, positions);
  return changed;
}

bool Similarities::refresh_term(std::size_t index, const Positions& positions) {
  const MatchProblem::Term& term = problem_->terms[index];
  TermState& state = terms_[index];
  std::vector<std::uint64_t> versions;
  for (const std::uint32_t group : term.neighbours) versions.push_back(positions.version(group));
  if (state.b && state.seen == versions) return false;
  state.seen = std::move(versions);

  const TensorPair& pair = problem_->pairs[term.pair];
  const std::size_t n = positions.at(term.occurrence.group).size();
  const std::vector<Gather> still(pair.spec->axes.size());
  Unfolding a = unfold(*pair.spec, term.axis, term.occurrence, n, still);
  const Unfolding b = unfold(*pair.spec, term.axis, term.occurrence, n,
                             tensor_gathers(problem_->spec, *pair.spec, positions.permutation()));
  std::vector<double>& sum = sums_[term.occurrence.group];
  sum.resize(n * n);
  if (state.b) {
    Unfolding now = b;
    keep_changed(a, now, *state.b);
    pack(pair.a.values(), a, kLeftPanel, left_);
    pack_difference(pair.b.values(), now, *state.b, kRightPanel, right_);
  } else {
    pack(pair.a.values(), a, kLeftPanel, left_);
    pack(pair.b.values(), b, kRightPanel, right_);
  }
  multiply_add(left_, right_, sum);
  state.b = b;
  return true;
}

}  // namespace mgit
