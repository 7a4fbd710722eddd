// Matching of families: nested assignments against brute force, planted permutations found again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "base/random.h"
#include "match/nested_assignment.h"
#include "mgit/match.h"
#include "mgit/random_permutation.h"
#include "support/support.h"

namespace mgit {
namespace {

using testing::random_floats;

std::vector<double> random_doubles(std::size_t count, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<double> values(count);
  for (double& value : values) value = normal(random);
  return values;
}

std::vector<Gather> all_orders(std::size_t n) {
  Gather order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::vector<Gather> all;
  do all.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  return all;
}

TEST(NestedAssignment, FindsTheBestOrderOfAFamilyOfFamilies) {
  // Node 1: 3 units, each with 2 units of node 2 and 3 of node 3; no place carries both.
  NestedGroups groups;
  groups.nodes = {{1, 0}, {3, 0}, {2, 1}, {3, 1}};
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    const std::vector<NestedSimilarity> similarities = {{{1}, random_doubles(9, random)},
                                                        {{1, 2}, random_doubles(36, random)},
                                                        {{1, 3}, random_doubles(81, random)}};
    double best = -1e300;
    for (const Gather& outer : all_orders(3)) {
      double sum = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        sum += similarities[0].values[i * 3 + outer[i]];
        for (const auto& [at, size] : {std::pair<std::size_t, std::size_t>{1, 2}, {2, 3}}) {
          double inner = -1e300;
          for (const Gather& order : all_orders(size)) {
            double value = 0;
            for (std::size_t k = 0; k < size; ++k)
              value +=
                  similarities[at].values[(i * size + k) * (3 * size) + outer[i] * size + order[k]];
            inner = std::max(inner, value);
          }
          sum += inner;
        }
      }
      best = std::max(best, sum);
    }
    const NestedMatch found = solve_nested(groups, 0, similarities, identity_orders(groups));
    EXPECT_NEAR(found.value, best, 1e-5);
    EXPECT_NEAR(nested_value(groups, 0, similarities, found.orders), found.value, 1e-12);
  }
}

TEST(NestedAssignment, TwoFamiliesInOneProductNeverGetWorse) {
  NestedGroups groups;
  groups.nodes = {{1, 0}, {4, 0}, {5, 0}};
  std::mt19937_64 random(2);
  for (int round = 0; round < 20; ++round) {
    const std::vector<NestedSimilarity> similarities = {{{1, 2}, random_doubles(400, random)},
                                                        {{2}, random_doubles(25, random)}};
    NestedOrders start = identity_orders(groups);
    std::shuffle(start[1].begin(), start[1].end(), random);
    std::shuffle(start[2].begin(), start[2].end(), random);
    const double before = nested_value(groups, 0, similarities, start);
    const NestedMatch found = solve_nested(groups, 0, similarities, start);
    EXPECT_GE(found.value, before);
    const NestedMatch again = solve_nested(groups, 0, similarities, found.orders);
    EXPECT_NEAR(again.value, found.value, 1e-9 * std::abs(found.value));
  }
}

struct FamilyNetwork {
  Spec spec;
  MemoryModel model;
};

FamilyNetwork bound(const std::string& text,
                    const std::vector<std::pair<std::string, Shape>>& tensors, std::uint64_t seed) {
  FamilyNetwork network;
  std::vector<TensorInfo> infos;
  for (const auto& [name, shape] : tensors) {
    infos.push_back({name, DType::kF32, shape});
    network.model.set(infos.back(), random_floats(*element_count(shape), seed++));
  }
  network.spec = bind_spec("mgit-perm 1\n" + text, "test", infos);
  return network;
}

/// Two layers of attention; query, key and value in one matrix.
FamilyNetwork attention(std::uint64_t seed) {
  std::vector<std::pair<std::string, Shape>> tensors = {{"embed", {32, 20}}, {"head", {10, 32}}};
  for (const std::string layer : {"h.0", "h.1"}) {
    tensors.push_back({layer + ".qkv", {96, 32}});
    tensors.push_back({layer + ".qkv_bias", {96}});
    tensors.push_back({layer + ".proj", {32, 32}});
  }
  return bound(
      "perm R\nperm H{i}:4\nperm Q{i}:8 in H{i}\nperm V{i}:8 in H{i}\n"
      "embed: R, _\nhead: _, R\nh.{i}.qkv: H{i}*Q{i}+H{i}*Q{i}+H{i}*V{i}, R\n"
      "h.{i}.qkv_bias: H{i}*Q{i}+H{i}*Q{i}+H{i}*V{i}\nh.{i}.proj: R, H{i}*V{i}\n",
      tensors, seed);
}

