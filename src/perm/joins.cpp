#include "perm/joins.h"

#include <fmt/format.h>

#include <algorithm>

namespace mgit::speclang {
namespace {

/// "fc.bias" of "fc.weight"; nullptr if there is none.
const SpecTensor* bias_of(const Spec& spec, const SpecTensor& tensor) {
  for (const std::string_view weight : {"weight", "kernel"}) {
    const std::size_t at = tensor.name.rfind(weight);
    if (at == std::string::npos) continue;
    std::string name = tensor.name;
    if (const SpecTensor* found = spec.find(name.replace(at, weight.size(), "bias"))) return found;
  }
  return nullptr;
}

bool carries(const SpecTensor& tensor, std::uint32_t group) {
  return std::any_of(tensor.axes.begin(), tensor.axes.end(), [&](const SpecAxis& axis) {
    return std::any_of(axis.occurrences.begin(), axis.occurrences.end(),
                       [&](const Occurrence& place) { return place.group == group; });
  });
}

/// What the tensors of rank 2 and more do with one group.
struct Join {
  const SpecTensor* first = nullptr;
  bool produced = false;
  bool consumed = false;
  bool several = false;
  bool inner = true;         // of a product, wherever it stands
  std::uint64_t copies = 0;  // of all its members together
};

std::vector<Join> find_joins(const Spec& spec) {
  std::vector<Join> joins(spec.groups.size());
  for (const SpecTensor& tensor : spec.tensors) {
    if (tensor.axes.size() < 2 && !tensor.reshaped) continue;
    const SpecTensor* bias = bias_of(spec, tensor);
    for (std::size_t a = 0; a < tensor.axes.size(); ++a)
      for (const Occurrence& place : tensor.axes[a].occurrences) {
        Join& join = joins[place.group];
        const bool made = bias != nullptr && carries(*bias, place.group);
        const bool table = bias == nullptr && a + 1 == tensor.axes.size();
        join.produced = join.produced || a == 0 || made || table;
        join.consumed = join.consumed || a > 0 || (bias != nullptr && !made);
        join.copies += place.outer;
        join.inner = join.inner && place.outer > 1;
        if (join.first == nullptr) join.first = &tensor;
        join.several = join.several || join.first != &tensor;
      }
  }
  return joins;
}

}  // namespace

std::vector<std::pair<std::uint32_t, std::string>> join_faults(
    const Spec& spec, const std::vector<bool>& declared_family) {
  std::vector<bool> lenient = declared_family;
  for (const Group& group : spec.groups)
    if (group.outer) lenient[*group.outer] = true;
  std::vector<std::pair<std::uint32_t, std::string>> faults;
  const std::vector<Join> joins = find_joins(spec);
  for (std::uint32_t g = 0; g < joins.size(); ++g) {
    const Join& join = joins[g];
    const std::string& name = spec.groups[g].name;
    if (spec.groups[g].fixed) continue;
    if (lenient[g] || (join.inner && join.copies > 0)) {
      if (join.copies < 2 * member_count(spec.groups, g))
        faults.emplace_back(g, fmt::format("group {} stands in one place alone", name));
      continue;
    }
    if (!join.produced) faults.emplace_back(g, fmt::format("group {} has no producer", name));
    if (!join.consumed) faults.emplace_back(g, fmt::format("group {} has no consumer", name));
    if (join.produced && join.consumed && !join.several)
      faults.emplace_back(
          g, fmt::format("group {} joins tensor '{}' only to itself", name, join.first->name));
  }
  return faults;
}

}  // namespace mgit::speclang
