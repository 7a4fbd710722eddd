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

double MatchProblem::similarity(const std::vector<std::size_t>& some,
                                const Permutation& permutation) const {
  std::vector<double> products(some.size());
  parallel_for(some.size(), [&](std::size_t i) {
    const TensorPair& pair = pairs[some[i]];
    products[i] = inner_product(pair, tensor_gathers(spec, *pair.spec, permutation));
  });
  return std::accumulate(products.begin(), products.end(), 0.0);
}

double MatchProblem::objective(const Permutation& permutation) const {
  std::vector<std::size_t> all(pairs.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return similarity(all, permutation);
}

GroupMatch MatchProblem::report(std::size_t group, const Permutation& permutation) const {
  GroupMatch match;
  match.name = spec.groups[group].name;
  match.size =
      static_cast<std::uint32_t>(unit_count(spec.groups, static_cast<std::uint32_t>(group)));
  const Gather& gather = permutation.groups[group];
  for (std::size_t i = 0; i < gather.size(); ++i) match.moved += gather[i] != i ? 1 : 0;
  Permutation still = permutation;
  if (const auto tree = tree_of[group]) {
    for (const std::uint32_t member : trees[*tree].groups.groups) still.groups[member].clear();
  } else {
    still.groups[group].clear();
  }
  match.before = similarity(pairs_with(group), still);
  match.after = similarity(pairs_with(group), permutation);
  return match;
}

}  // namespace mgit