/// Query heads in groups that share key and value; rotary positions are fixed.
FamilyNetwork grouped_queries(std::uint64_t seed) {
  return bound(
      "perm R\nperm K:4\nperm G:3 in K\nperm V:6 in K\n"
      "embed: R, _\nq: K*G*_, R\nk: K*_, R\nv: K*V, R\no: R, K*G*V\nhead: _, R\n",
      {{"embed", {24, 20}},
       {"q", {60, 24}},
       {"k", {20, 24}},
       {"v", {24, 24}},
       {"o", {24, 72}},
       {"head", {10, 24}}},
      seed);
}

/// Heads that cannot move (their slopes are constants), one order of the inside for all of them
/// in query and key (a norm), one for each in value.
FamilyNetwork pinned_heads(std::uint64_t seed) {
  return bound(
      "perm R\nperm H:4\npin H\nperm A:8\nperm V:8 in H\n"
      "embed: R, _\nq: H*A, R\nk: H*A, R\nnorm: A\nv: H*V, R\no: R, H*V\nhead: _, R\n",
      {{"embed", {24, 20}},
       {"q", {32, 24}},
       {"k", {32, 24}},
       {"norm", {8}},
       {"v", {32, 24}},
       {"o", {24, 32}},
       {"head", {10, 24}}},
      seed);
}

/// Groups of experts, experts in each, hidden units in each of them; and a grouped convolution.
FamilyNetwork experts(std::uint64_t seed) {
  return bound(
      "perm R\nperm E:2\nperm X:3 in E\nperm N:5 in X\nperm G:4\nperm I:3 in G\nperm O:2 in G\n"
      "router: E*X, R\nup: E*X*(N+N), R\ndown as [30, 24]: E*X*N, R\n"
      "in: R, _\nmid: G*I, R\nconv: G*O, I, _\nout: _, G*O\n",
      {{"router", {6, 24}},
       {"up", {60, 24}},
       {"down", {2, 3, 5, 24}},
       {"in", {24, 9}},
       {"mid", {12, 24}},
       {"conv", {8, 3, 3}},
       {"out", {7, 8}}},
      seed);
}

bool same_bytes(const TensorSource& a, const TensorSource& b) {
  for (const TensorInfo& info : a.tensors()) {
    const TensorData x = a.read(info.name);
    const TensorData y = b.read(info.name);
    if (std::memcmp(x.view.data.data(), y.view.data.data(), x.view.data.size()) != 0) return false;
  }
  return true;
}

class Families : public ::testing::TestWithParam<FamilyNetwork (*)(std::uint64_t)> {};

TEST_P(Families, APlantedPermutationIsFoundAgain) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const FamilyNetwork network = GetParam()(100 * seed + 1);
    Random random(seed);
    const Permutation planted = random_permutation(network.spec, random);
    ASSERT_EQ(permutation_fault(network.spec.groups, planted), std::nullopt);
    const PermutedModel moved(network.model, network.spec, planted);
    for (const auto method : {match_weights, match_frank_wolfe}) {
      const MatchResult match = method(network.spec, network.model, moved, {});
      ASSERT_EQ(permutation_fault(network.spec.groups, match.permutation), std::nullopt);
      EXPECT_TRUE(same_bytes(network.model, PermutedModel(moved, network.spec, match.permutation)))
          << "seed " << seed;
      for (const GroupMatch& group : match.groups)
        EXPECT_GE(group.after, group.before) << group.name;
    }
  }
}

TEST_P(Families, TwoNetworksGetCloserAndTheResultIsTheObjective) {
  const FamilyNetwork a = GetParam()(1);
  const FamilyNetwork b = GetParam()(1000);
  MatchOptions options;
  options.restarts = 2;
  std::vector<double> course;
  options.progress = [&](int sweep, double objective) {
    if (sweep == 1) course.clear();
    course.push_back(objective);
  };
  const MatchResult match = match_weights(a.spec, a.model, b.model, options);
  EXPECT_EQ(permutation_fault(a.spec.groups, match.permutation), std::nullopt);
  EXPECT_GT(match.objective_after, match.objective_before);
  EXPECT_NEAR(match.objective_after,
              objective(a.spec, a.model, PermutedModel(b.model, a.spec, match.permutation)),
              1e-6 * std::abs(match.objective_after));
  EXPECT_TRUE(std::is_sorted(course.begin(), course.end()));
  const MatchResult again = match_weights(a.spec, a.model, b.model, options);
  EXPECT_EQ(again.permutation, match.permutation);
}

INSTANTIATE_TEST_SUITE_P(Networks, Families,
                         ::testing::Values(attention, grouped_queries, pinned_heads, experts));

}  // namespace
}  // namespace mgit
