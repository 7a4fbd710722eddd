#include "match/activation_matching.h"

#include <fmt/format.h>

#include <cmath>

#include "mgit/assignment.h"

namespace mgit {
namespace {

constexpr double kTolerance = 1e-9;  // of a similarity of 1

constexpr const char* kHint = "match by weights: --method weights";

/// Cycles that gain nothing go back.
void keep_ties(const std::vector<double>& similarity, Gather& candidate) {
  const std::size_t n = candidate.size();
  std::vector<bool> visited(n);
  for (std::size_t start = 0; start < n; ++start) {
    std::vector<std::size_t> cycle;
    double gain = 0;
    for (std::size_t i = start; !visited[i]; i = candidate[i]) {
      visited[i] = true;
      cycle.push_back(i);
      gain += similarity[i * n + candidate[i]] - similarity[i * n + i];
    }
    if (gain > kTolerance * static_cast<double>(cycle.size())) continue;
    for (const std::size_t i : cycle) candidate[i] = static_cast<std::uint32_t>(i);
  }
}

GroupMatch match_group(const Group& group, const std::vector<double>& similarity, Gather& gather) {
  const std::size_t n = group.size;
  if (similarity.size() != n * n)
    throw Error(fmt::format("no values show what the units of group {} compute", group.name), "",
                kHint);
  gather = solve_assignment(std::vector<float>(similarity.begin(), similarity.end()), n);
  keep_ties(similarity, gather);
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
