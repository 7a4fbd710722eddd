#include "mgit/spec_relation.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"
#include "mgit/random_permutation.h"
#include "perm/one_network.h"

namespace mgit {
namespace {

constexpr int kTries = 24;

/// The unit of a group, counted through all members, at a position of an axis; nullopt if it does
/// not stand there.
std::optional<std::uint64_t> unit_at(const Spec& spec, const Occurrence& place, std::uint64_t at) {
  const std::uint64_t size = spec.groups[place.group].size;
  if (at < place.offset || at >= place.offset + place.outer * size * place.inner)
    return std::nullopt;
  const std::uint64_t index = (at - place.offset) / place.inner;
  const std::uint64_t members = member_count(spec.groups, place.group);
  const std::uint64_t member = (place.first + index / size / place.step) % members;
  return member * size + index % size;
}

/// Reads off one axis what its groups do, into `permutation`, as far as the axis shows it.
void read_off(const Spec& spec, const SpecAxis& axis, const Gather& gather,
              Permutation& permutation) {
  for (const Occurrence& place : axis.occurrences) {
    Gather& units = permutation.groups[place.group];
    const std::uint64_t span = place.outer * spec.groups[place.group].size * place.inner;
    for (std::uint64_t at = place.offset; at < place.offset + span; at += place.inner) {
      const std::uint64_t from = gather.empty() ? at : gather[at];
      for (const Occurrence& other : axis.occurrences) {
        if (other.group != place.group) continue;
        if (const auto unit = unit_at(spec, other, from))
          units[*unit_at(spec, place, at)] = static_cast<std::uint32_t>(*unit);
      }
    }
  }
}

using TensorSet = std::set<std::size_t>;  // indexes of Spec::tensors

/// Parallel to Spec::groups: the tensors where each stands.
std::vector<TensorSet> tensors_of_groups(const Spec& spec) {
  std::vector<TensorSet> tensors(spec.groups.size());
  for (std::size_t t = 0; t < spec.tensors.size(); ++t)
    for (const SpecAxis& axis : spec.tensors[t].axes)
      for (const Occurrence& place : axis.occurrences) tensors[place.group].insert(t);
  return tensors;
}

/// The group and its families, at any depth.
std::vector<std::uint32_t> family_tree(const Spec& spec, std::uint32_t root) {
  std::vector<std::uint32_t> tree;
  for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
    std::optional<std::uint32_t> at = group;
    while (at && *at != root) at = spec.groups[*at].outer;
    if (at) tree.push_back(group);
  }
  return tree;
}

/// Parallel to Spec::tensors; empty for a tensor that does not move.
using TensorGathers = std::vector<std::vector<Gather>>;

class Allowance {
 public:
  explicit Allowance(const Spec& spec) : spec_(spec), tensors_(tensors_of_groups(spec)) {}

  /// Whether some permutation of the spec gives these gathers. `moved`: the tensors that they may
  /// move.
  bool allows(const TensorGathers& gathers, const TensorSet& moved) const {
    Permutation permutation = identity_permutation(spec_);
    TensorSet touched = moved;
    for (const std::size_t t : moved)
      for (const SpecAxis& axis : spec_.tensors[t].axes)
        for (const Occurrence& place : axis.occurrences) {
          Gather& units = permutation.groups[place.group];
          if (!units.empty()) continue;
          units.resize(unit_count(spec_.groups, place.group));
          std::iota(units.begin(), units.end(), 0U);
          touched.insert(tensors_[place.group].begin(), tensors_[place.group].end());
        }
    for (const std::size_t t : moved)
      for (std::size_t axis = 0; axis < gathers[t].size(); ++axis)
        read_off(spec_, spec_.tensors[t].axes[axis], gathers[t][axis], permutation);
    if (permutation_fault(spec_.groups, permutation)) return false;
    return std::all_of(touched.begin(), touched.end(), [&](std::size_t t) {
      const std::vector<Gather> given = tensor_gathers(spec_, spec_.tensors[t], permutation);
      return moved.contains(t) ? given == gathers[t]
                               : std::all_of(given.begin(), given.end(),
                                             [](const Gather& gather) { return gather.empty(); });
    });
  }

 private:
  const Spec& spec_;
  const std::vector<TensorSet> tensors_;
};

/// Gathers of axes [first, last) as one of the axis that they make together.
Gather product(const std::vector<Gather>& gathers, const Shape& shape, std::size_t first,
               std::size_t last) {
  Gather result = {0};
  for (std::size_t axis = first; axis < last; ++axis) {
    Gather next;
    next.reserve(result.size() * shape[axis]);
    for (const std::uint32_t outer : result)
      for (std::uint32_t i = 0; i < shape[axis]; ++i)
        next.push_back(static_cast<std::uint32_t>(outer * shape[axis]) +
                       (gathers[axis].empty() ? i : gathers[axis][i]));
    result = std::move(next);
  }
  if (is_identity(result)) result.clear();
  return result;
}

/// Gathers of a tensor read as `from`, for the tensor read as `to`; nullopt if axes would have to
/// be cut apart.
std::optional<std::vector<Gather>> reshaped(const std::vector<Gather>& gathers, const Shape& from,
                                            const Shape& to) {
  std::vector<Gather> result;
  std::size_t at = 0;
  for (const std::uint64_t length : to) {
    const std::size_t first = at;
    std::uint64_t together = 1;
    do {
      if (at == from.size()) return std::nullopt;
      together *= from[at++];
    } while (together < length);
    if (together != length) return std::nullopt;
    result.push_back(product(gathers, from, first, at));
  }
  while (at < from.size())
    if (from[at++] != 1) return std::nullopt;
  return result;
}

}  // namespace

std::optional<std::string> beyond(const Spec& spec, const Spec& claim) {
  require_one_network(spec, claim);
  const Allowance allowance(spec);
  const std::vector<TensorSet> tensors = tensors_of_groups(claim);
  Random random(1);
  for (std::uint32_t group = 0; group < claim.groups.size(); ++group) {
    if (claim.groups[group].fixed) continue;
    TensorSet moved;
    for (const std::uint32_t each : family_tree(claim, group))
      moved.insert(tensors[each].begin(), tensors[each].end());
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const Permutation permutation = random_order(claim, group, random);
      TensorGathers gathers(claim.tensors.size());
      for (const std::size_t t : moved) {
        const SpecTensor& tensor = claim.tensors[t];
        auto reshaped_gathers = reshaped(tensor_gathers(claim, tensor, permutation), tensor.shape(),
                                         spec.tensors[t].shape());
        if (!reshaped_gathers)
          return fmt::format("group {} reads '{}' in another shape", claim.groups[group].name,
                             tensor.name);
        gathers[t] = *std::move(reshaped_gathers);
      }
      if (!allowance.allows(gathers, moved))
        return fmt::format("group {} may not be reordered like that", claim.groups[group].name);
    }
  }
  return std::nullopt;
}

}  // namespace mgit
