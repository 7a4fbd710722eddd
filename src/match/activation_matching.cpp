#include "match/activation_matching.h"

#include <fmt/format.h>

#include <numeric>

#include "match/cycles.h"
#include "mgit/assignment.h"

namespace mgit {
namespace {

constexpr double kTolerance = 1e-9;  // of a similarity of 1

constexpr const char* kHint =
    "match by weights: --method weights; or by both, where activations show units: --method mixed";

GroupMatch match_group(const Group& group, const std::vector<double>& similarity, Gather& gather) {
  const std::size_t n = group.size;
  if (similarity.size() != n * n)
    throw Error(fmt::format("no values show what the units of group {} compute", group.name), "",
                kHint);
  gather = solve_assignment(std::vector<float>(similarity.begin(), similarity.end()), n);
  Gather still(n);
  std::iota(still.begin(), still.end(), 0U);
  keep_gaining_cycles(still, gather, kTolerance, [&](std::size_t i) {
    return similarity[i * n + gather[i]] - similarity[i * n + i];
  });
  GroupMatch result{group.name, group.size};
  for (std::size_t i = 0; i < n; ++i) {
    result.before += similarity[i * n + i];
    result.after += similarity[i * n + gather[i]];
    if (gather[i] != i) ++result.moved;
  }
  return result;
}

}  // namespace

MatchResult match_activations(const MatchingInput& input) {
  if (input.similarity == nullptr) throw Error("activation matching needs data", "", kHint);
  MatchResult result;
  result.permutation = identity_permutation(input.spec);
  result.sweeps = 1;
  for (std::size_t g = 0; g < input.spec.groups.size(); ++g) {
    const Group& group = input.spec.groups[g];
    if (group.outer || group.fixed)
      throw Error(fmt::format("group {} is one of families, which activations do not match yet",
                              group.name),
                  "", kHint);
    result.groups.push_back(
        match_group(group, input.similarity->at(g), result.permutation.groups[g]));
    result.objective_before += result.groups.back().before;
    result.objective_after += result.groups.back().after;
  }
  return result;
}

}  // namespace mgit
