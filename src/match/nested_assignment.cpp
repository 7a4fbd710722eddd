#include "match/nested_assignment.h"

#include <cmath>
#include <numeric>
#include <optional>

#include "mgit/assignment.h"

namespace mgit {
namespace {

constexpr int kRounds = 50;
constexpr double kRounding = 1e-9;  // in parts of a value

/// The units that the nodes of a similarity have at one place, and back.
class Places {
 public:
  Places(const NestedGroups& groups, const std::vector<std::size_t>& nodes)
      : groups_(groups), nodes_(nodes) {
    for (const std::size_t node : nodes) count_ *= groups.nodes[node].size;
  }

  std::size_t count() const { return count_; }

  std::vector<std::size_t> units(std::size_t place) const {
    std::vector<std::size_t> result(nodes_.size());
    for (std::size_t i = nodes_.size(); i-- > 0; place /= groups_.nodes[nodes_[i]].size)
      result[i] = place % groups_.nodes[nodes_[i]].size;
    return result;
  }

  std::size_t place(const std::vector<std::size_t>& units) const {
    std::size_t result = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      result = result * groups_.nodes[nodes_[i]].size + units[i];
    return result;
  }

  /// Which place of the other unit stands at one of this: the orders say of every node inside of
  /// `outer`.
  std::vector<std::size_t> moved(const std::vector<std::size_t>& units, const NestedOrders& orders,
                                 std::size_t outer) const {
    std::vector<std::size_t> result = units;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::size_t node = nodes_[i];
      if (orders[node].empty()) continue;
      const std::size_t size = groups_.nodes[node].size;
      result[i] = orders[node][member(units, i, outer) * size + units[i]] % size;
    }
    return result;
  }

 private:
  /// Which member of node i, counted in one unit of `outer`.
  std::size_t member(const std::vector<std::size_t>& units, std::size_t i,
                     std::size_t outer) const {
    std::size_t result = 0;
    for (std::size_t k = 0; k < i; ++k)
      if (nodes_[k] != outer && groups_.inside(nodes_[i], nodes_[k]) &&
          groups_.inside(nodes_[k], outer))
        result = result * groups_.nodes[nodes_[k]].size + units[k];
    return result;
  }

  const NestedGroups& groups_;
  const std::vector<std::size_t>& nodes_;
  std::size_t count_ = 1;
};

std::optional<std::size_t> index_of(const std::vector<std::size_t>& nodes, std::size_t node) {
  const auto found = std::find(nodes.begin(), nodes.end(), node);
  if (found == nodes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - nodes.begin());
}

/// Finds the orders inside of one node. Keeps references to its arguments; for one run.
class NestedSolver {
 public:
  NestedSolver(const NestedGroups& groups, std::size_t node,
               const std::vector<NestedSimilarity>& similarities, NestedOrders start)
      : groups_(groups), node_(node), similarities_(similarities), orders_(std::move(start)) {}

  NestedMatch run() {
    const std::vector<std::size_t> children = groups_.children(node_);
    double value = nested_value(groups_, node_, similarities_, orders_);
    for (int round = 0; round < kRounds && !children.empty(); ++round) {
      for (const std::size_t child : children) improve(child);
      const double before = value;
      value = nested_value(groups_, node_, similarities_, orders_);
      if (value - before <= kRounding * std::fabs(value)) break;
    }
    return {value, std::move(orders_)};
  }

