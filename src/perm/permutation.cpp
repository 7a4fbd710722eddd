#include <algorithm>
#include <numeric>

#include "mgit/perm.h"

namespace mgit {

bool Permutation::identity() const {
  return std::all_of(groups.begin(), groups.end(),
                     [](const Gather& gather) { return is_identity(gather); });
}

Permutation identity_permutation(const Spec& spec) {
  return Permutation{std::vector<Gather>(spec.groups.size())};
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
    const std::uint64_t size = spec.groups[place.group].size;
    if (group.size() != size)
      throw Error("a permutation has the wrong size", spec.groups[place.group].name);
    if (result.empty()) {
      result.resize(axis.length);
      std::iota(result.begin(), result.end(), 0U);
    }
    const auto begin = result.begin() + static_cast<std::ptrdiff_t>(place.offset);
    const std::uint64_t span = place.outer * size * place.inner;
    const Gather before(begin, begin + static_cast<std::ptrdiff_t>(span));
    auto out = begin;
    for (std::uint64_t o = 0; o < place.outer; ++o)
      for (std::uint64_t g = 0; g < size; ++g)
        for (std::uint64_t i = 0; i < place.inner; ++i)
          *out++ = before[(o * size + group[g]) * place.inner + i];
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
  auto moved = std::make_shared<Buffer>(data.view.data.size());
  gather_axes(data.view, gathers, *moved);
  data.view.data = *moved;
  data.owner = std::move(moved);
  return data;
}

}  // namespace mgit
