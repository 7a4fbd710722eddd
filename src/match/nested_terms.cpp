#include "match/nested_terms.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "match/unfolding.h"
#include "mgit/assignment.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// Positions of one unit's slice of an axis on which the same nodes stand.
struct Cell {
  std::vector<std::size_t> nodes;                     // outermost first
  std::vector<std::vector<std::uint64_t>> positions;  // by place of the nodes; as many for each
};

/// The slice of the root's first unit, by what stands in it.
std::vector<Cell> cells_of(const Spec& spec, const GroupTree& tree, const TreePlace& place) {
  const SpecAxis& axis = place.pair->spec->axes[place.axis];
  const std::uint64_t size = spec.groups[tree.root()].size;
  std::vector<const Occurrence*> within;
  for (const Occurrence& each : axis.occurrences)
    if (each.group != tree.root() && tree.has(each.group)) within.push_back(&each);
  std::map<std::vector<std::size_t>,
           std::map<std::vector<std::uint64_t>, std::vector<std::uint64_t>>>
      found;
  for (std::uint64_t o = 0; o < place.occurrence.outer; ++o)
    for (std::uint64_t i = 0; i < place.occurrence.inner; ++i) {
      const std::uint64_t at = place.occurrence.offset + o * size * place.occurrence.inner + i;
      std::vector<std::pair<std::size_t, std::uint64_t>> here;  // node, unit
      for (const Occurrence* each : within) {
        const std::uint64_t units = spec.groups[each->group].size;
        if (at < each->offset || at >= each->offset + each->outer * units * each->inner) continue;
        const auto node = static_cast<std::size_t>(
            std::find(tree.groups.begin(), tree.groups.end(), each->group) - tree.groups.begin());
        here.emplace_back(node, (at - each->offset) / each->inner % units);
      }
      std::sort(here.begin(), here.end());  // parents have lower numbers
      std::vector<std::size_t> nodes;
      std::vector<std::uint64_t> units;
      for (const auto& [node, unit] : here) {
        nodes.push_back(node);
        units.push_back(unit);
      }
      found[nodes][units].push_back(at);
    }
  std::vector<Cell> cells;
  for (auto& [nodes, positions] : found) {
    cells.push_back({nodes, {}});
    for (auto& [units, list] : positions) cells.back().positions.push_back(std::move(list));
  }
  return cells;
}

/// Offsets of everything but one axis.
std::vector<std::size_t> columns(const SpecTensor& tensor, std::size_t but,
                                 std::span<const Gather> gathers) {
  std::vector<std::size_t> result = {0};
  std::size_t stride = 1;
  for (std::size_t i = tensor.axes.size(); i-- > 0; stride *= tensor.axes[i].length) {
    if (i == but) continue;
    std::vector<std::size_t> next;
    next.reserve(result.size() * tensor.axes[i].length);
    for (std::size_t k = 0; k < tensor.axes[i].length; ++k)
      for (const std::size_t offset : result)
        next.push_back(offset + (gathers[i].empty() ? k : gathers[i][k]) * stride);
    result = std::move(next);
  }
  return result;
}

std::size_t stride_of(const SpecTensor& tensor, std::size_t axis) {
  std::size_t stride = 1;
  for (std::size_t i = axis + 1; i < tensor.axes.size(); ++i) stride *= tensor.axes[i].length;
  return stride;
}

/// One cell of one place: the rows of every unit, of both models.
class CellRows {
 public:
  CellRows(const Spec& spec, const GroupTree& tree, const TreePlace& place, Cell cell,
           const Permutation& permutation)
      : pair_(*place.pair),
        cell_(std::move(cell)),
        inner_(place.occurrence.inner),
        stride_(stride_of(*place.pair->spec, place.axis)) {
    Permutation others = permutation;
    for (const std::uint32_t group : tree.groups) others.groups[group].clear();
    const SpecTensor& tensor = *pair_.spec;
    const std::vector<Gather> still(tensor.axes.size());
    a_columns_ = columns(tensor, place.axis, still);
    b_columns_ = columns(tensor, place.axis, tensor_gathers(spec, tensor, permutation));
    along_ = axis_gather(spec, tensor.axes[place.axis], others);
  }

  const TensorPair& pair() const { return pair_; }
  const std::vector<std::size_t>& nodes() const { return cell_.nodes; }
  std::size_t rows() const { return cell_.positions.size(); }

  /// Of units [first, last), one after the other.
  Unfolding a(std::size_t first, std::size_t last) const {
    return unfolded(first, last, a_columns_, {});
  }
  Unfolding b(std::size_t first, std::size_t last) const {
    return unfolded(first, last, b_columns_, along_);
  }

