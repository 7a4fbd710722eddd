// Assignments inside of assignments: the orders of the families in one unit of their outer group.
//
// A unit of a group (a head) holds families (its query and value dimensions), whose units may hold
// families again. How well unit u of one model can stand for unit v of the other is the best that
// the families inside can reach: one assignment for each family, and for a family with families one
// for each pair of its units. Where a tensor carries two families in one product the value is
// bilinear; they are then solved in turn, each time no worse than before. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// The families in a unit, as a tree. Node 0 is the unit itself, of size 1; parents come first.
struct NestedGroups {
  struct Node {
    std::size_t size = 1;  // units of one member
    std::size_t parent = 0;
  };
  std::vector<Node> nodes;

  std::vector<std::size_t> children(std::size_t node) const;
  /// Is `node` inside of `outer`, at any depth?
  bool inside(std::size_t node, std::size_t outer) const;
  /// Units of `node` in one unit of `outer`, which it is inside of.
  std::size_t units(std::size_t node, std::size_t outer) const;
};

/// Similarities of two units along some places: values[s * count + t], where s and t count the
/// combinations of the nodes' units, the first node slowest. A node comes after its parent, and
/// parents but for node 0 are there.
struct NestedSimilarity {
  std::vector<std::size_t> nodes;
  std::vector<double> values;
};

/// Orders of everything inside of a node, by node; empty for what is not inside. One over all units
/// of the node in one unit of the outer one, as in Permutation.
using NestedOrders = std::vector<Gather>;

struct NestedMatch {
  double value = 0;
  NestedOrders orders;
};

NestedOrders identity_orders(const NestedGroups& groups, std::size_t node = 0);

/// The sum of similarities that orders inside of `node` reach.
double nested_value(const NestedGroups& groups, std::size_t node,
                    const std::vector<NestedSimilarity>& similarities, const NestedOrders& orders);

/// The best orders inside of `node` that are found from `start`: the best there are if no place
/// carries two of its families, never worse than `start`. Values are finite.
NestedMatch solve_nested(const NestedGroups& groups, std::size_t node,
                         const std::vector<NestedSimilarity>& similarities,
                         const NestedOrders& start);

}  // namespace mgit
