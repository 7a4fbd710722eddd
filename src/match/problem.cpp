#include "match/problem.h"

#include <numeric>

#include "base/threads.h"

namespace mgit {
namespace {

std::vector<std::uint32_t> groups_beside(const std::vector<SpecAxis>& axes, std::size_t but) {
  std::vector<std::uint32_t> groups;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    if (axis != but)
      for (const Occurrence& other : axes[axis].occurrences) groups.push_back(other.group);
  return groups;
}

}  // namespace

MatchProblem::MatchProblem(const Spec& spec_, const TensorSource& a, const TensorSource& b)
    : spec(spec_),
      pairs(load_pairs(spec_, a, b)),
      terms_of(spec_.groups.size()),
      pairs_of(spec_.groups.size()),
      quadratic(spec_.groups.size()),
      tree_of(spec_.groups.size()) {
  find_trees();
  for (std::size_t i = 0; i < pairs.size(); ++i) add_pair(i);
}

/// Do two places of an axis have positions in common?
bool MatchProblem::overlap(const Occurrence& a, const Occurrence& b) const {
  const auto end = [&](const Occurrence& place) {
    return place.offset + place.outer * spec.groups[place.group].size * place.inner;
  };
  return a.offset < end(b) && b.offset < end(a);
}

void MatchProblem::find_trees() {
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

void MatchProblem::add_to_tree(Tree& tree, std::size_t index, std::size_t axis,
                               const Occurrence& occurrence) {
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

void MatchProblem::add_pair(std::size_t index) {
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

std::vector<double> MatchProblem::products(const std::vector<std::size_t>& some,
                                           const Permutation& permutation) const {
  std::vector<double> products(some.size());
  parallel_for(some.size(), [&](std::size_t i) {
    const TensorPair& pair = pairs[some[i]];
    products[i] = inner_product(pair, tensor_gathers(spec, *pair.spec, permutation));
  });
  return products;
}

double MatchProblem::similarity(const std::vector<std::size_t>& some,
                                const Permutation& permutation) const {
  const std::vector<double> each = products(some, permutation);
  return std::accumulate(each.begin(), each.end(), 0.0);
}

std::vector<std::size_t> MatchProblem::all_pairs() const {
  std::vector<std::size_t> all(pairs.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

double MatchProblem::objective(const Permutation& permutation) const {
  return similarity(all_pairs(), permutation);
}

double MatchProblem::bound() const {
  double sum = 0;
  for (const TensorPair& pair : pairs) sum += pair.bound();
  return sum;
}

double MatchProblem::bound(const Term& term) const {
  const TensorPair& pair = pairs[term.pair];
  const Occurrence& place = term.occurrence;
  const auto length = static_cast<double>(pair.spec->axes[term.axis].length);
  const std::size_t covered = place.outer * spec.groups[place.group].size * place.inner;
  return pair.bound() * static_cast<double>(covered) / length;
}

void MatchProblem::report(MatchResult& result) const {
  const Permutation& permutation = result.permutation;
  const std::vector<double> after = products(all_pairs(), permutation);
  result.objective_before = 0;
  for (const TensorPair& pair : pairs) result.objective_before += pair.products.ab;
  result.objective_after = std::accumulate(after.begin(), after.end(), 0.0);
  result.cosines = cosines_of(spec, pairs, after);
  result.groups.clear();
  for (std::size_t group = 0; group < spec.groups.size(); ++group)
    result.groups.push_back(report(group, permutation, after));
}

GroupMatch MatchProblem::report(std::size_t group, const Permutation& permutation,
                                const std::vector<double>& after) const {
  GroupMatch match;
  match.name = spec.groups[group].name;
  match.size =
      static_cast<std::uint32_t>(unit_count(spec.groups, static_cast<std::uint32_t>(group)));
  const Gather& gather = permutation.groups[group];
  for (std::size_t i = 0; i < gather.size(); ++i) match.moved += gather[i] != i ? 1 : 0;
  Permutation still = permutation;
  bool stays = true;
  const auto put_back = [&](std::size_t member) {
    stays = stays && is_identity(still.groups[member]);
    still.groups[member].clear();
  };
  if (const auto tree = tree_of[group]) {
    for (const std::uint32_t member : trees[*tree].groups.groups) put_back(member);
  } else {
    put_back(group);
  }
  for (const std::size_t pair : pairs_with(group)) match.after += after[pair];
  match.before = stays ? match.after : similarity(pairs_with(group), still);
  return match;
}

}  // namespace mgit