 private:
  Unfolding unfolded(std::size_t first, std::size_t last, const std::vector<std::size_t>& others,
                     const Gather& along) const {
    Unfolding result;
    result.rows = (last - first) * rows();
    result.outer.resize(cell_.positions.front().size());
    result.inner = others;
    for (std::size_t x = 0; x < result.outer.size(); ++x)
      for (std::size_t unit = first; unit < last; ++unit)
        for (const std::vector<std::uint64_t>& list : cell_.positions) {
          const std::uint64_t at = list[x] + unit * inner_;
          result.places.push_back((along.empty() ? at : along[at]) * stride_);
        }
    return result;
  }

  const TensorPair& pair_;
  Cell cell_;
  std::uint64_t inner_;
  std::size_t stride_;
  std::vector<std::size_t> a_columns_;
  std::vector<std::size_t> b_columns_;
  Gather along_;
};

/// Sums of products that are held at once.
constexpr std::size_t kHeldSums = std::size_t{1} << 24;

/// The products of all cells in which the same nodes stand, of some units with some others.
struct CellSums {
  std::vector<std::size_t> nodes;
  std::size_t rows;  // of a unit
  std::vector<double> values{};

  NestedSimilarity of(std::size_t i, std::size_t j, std::size_t width) const {
    NestedSimilarity result{nodes, {}};
    result.values.reserve(rows * rows);
    for (std::size_t s = 0; s < rows; ++s) {
      const auto from =
          values.begin() + static_cast<std::ptrdiff_t>((i * rows + s) * width * rows + j * rows);
      result.values.insert(result.values.end(), from, from + static_cast<std::ptrdiff_t>(rows));
    }
    return result;
  }
};

}  // namespace

