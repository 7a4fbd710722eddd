#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "mgit/perm.h"

namespace mgit {
namespace {

/// Gathers the units of one place in what `gather` takes from.
void move_place(const Spec& spec, const Occurrence& place, const Gather& units, Gather& gather) {
  const std::uint64_t size = spec.groups[place.group].size;
  const std::uint64_t members = member_count(spec.groups, place.group);
  const auto begin = gather.begin() + static_cast<std::ptrdiff_t>(place.offset);
  const std::uint64_t span = place.outer * size * place.inner;
  const Gather before(begin, begin + static_cast<std::ptrdiff_t>(span));
  auto out = begin;
  for (std::uint64_t o = 0; o < place.outer; ++o) {
    // The outer groups, which come first, have moved the members; what is left is their own order.
    const std::uint64_t member = members == 1 ? 0 : (place.first + o / place.step) % members;
    for (std::uint64_t g = 0; g < size; ++g) {
      const std::uint64_t from = units[member * size + g] % size;
      for (std::uint64_t i = 0; i < place.inner; ++i)
        *out++ = before[(o * size + from) * place.inner + i];
    }
  }
}

std::optional<std::string> fault_of_group(const std::vector<Group>& groups, std::uint32_t number,
                                          const Permutation& permutation) {
  const Group& group = groups[number];
  const Gather& gather = permutation.groups[number];
  const Gather still;
  const Gather& outer = group.outer ? permutation.groups[*group.outer] : still;
  if (gather.empty())
    return is_identity(outer) ? std::nullopt
                              : std::optional(fmt::format("group {} stays where the group that it "
                                                          "is a family of moves",
                                                          group.name));
  if (!is_bijection(gather))
    return fmt::format("the permutation of group {} misses an index or repeats one", group.name);
  if (group.fixed && !is_identity(gather)) return fmt::format("group {} is fixed", group.name);
  if (!group.outer) return std::nullopt;
  for (std::size_t i = 0; i < gather.size(); ++i) {
    const std::size_t member = i / group.size;
    if (gather[i] / group.size != (outer.empty() ? member : outer[member]))
      return fmt::format("a unit of group {} leaves the unit of {} that it belongs to", group.name,
                         groups[*group.outer].name);
  }
  return std::nullopt;
}

}  // namespace

bool Permutation::identity() const {
  return std::all_of(groups.begin(), groups.end(),
                     [](const Gather& gather) { return is_identity(gather); });
}

Permutation identity_permutation(const Spec& spec) {
  return Permutation{std::vector<Gather>(spec.groups.size())};
}

std::optional<std::string> permutation_fault(const std::vector<Group>& groups,
                                             const Permutation& permutation) {
  if (permutation.groups.size() != groups.size()) return "it is of another number of groups";
  // Outer groups are checked against their lengths first, so that members can be looked up.
  for (std::uint32_t number = 0; number < groups.size(); ++number) {
    const Gather& gather = permutation.groups[number];
    if (!gather.empty() && gather.size() != unit_count(groups, number))
      return fmt::format("group {} has {} units, its permutation {}", groups[number].name,
                         unit_count(groups, number), gather.size());
  }
  for (std::uint32_t number = 0; number < groups.size(); ++number)
    if (auto fault = fault_of_group(groups, number, permutation)) return fault;
  return std::nullopt;
}

Gather carried(const Gather& outer, std::uint32_t size) {
  Gather result;
  result.reserve(outer.size() * size);
  for (const std::uint32_t unit : outer)
    for (std::uint32_t i = 0; i < size; ++i) result.push_back(unit * size + i);
  return result;
}

Permutation inverse(const Permutation& permutation) {
  Permutation result;
  for (const Gather& gather : permutation.groups) result.groups.push_back(inverse(gather));
  return result;
}

Permutation compose(const Permutation& first, const Permutation& second) {
  if (first.groups.size() != second.groups.size())
    throw Error("permutations of different specs cannot be composed");
  Permutation result;
  for (std::size_t i = 0; i < first.groups.size(); ++i)
    result.groups.push_back(compose(first.groups[i], second.groups[i]));
  return result;
}

Gather axis_gather(const Spec& spec, const SpecAxis& axis, const Permutation& permutation) {
  if (permutation.groups.size() != spec.groups.size())
    throw Error("this permutation is not of this spec");
  Gather result;
  for (const Occurrence& place : axis.occurrences) {
    const Gather& group = permutation.groups.at(place.group);
    if (is_identity(group)) continue;
    if (group.size() != unit_count(spec.groups, place.group))
      throw Error("a permutation has the wrong size", spec.groups[place.group].name);
    if (result.empty()) {
      result.resize(axis.length);
      std::iota(result.begin(), result.end(), 0U);
    }
    move_place(spec, place, group, result);
  }
  if (is_identity(result)) result.clear();
  return result;
}

std::vector<Gather> tensor_gathers(const Spec& spec, const SpecTensor& tensor,
                                   const Permutation& permutation) {
  std::vector<Gather> result;
  for (const SpecAxis& axis : tensor.axes) result.push_back(axis_gather(spec, axis, permutation));
  return result;
}

PermutedModel::PermutedModel(const TensorSource& model, const Spec& spec,
                             const Permutation& permutation)
    : model_(model), spec_(spec), permutation_(permutation) {}

TensorData PermutedModel::read(std::string_view name) const {
  TensorData data = model_.read(name);
  const SpecTensor* tensor = spec_.find(name);
  if (tensor == nullptr) throw MissingError("the spec has no such tensor", std::string(name));
  const std::vector<Gather> gathers = tensor_gathers(spec_, *tensor, permutation_);
  if (std::all_of(gathers.begin(), gathers.end(), [](const Gather& g) { return g.empty(); }))
    return data;
  if (!fits(*tensor, data.view.shape))
    throw Error(fmt::format("shape {} does not fit its spec", shape_text(data.view.shape)),
                std::string(name));
  auto moved = std::make_shared<Buffer>(data.view.data.size());
  TensorView read_as = data.view;
  read_as.shape = tensor->shape();
  gather_axes(read_as, gathers, *moved);
  data.view.data = *moved;
  data.owner = std::move(moved);
  return data;
}

}  // namespace mgit
