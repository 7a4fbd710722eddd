#include "graph/random_permutation.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace mgit {

namespace {

Gather identity_of(std::size_t size) {
  Gather gather(size);
  std::iota(gather.begin(), gather.end(), 0U);
  return gather;
}

Gather random_gather(std::size_t size, Random& random) {
  Gather gather = identity_of(size);
  while (size > 1) {
    for (std::size_t i = size; i > 1; --i) std::swap(gather[i - 1], gather[random.below(i)]);
    if (!is_identity(gather)) break;
  }
  return gather;
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

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
  z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
  z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
  return z ^ z >> 31U;
}

std::uint64_t Random::below(std::uint64_t bound) { return next() % bound; }

double Random::uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

double Random::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

Permutation random_permutation(const Spec& spec, Random& random) {
  Permutation result = identity_permutation(spec);
  for (const std::uint32_t group : outer_first(spec)) {
    const Group& of = spec.groups[group];
    if (!of.outer) {
      if (!of.fixed) result.groups[group] = random_gather(of.size, random);
      continue;
    }
    Gather entry;
    for (const std::uint32_t member : outer_of(spec, result, group)) {
      const Gather inner = of.fixed ? identity_of(of.size) : random_gather(of.size, random);
      for (const std::uint32_t unit : inner) entry.push_back(member * of.size + unit);
    }
    result.groups[group] = std::move(entry);
  }
  return result;
}

Permutation only(const Spec& spec, const Permutation& permutation, std::uint32_t group) {
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
