#include "mgit/spec_relation.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace mgit {
namespace {

constexpr int kTries = 24;

/// splitmix64: the same with every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return (z ^ z >> 31) % bound;
  }
  void shuffle(Gather& order) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  }

 private:
  std::uint64_t state_;
};

/// A random order of one group, in each of its members; its families are carried along.
Permutation reordered(const Spec& spec, std::uint32_t group, Random& random) {
  Permutation result = identity_permutation(spec);
  const std::uint32_t size = spec.groups[group].size;
  const std::uint64_t members = member_count(spec.groups, group);
  Gather& units = result.groups[group];
  for (std::uint32_t m = 0; m < members; ++m) {
    Gather order(size);
    std::iota(order.begin(), order.end(), m * size);
    random.shuffle(order);
    units.insert(units.end(), order.begin(), order.end());
  }
  const std::function<void(std::uint32_t)> carry = [&](std::uint32_t outer) {
    for (std::uint32_t family = 0; family < spec.groups.size(); ++family) {
      if (spec.groups[family].outer != outer) continue;
      result.groups[family] = carried(result.groups[outer], spec.groups[family].size);
      carry(family);
    }
  };
  carry(group);
  return result;
}

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

/// Whether these gathers, by tensor, are what some permutation of the spec gives.
bool allowed(const Spec& spec, const std::vector<std::vector<Gather>>& gathers) {
  Permutation permutation;
  for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
    permutation.groups.emplace_back(unit_count(spec.groups, group));
    std::iota(permutation.groups.back().begin(), permutation.groups.back().end(), 0U);
  }
  for (std::size_t t = 0; t < spec.tensors.size(); ++t)
    for (std::size_t axis = 0; axis < spec.tensors[t].axes.size(); ++axis)
      read_off(spec, spec.tensors[t].axes[axis], gathers[t][axis], permutation);
  if (permutation_fault(spec.groups, permutation)) return false;
  for (std::size_t t = 0; t < spec.tensors.size(); ++t)
    if (tensor_gathers(spec, spec.tensors[t], permutation) != gathers[t]) return false;
  return true;
}

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
  const auto same_tensor = [](const SpecTensor& x, const SpecTensor& y) {
    return x.name == y.name && element_count(x.shape()) == element_count(y.shape());
  };
  if (!std::equal(spec.tensors.begin(), spec.tensors.end(), claim.tensors.begin(),
                  claim.tensors.end(), same_tensor))
    throw Error("specs of different networks cannot be compared");
  Random random(1);
  for (std::uint32_t group = 0; group < claim.groups.size(); ++group) {
    if (claim.groups[group].fixed) continue;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const Permutation permutation = reordered(claim, group, random);
      std::vector<std::vector<Gather>> gathers;
      for (std::size_t t = 0; t < claim.tensors.size(); ++t) {
        const SpecTensor& tensor = claim.tensors[t];
        auto moved = reshaped(tensor_gathers(claim, tensor, permutation), tensor.shape(),
                              spec.tensors[t].shape());
        if (!moved)
          return fmt::format("group {} reads '{}' in another shape", claim.groups[group].name,
                             tensor.name);
        gathers.push_back(*std::move(moved));
      }
      if (!allowed(spec, gathers))
        return fmt::format("group {} may not be reordered like that", claim.groups[group].name);
    }
  }
  return std::nullopt;
}

}  // namespace mgit
