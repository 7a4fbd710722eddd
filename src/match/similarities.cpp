#include "match/similarities.h"

namespace mgit {

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

void add(std::span<const double> value, std::span<double> total) {
  for (std::size_t i = 0; i < total.size(); ++i) total[i] += value[i];
}

Similarities::Similarities(const MatchProblem& problem)
    : problem_(&problem), terms_(problem.terms.size()), totals_(problem.spec.groups.size()) {}

bool Similarities::refresh(std::size_t group, const Positions& positions) {
  const std::vector<std::size_t>& terms = problem_->terms_of[group];
  bool changed = totals_[group].empty();
  for (const std::size_t term : terms) changed |= refresh_term(term, positions);
  if (!changed) return false;
  const std::size_t n = positions.at(group).size();
  totals_[group].assign(n * n, 0);
  for (const std::size_t term : terms) add(terms_[term].value, totals_[group]);
  return true;
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
  const Unfolding a = unfold(*pair.spec, term.axis, term.occurrence, n, still);
  Unfolding b = unfold(*pair.spec, term.axis, term.occurrence, n,
                       tensor_gathers(problem_->spec, *pair.spec, positions.permutation()));
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
bool Similarities::update_columns(const TensorPair& pair, const Unfolding& a, const Unfolding& now,
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

}  // namespace mgit