 private:
  void improve(std::size_t child) {
    const std::size_t n = groups_.nodes[child].size;
    std::vector<double> score(n * n);
    std::vector<NestedMatch> inner;
    if (groups_.children(child).empty()) {
      for (const NestedSimilarity& similarity : similarities_) add(similarity, child, score);
    } else {
      inner.reserve(n * n);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) {
          inner.push_back(pair(child, i, j));
          score[i * n + j] = inner.back().value;
        }
    }
    const std::vector<float> rounded(score.begin(), score.end());
    const Gather best = solve_assignment(rounded, n);
    const auto total = [&](const Gather& order) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += score[i * n + order[i]];
      return sum;
    };
    const bool moves = total(best) > total(orders_[child]);
    const Gather order = moves ? best : orders_[child];
    for (std::size_t node = 0; node < groups_.nodes.size() && !inner.empty(); ++node)
      if (node != child && groups_.inside(node, child)) take(inner, child, order, node);
    orders_[child] = order;
  }

  /// score[i, j] += the similarity of unit i to unit j of a family without families.
  void add(const NestedSimilarity& similarity, std::size_t child, std::vector<double>& score) {
    const auto at = index_of(similarity.nodes, child);
    if (!at) return;
    const std::size_t n = groups_.nodes[child].size;
    const Places places(groups_, similarity.nodes);
    for (std::size_t s = 0; s < places.count(); ++s) {
      const std::vector<std::size_t> units = places.units(s);
      std::vector<std::size_t> there = places.moved(units, orders_, node_);
      for (std::size_t j = 0; j < n; ++j) {
        there[*at] = j;
        score[units[*at] * n + j] += similarity.values[s * places.count() + places.place(there)];
      }
    }
  }

  /// The best that can be inside if unit j of the other model stands at unit i.
  NestedMatch pair(std::size_t child, std::size_t i, std::size_t j) {
    std::vector<NestedSimilarity> inside;
    for (const NestedSimilarity& similarity : similarities_)
      if (const auto at = index_of(similarity.nodes, child))
        inside.push_back(restrict(similarity, child, *at, i, j));
    NestedOrders start = identity_orders(groups_, child);
    if (orders_[child][i] == j)
      for (std::size_t node = 0; node < start.size(); ++node)
        if (!start[node].empty()) cut(node, child, i, start[node]);
    return solve_nested(groups_, child, inside, start);
  }

  /// What the orders are inside of unit i.
  void cut(std::size_t node, std::size_t child, std::size_t i, Gather& out) const {
    const std::size_t units = groups_.units(node, child);
    for (std::size_t k = 0; k < units; ++k)
      out[k] = static_cast<std::uint32_t>(orders_[node][i * units + k] % units);
  }

  void take(const std::vector<NestedMatch>& inner, std::size_t child, const Gather& order,
            std::size_t node) {
    const std::size_t n = order.size();
    const std::size_t units = groups_.units(node, child);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < units; ++k)
        orders_[node][i * units + k] =
            static_cast<std::uint32_t>(order[i] * units + inner[i * n + order[i]].orders[node][k]);
  }

  /// The similarities of the places where the child has unit i here and unit j there, by the nodes
  /// inside of it; of the other nodes each place with the one that the orders put there.
  NestedSimilarity restrict(const NestedSimilarity& similarity, std::size_t child, std::size_t at,
                            std::size_t i, std::size_t j) const {
    NestedSimilarity result;
    std::vector<std::size_t> kept;
    for (std::size_t k = 0; k < similarity.nodes.size(); ++k) {
      const std::size_t node = similarity.nodes[k];
      if (node == child || !groups_.inside(node, child)) continue;
      result.nodes.push_back(node);
      kept.push_back(k);
    }
    const Places places(groups_, similarity.nodes);
    const Places inner(groups_, result.nodes);
    result.values.assign(inner.count() * inner.count(), 0);
    std::vector<std::size_t> chosen(kept.size());
    for (std::size_t s = 0; s < places.count(); ++s) {
      const std::vector<std::size_t> units = places.units(s);
      if (units[at] != i) continue;
      std::vector<std::size_t> there = places.moved(units, orders_, node_);
      there[at] = j;
      for (std::size_t k = 0; k < kept.size(); ++k) chosen[k] = units[kept[k]];
      double* row = result.values.data() + inner.place(chosen) * inner.count();
      for (std::size_t t = 0; t < inner.count(); ++t) {
        const std::vector<std::size_t> other = inner.units(t);
        for (std::size_t k = 0; k < kept.size(); ++k) there[kept[k]] = other[k];
        row[t] += similarity.values[s * places.count() + places.place(there)];
      }
    }
    return result;
  }

  const NestedGroups& groups_;
  std::size_t node_;
  const std::vector<NestedSimilarity>& similarities_;
  NestedOrders orders_;
};

}  // namespace

std::vector<std::size_t> NestedGroups::children(std::size_t node) const {
  std::vector<std::size_t> result;
  for (std::size_t i = 1; i < nodes.size(); ++i)
    if (nodes[i].parent == node) result.push_back(i);
  return result;
}

bool NestedGroups::inside(std::size_t node, std::size_t outer) const {
  while (node > outer) node = nodes[node].parent;
  return node == outer;
}

std::size_t NestedGroups::units(std::size_t node, std::size_t outer) const {
  std::size_t result = 1;
  for (; node != outer; node = nodes[node].parent) result *= nodes[node].size;
  return result;
}

NestedOrders identity_orders(const NestedGroups& groups, std::size_t node) {
  NestedOrders orders(groups.nodes.size());
  for (std::size_t i = 1; i < orders.size(); ++i) {
    if (i == node || !groups.inside(i, node)) continue;
    orders[i].resize(groups.units(i, node));
    std::iota(orders[i].begin(), orders[i].end(), 0U);
  }
  return orders;
}

double nested_value(const NestedGroups& groups, std::size_t node,
                    const std::vector<NestedSimilarity>& similarities, const NestedOrders& orders) {
  double sum = 0;
  for (const NestedSimilarity& similarity : similarities) {
    const Places places(groups, similarity.nodes);
    for (std::size_t s = 0; s < places.count(); ++s)
      sum += similarity.values[s * places.count() +
                               places.place(places.moved(places.units(s), orders, node))];
  }
  return sum;
}

NestedMatch solve_nested(const NestedGroups& groups, std::size_t node,
                         const std::vector<NestedSimilarity>& similarities,
                         const NestedOrders& start) {
  return NestedSolver(groups, node, similarities, start).run();
}

}  // namespace mgit