bool GroupTree::has(std::uint32_t group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

GroupTree make_tree(const std::vector<Group>& groups, std::uint32_t root) {
  GroupTree tree;
  tree.groups.push_back(root);
  tree.nodes.nodes.emplace_back();
  for (std::size_t node = 0; node < tree.groups.size(); ++node)
    for (std::uint32_t group = 0; group < groups.size(); ++group)
      if (groups[group].outer == tree.groups[node]) {
        tree.groups.push_back(group);
        tree.nodes.nodes.push_back({groups[group].size, node});
      }
  return tree;
}

void place_tree(const GroupTree& tree, const std::vector<Group>& groups, const Gather& order,
                const std::vector<NestedOrders>& inside, Permutation& permutation) {
  permutation.groups[tree.root()] = order;
  for (std::size_t node = 1; node < tree.groups.size(); ++node) {
    const std::size_t units = tree.nodes.units(node, 0);
    Gather& gather = permutation.groups[tree.groups[node]];
    gather.resize(unit_count(groups, tree.groups[node]));
    for (std::size_t i = 0; i < order.size(); ++i)
      for (std::size_t k = 0; k < units; ++k)
        gather[i * units + k] = static_cast<std::uint32_t>(order[i] * units + inside[i][node][k]);
  }
}

NestedOrders orders_inside(const GroupTree& tree, const std::vector<Group>& groups,
                           const Permutation& permutation, std::size_t unit) {
  NestedOrders orders = identity_orders(tree.nodes);
  for (std::size_t node = 1; node < tree.groups.size(); ++node) {
    const std::size_t units = tree.nodes.units(node, 0);
    const Gather& gather = permutation.groups[tree.groups[node]];
    if (gather.size() != unit_count(groups, tree.groups[node])) continue;
    for (std::size_t k = 0; k < units; ++k)
      orders[node][k] = static_cast<std::uint32_t>(gather[unit * units + k] % units);
  }
  return orders;
}

std::vector<std::vector<UnitPlace>> units_within(const Spec& spec, const GroupTree& tree,
                                                 const std::vector<TreePlace>& places) {
  std::map<std::vector<std::size_t>, std::vector<UnitPlace>> kinds;
  const Permutation still = identity_permutation(spec);
  for (const TreePlace& place : places) {
    const std::vector<double>& distances = place.pair->distances[place.axis];
    const std::size_t stride = stride_of(*place.pair->spec, place.axis);
    for (Cell& cell : cells_of(spec, tree, place)) {
      const CellRows rows(spec, tree, place, std::move(cell), still);
      UnitPlace units{place.pair, rows.a(0, spec.groups[tree.root()].size), {}};
      units.distances.resize(units.rows.rows);
      for (std::size_t k = 0; k < units.rows.places.size(); ++k)
        units.distances[k % units.rows.rows] += distances[units.rows.places[k] / stride];
      kinds[rows.nodes()].push_back(std::move(units));
    }
  }
  std::vector<std::vector<UnitPlace>> result;
  for (auto& [nodes, units] : kinds) result.push_back(std::move(units));
  return result;
}

void for_each_pair(const Spec& spec, const GroupTree& tree, const std::vector<TreePlace>& places,
                   const Permutation& permutation,
                   const std::function<void(std::size_t i, std::size_t j,
                                            const std::vector<NestedSimilarity>&)>& take) {
  std::vector<CellRows> cells;
  for (const TreePlace& place : places)
    for (Cell& cell : cells_of(spec, tree, place))
      cells.emplace_back(spec, tree, place, std::move(cell), permutation);
  std::vector<std::pair<TensorData, TensorData>> data;
  std::map<std::vector<std::size_t>, std::size_t> kinds;  // rows, of cells that can be added up
  for (const CellRows& cell : cells) {
    data.emplace_back(cell.pair().a.read(), cell.pair().b.read());
    kinds.emplace(cell.nodes(), cell.rows());
  }
  std::vector<CellSums> sums;
  std::size_t squares = 0;
  for (const auto& [nodes, rows] : kinds) {
    sums.push_back({nodes, rows});
    squares += rows * rows;
  }

  const std::size_t n = spec.groups[tree.root()].size;
  const bool fixed = spec.groups[tree.root()].fixed;
  std::size_t step = 1;
  while (!fixed && step < n && (step + 1) * (step + 1) * squares <= kHeldSums) ++step;
  const auto block = [&](std::size_t i, std::size_t j) {
    const std::size_t last_i = std::min(i + step, n);
    const std::size_t last_j = std::min(j + step, n);
    for (CellSums& sum : sums) {
      sum.values.assign((last_i - i) * (last_j - j) * sum.rows * sum.rows, 0);
      for (std::size_t c = 0; c < cells.size(); ++c)
        if (sum.nodes == cells[c].nodes())
          add_products(data[c].first.view, cells[c].a(i, last_i), data[c].second.view,
                       cells[c].b(j, last_j), sum.values);
    }
    const std::size_t width = last_j - j;
    parallel_for((last_i - i) * width, [&](std::size_t k) {
      std::vector<NestedSimilarity> similarities;
      for (const CellSums& sum : sums) similarities.push_back(sum.of(k / width, k % width, width));
      take(i + k / width, j + k % width, similarities);
    });
  };
  for (std::size_t i = 0; i < n; i += step)
    for (std::size_t j = fixed ? i : 0; j < (fixed ? i + 1 : n); j += step) block(i, j);
}

namespace {

/// What match_tree found out about all pairs of units.
struct TreeScores {
  std::vector<NestedMatch> matches;  // n x n
  std::vector<double> now;           // of each unit, as the permutation is

  double total(const Gather& order) const {
    double sum = 0;
    for (std::size_t i = 0; i < now.size(); ++i) sum += matches[i * now.size() + order[i]].value;
    return sum;
  }
};

TreeScores score_pairs(const Spec& spec, const GroupTree& tree,
                       const std::vector<TreePlace>& places, const Permutation& permutation) {
  const Gather& current = permutation.groups[tree.root()];
  const std::size_t n = current.size();
  TreeScores scores{std::vector<NestedMatch>(n * n), std::vector<double>(n)};
  for_each_pair(
      spec, tree, places, permutation,
      [&](std::size_t i, std::size_t j, const std::vector<NestedSimilarity>& similarities) {
        NestedOrders start = identity_orders(tree.nodes);
        if (current[i] == j) {
          start = orders_inside(tree, spec.groups, permutation, i);
          scores.now[i] = nested_value(tree.nodes, 0, similarities, start);
        }
        scores.matches[i * n + j] = solve_nested(tree.nodes, 0, similarities, start);
      });
  return scores;
}

}  // namespace

bool match_tree(const Spec& spec, const GroupTree& tree, const std::vector<TreePlace>& places,
                const TreeNoise& noise, Permutation& permutation) {
  if (places.empty()) return false;
  const Gather current = permutation.groups[tree.root()];
  const std::size_t n = current.size();
  const TreeScores scores = score_pairs(spec, tree, places, permutation);
  double before = 0;
  double scale = 0;
  for (const double value : scores.now) {
    before += value;
    scale += std::fabs(value);
  }
  Gather order = current;
  if (!spec.groups[tree.root()].fixed) {
    std::vector<float> score(n * n);
    for (std::size_t k = 0; k < score.size(); ++k)
      score[k] = static_cast<float>(scores.matches[k].value +
                                    (noise ? noise(scale / static_cast<double>(n)) : 0.0));
    order = solve_assignment(score, n);
  }
  if (!noise && scores.total(order) <= scores.total(current)) order = current;
  if (!noise && scores.total(order) - before <= kTolerance * scale) return false;
  std::vector<NestedOrders> inside;
  for (std::size_t i = 0; i < n; ++i) inside.push_back(scores.matches[i * n + order[i]].orders);
  Permutation with = permutation;
  place_tree(tree, spec.groups, order, inside, with);
  if (with == permutation) return false;
  permutation = std::move(with);
  return true;
}

}  // namespace mgit
