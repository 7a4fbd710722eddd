// Similarities of the units of a group that holds families, or stands in one product with others:
// which numbers of two models meet if one unit takes the place of another.
//
// Here a group and all of its families, at any depth, are a *tree*; it is solved at once.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "match/nested_assignment.h"
#include "match/unfolding.h"
#include "match/weights.h"
#include "mgit/perm.h"

namespace mgit {

/// A group without an outer one, and all of its families. groups[i] is the group of node i; that of
/// node 0 is the root, whose unit the node is.
struct GroupTree {
  std::vector<std::uint32_t> groups;
  NestedGroups nodes;

  std::uint32_t root() const { return groups.front(); }
  bool has(std::uint32_t group) const;
};

/// Of one root; its families, in the order of the spec.
GroupTree make_tree(const std::vector<Group>& groups, std::uint32_t root);

/// The permutation of the tree's groups: `order` of the root's units, and inside of the unit at i
/// the orders for (i, order[i]).
void place_tree(const GroupTree& tree, const std::vector<Group>& groups, const Gather& order,
                const std::vector<NestedOrders>& inside, Permutation& permutation);
/// What the permutation is inside of the root's unit at `unit`.
NestedOrders orders_inside(const GroupTree& tree, const std::vector<Group>& groups,
                           const Permutation& permutation, std::size_t unit);

/// A place of the tree's root on an axis of a tensor pair.
struct TreePlace {
  const TensorPair* pair = nullptr;
  std::size_t axis = 0;
  Occurrence occurrence;
};

/// Units side by side at a place, nothing moved.
struct UnitPlace {
  const TensorPair* pair;
  Unfolding rows;                 // one for each unit
  std::vector<double> distances;  // squared, of each unit of A from its own in B
};

/// What stands inside of the root's units, all of them side by side, as if they were a group of
/// their own: by what can take each other's places, with all places. Orders of the tree are orders
/// of each of these.
std::vector<std::vector<UnitPlace>> units_within(const Spec& spec, const GroupTree& tree,
                                                 const std::vector<TreePlace>& places);

/// Calls for every pair of root units (i of the first model, j of the second) with the similarities
/// inside, summed over the places; only for i == j if the root is fixed. Groups outside of the
/// tree are where `permutation` has them. Calls come from several threads.
void for_each_pair(const Spec& spec, const GroupTree& tree, const std::vector<TreePlace>& places,
                   const Permutation& permutation,
                   const std::function<void(std::size_t i, std::size_t j,
                                            const std::vector<NestedSimilarity>&)>& take);

/// Gains below this part of a similarity are rounding, not progress.
inline constexpr double kTolerance = 1e-8;

/// Noise for a unit whose mean similarity is given: a restart's.
using TreeNoise = std::function<double(double scale)>;

/// Puts the tree's groups in the order that the similarities at `places` (some or all of the
/// tree's) want; without noise, only if that is better by more than rounding. True if the
/// permutation changed. Every entry of it is written out, none empty.
bool match_tree(const Spec& spec, const GroupTree& tree, const std::vector<TreePlace>& places,
                const TreeNoise& noise, Permutation& permutation);

}  // namespace mgit
