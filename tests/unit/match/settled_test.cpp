// A model that is aligned is left alone, which is found out without matching.
#include "match/settled.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "mgit/match.h"

namespace mgit {
namespace {

/// A norm in groups, heads, and units that stand on one axis twice.
constexpr const char* kSpec = R"(mgit-perm 1
perm P:96
perm G:8
perm C:12 in G
perm H:4
perm Q:16 in H
perm V:16 in H
norm.weight: P
conv1.weight: G*C, P, _, _
conv1.bias: G*C
conv2.weight: P, G*C, _, _
q.weight: H*Q, P
k.weight: H*Q, _
v.weight: H*V, P
o.weight: P, H*V
)";

const std::vector<TensorInfo>& network() {
  static const std::vector<TensorInfo> infos = {{"conv1.bias", DType::kF16, {96}},
                                                {"conv1.weight", DType::kF16, {96, 96, 3, 3}},
                                                {"conv2.weight", DType::kF16, {96, 96, 3, 3}},
                                                {"k.weight", DType::kF16, {64, 70}},
                                                {"norm.weight", DType::kF16, {96}},
                                                {"o.weight", DType::kF16, {96, 64}},
                                                {"q.weight", DType::kF16, {64, 96}},
                                                {"v.weight", DType::kF16, {64, 96}}};
  return infos;
}

class Settled : public ::testing::Test {
 protected:
  Settled() : spec(bind_spec(kSpec, "spec", network())) {
    Random random(1);
    for (const TensorInfo& info : network()) {
      std::vector<double>& values = weights[info.name];
      values.resize(element_count(info.shape).value());
      for (double& value : values) value = (info.rank() == 1 ? 3 : 0) + random.normal();
    }
  }

  MemoryModel model(double noise) {
    Random random(2);
    MemoryModel result;
    for (const TensorInfo& info : network()) {
      std::vector<double> values = weights[info.name];
      for (double& value : values) value += noise * random.normal();
      Buffer bytes(values.size() * 2);
      from_double(values, info.dtype, bytes);
      result.set(info, std::move(bytes));
    }
    return result;
  }
  bool settled(const TensorSource& a, const TensorSource& b) const {
    return is_settled(MatchProblem(spec, a, b));
  }
  /// Rows i and j of a tensor.
  void swap_rows(const std::string& name, std::size_t i, std::size_t j) {
    std::vector<double>& values = weights[name];
    const auto info = std::find_if(network().begin(), network().end(),
                                   [&](const TensorInfo& each) { return each.name == name; });
    const std::size_t length = values.size() / info->shape[0];
    for (std::size_t k = 0; k < length; ++k)
      std::swap(values[i * length + k], values[j * length + k]);
  }

  Spec spec;
  std::map<std::string, std::vector<double>> weights;
};

TEST_F(Settled, WhatIsNearStays) {
  const MemoryModel a = model(0);
  EXPECT_TRUE(settled(a, a));
  for (const double noise : {0.01, 0.1, 0.5}) {
    const MemoryModel b = model(noise);
    EXPECT_TRUE(settled(a, b)) << noise;
    MatchOptions options;
    options.weighting = Weighting::kRaw;
    const MatchResult match = match_weights(spec, a, b, options);
    EXPECT_TRUE(match.permutation.identity());
    EXPECT_EQ(match.objective_before, match.objective_after);
    EXPECT_EQ(match.objective_after, objective(spec, a, b));
    EXPECT_EQ(match.cosines->all.after, cosines(spec, a, b, match.permutation).all.before);
  }
}

TEST_F(Settled, AnotherNetworkIsMatched) {
  const MemoryModel a = model(0);
  EXPECT_FALSE(settled(a, model(3)));
}

TEST_F(Settled, TwoUnitsOutOfPlaceAreFound) {
  for (double& value : weights["conv2.weight"]) value *= 0.5;
  const MemoryModel a = model(0.1);
  // Of one group of the norm; where they are read they stay, which weighs less.
  swap_rows("conv1.weight", 13, 14);
  swap_rows("conv1.bias", 13, 14);
  const MemoryModel b = model(0);
  EXPECT_FALSE(settled(a, b));
  EXPECT_FALSE(match_weights(spec, a, b).permutation.identity());
}

TEST_F(Settled, TwoUnitsInsideOfAHeadAreFound) {
  const MemoryModel a = model(0.1);
  swap_rows("q.weight", 17, 30);
  swap_rows("k.weight", 17, 30);
  EXPECT_FALSE(settled(a, model(0)));
}

TEST_F(Settled, UnitsThatAreAlikeAreTies) {
  for (const char* name : {"conv1.weight", "conv1.bias"})
    for (std::size_t unit = 1; unit < 12; ++unit) {
      std::vector<double>& values = weights[name];
      const std::size_t length = values.size() / 96;
      for (std::size_t k = 0; k < length; ++k) values[unit * length + k] = values[k];
    }
  std::vector<double>& after = weights["conv2.weight"];
  for (std::size_t row = 0; row < 96; ++row)
    for (std::size_t unit = 1; unit < 12; ++unit)
      for (std::size_t k = 0; k < 9; ++k)
        after[(row * 96 + unit) * 9 + k] = after[row * 96 * 9 + k];
  const MemoryModel a = model(0);
  weights["q.weight"][5] += 1;  // not the same, so that distances are compared
  weights["conv1.weight"][50 * 96 * 9] += 1;
  EXPECT_TRUE(settled(a, model(0)));
}

}  // namespace
}  // namespace mgit
