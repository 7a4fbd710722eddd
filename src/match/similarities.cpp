#include "match/similarities.h"

#include <algorithm>
#include <numeric>

namespace mgit {
namespace {

/// Bytes of sums that are kept, those of small groups first.
constexpr std::size_t kKeptSums = std::size_t{512} << 20;

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
    : problem_(&problem),
      terms_(problem.terms.size()),
      sums_(problem.spec.groups.size()),
      kept_(problem.spec.groups.size()) {
  const std::vector<Group>& groups = problem.spec.groups;
  std::vector<std::size_t> by_size(groups.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return groups[a].size < groups[b].size; });
  std::size_t bytes = 0;
  for (const std::size_t group : by_size) {
    if (problem.tree_of[group]) continue;
    bytes += std::size_t{groups[group].size} * groups[group].size * sizeof(double);
    kept_[group] = bytes <= kKeptSums;
    apart_ = apart_ && kept_[group];
  }
}

std::span<const double> Similarities::of(std::size_t group) const {
  if (sums_[group] == nullptr) return {};
  return *sums_[group];
}

bool Similarities::refresh(std::size_t group, const Positions& positions) {
  bool changed = false;
  for (const std::size_t term : problem_->terms_of[group]) changed |= refresh_term(term, positions);
  return changed;
}

bool Similarities::stale(std::size_t group, const Positions& positions) const {
  const std::vector<std::size_t>& terms = problem_->terms_of[group];
  return std::any_of(terms.begin(), terms.end(), [&](std::size_t term) {
    return !terms_[term].known || terms_[term].seen != versions_beside(term, positions);
  });
}

std::vector<std::uint64_t> Similarities::versions_beside(std::size_t term,
                                                         const Positions& positions) const {
  std::vector<std::uint64_t> versions;
  for (const std::uint32_t group : problem_->terms[term].neighbours)
    versions.push_back(positions.version(group));
  return versions;
}

std::vector<double>& Similarities::open(std::size_t group) {
  if (!kept_[group] && visitor_ != group) {
    if (visitor_) {
      sums_[*visitor_].reset();
      for (const std::size_t term : problem_->terms_of[*visitor_]) terms_[term].b.reset();
    }
    visitor_ = group;
  }
  std::shared_ptr<std::vector<double>>& sum = sums_[group];
  if (sum == nullptr) {
    const std::size_t n = problem_->spec.groups[group].size;
    sum = std::make_shared<std::vector<double>>(n * n);
  } else if (sum.use_count() > 1) {
    sum = std::make_shared<std::vector<double>>(*sum);
  }
  return *sum;
}

bool Similarities::refresh_term(std::size_t index, const Positions& positions) {
  const MatchProblem::Term& term = problem_->terms[index];
  TermState& state = terms_[index];
  std::vector<std::uint64_t> versions = versions_beside(index, positions);
  const bool changed = !state.known || state.seen != versions;
  if (state.b && !changed) return false;
  std::vector<double>& sum = open(term.occurrence.group);
  state.known = true;
  state.seen = std::move(versions);

  const TensorPair& pair = problem_->pairs[term.pair];
  const std::size_t n = positions.at(term.occurrence.group).size();
  const std::vector<Gather> still(pair.spec->axes.size());
  Unfolding a = unfold(*pair.spec, term.axis, term.occurrence, n, still);
  const Unfolding b = unfold(*pair.spec, term.axis, term.occurrence, n,
                             tensor_gathers(problem_->spec, *pair.spec, positions.permutation()));
  const TensorData left = pair.a.read();
  const TensorData right = pair.b.read();
  if (state.b) {
    Unfolding now = b;
    keep_changed(a, now, *state.b);
    add_change(left.view, a, right.view, now, *state.b, sum);
  } else {
    add_products(left.view, a, right.view, b, sum);
  }
  state.b = b;
  return changed;
}

}  // namespace mgit
