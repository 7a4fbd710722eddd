#include "mgit/random_permutation.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace mgit {

namespace {

Gather identity_of(std::size_t size) {
  Gather gather(size);
  std::iota(gather.begin(), gather.end(), 0U);
  return gather;
}

/// For each member an order of its own.
std::vector<Gather> orders_of(const Spec& spec, std::uint32_t group, Random& random) {
  std::vector<Gather> orders(member_count(spec.groups, group));
  for (Gather& order : orders) order = random.order<std::uint32_t>(spec.groups[group].size);
  return orders;
}

/// Whether a permutation says something about a family that one of a single group does not.
bool telling(const std::vector<Gather>& orders) {
  if (orders.size() == 1) return !is_identity(orders.front());
  return std::adjacent_find(orders.begin(), orders.end(), std::not_equal_to<>()) != orders.end();
}

/// Which member of a family comes to which place: the entry of its outer group.
Gather outer_of(const Spec& spec, const Permutation& permutation, std::uint32_t group) {
  const Gather& outer = permutation.groups[*spec.groups[group].outer];
  return outer.empty() ? identity_of(member_count(spec.groups, group)) : outer;
}

/// Outer groups before their families.
std::vector<std::uint32_t> outer_first(const Spec& spec) {
  std::vector<std::pair<std::size_t, std::uint32_t>> depths;
  for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
    std::size_t depth = 0;
    for (auto outer = spec.groups[group].outer; outer; outer = spec.groups[*outer].outer) ++depth;
    depths.emplace_back(depth, group);
  }
  std::sort(depths.begin(), depths.end());
  std::vector<std::uint32_t> order;
  for (const auto& [depth, group] : depths) order.push_back(group);
  return order;
}

}  // namespace

Permutation random_permutation(const Spec& spec, Random& random) {
  Permutation result = identity_permutation(spec);
  for (const std::uint32_t group : outer_first(spec)) {
    const Group& of = spec.groups[group];
    const bool can_move = !of.fixed && of.size > 1;
    if (!of.outer && !can_move) continue;
    std::vector<Gather> orders(member_count(spec.groups, group), identity_of(of.size));
    while (can_move && !telling(orders)) orders = orders_of(spec, group, random);
    if (!of.outer) {
      result.groups[group] = std::move(orders.front());
      continue;
    }
    const Gather outer = outer_of(spec, result, group);
    for (std::size_t place = 0; place < outer.size(); ++place)
      for (const std::uint32_t unit : orders[place])
        result.groups[group].push_back(outer[place] * of.size + unit);
  }
  return result;
}

Permutation random_order(const Spec& spec, std::uint32_t group, Random& random) {
  Permutation order = identity_permutation(spec);
  const std::vector<Gather> orders = orders_of(spec, group, random);
  for (std::uint32_t member = 0; member < orders.size(); ++member)
    for (const std::uint32_t unit : orders[member])
      order.groups[group].push_back(member * spec.groups[group].size + unit);
  return restricted_to(spec, order, group);
}

Permutation restricted_to(const Spec& spec, const Permutation& permutation, std::uint32_t group) {
  Permutation result = identity_permutation(spec);
  for (const std::uint32_t each : outer_first(spec)) {
    const Group& of = spec.groups[each];
    if (each == group && !of.outer) {
      result.groups[each] = permutation.groups[each];
    } else if (each == group) {
      // The order inside each member, without the move of the members.
      const Gather& entry = permutation.groups[each];
      const Gather home = inverse(outer_of(spec, permutation, each));
      for (const std::uint32_t place : home)
        for (std::uint32_t unit = 0; unit < of.size; ++unit)
          result.groups[each].push_back(entry[place * of.size + unit]);
    } else if (of.outer && !result.groups[*of.outer].empty()) {
      result.groups[each] = carried(result.groups[*of.outer], of.size);
    }
  }
  return result;
}

}  // namespace mgit
