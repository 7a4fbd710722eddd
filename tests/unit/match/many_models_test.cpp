#include "match/many_models.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/random.h"
#include "mgit/random_permutation.h"
#include "support/support.h"

namespace mgit {
namespace {

constexpr std::uint32_t kFirst = 40;
constexpr std::uint32_t kSecond = 30;

Spec two_layers() {
  Spec spec;
  spec.groups = {{"P1", kFirst}, {"P2", kSecond}};
  const SpecAxis first{kFirst, {{0, 0, 1, 1}}};
  const SpecAxis second{kSecond, {{1, 0, 1, 1}}};
  spec.tensors = {{"fc1.weight", {first, {6, {}}}},
                  {"fc2.weight", {second, first}},
                  {"fc3.weight", {{5, {}}, second}}};
  return spec;
}

/// One network, with noise of its own and its units in an order of their own.
class Colleagues {
 public:
  Colleagues(std::size_t count, float noise) : spec(two_layers()) {
    const MemoryModel common = drawn(1, nullptr, 0);
    for (std::size_t i = 0; i < count; ++i) {
      const MemoryModel own = drawn(10 + i, &common, noise);
      Random random(i);
      const Permutation order = random_permutation(spec, random);
      const PermutedModel moved(own, spec, order);
      models.emplace_back();
      for (const TensorInfo& info : moved.tensors()) {
        const TensorData data = moved.read(info.name);
        models.back().set(info, Buffer(data.view.data.begin(), data.view.data.end()));
      }
    }
  }

  ManyResult match(ManyModels many) const {
    std::vector<const TensorSource*> moving;
    std::vector<Permutation> start;
    const MatchOptions options;
    for (std::size_t i = 1; i < models.size(); ++i) {
      moving.push_back(&models[i]);
      start.push_back(match_weights(spec, models[0], models[i], options).permutation);
    }
    return match_many(many,
                      {.spec = spec,
                       .fixed = {models.data()},
                       .moving = moving,
                       .method = require_method("weights"),
                       .options = options},
                      start);
  }

  /// sum over pairs of <A, B>, each read in the order it was brought into.
  double over_pairs(const std::vector<Permutation>& permutations) const {
    double sum = 0;
    for (std::size_t i = 0; i < models.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const Permutation still = identity_permutation(spec);
        sum += objective(spec, PermutedModel(models[j], spec, j == 0 ? still : permutations[j - 1]),
                         PermutedModel(models[i], spec, permutations[i - 1]));
      }
    return sum;
  }

  Spec spec;
  std::vector<MemoryModel> models;

 private:
  MemoryModel drawn(std::uint64_t seed, const TensorSource* common, float noise) const {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    MemoryModel model;
    for (const SpecTensor& tensor : spec.tensors) {
      std::vector<float> values(element_count(tensor.shape()).value());
      if (common != nullptr) to_float(common->read(tensor.name).view, values);
      for (float& value : values) value += (common != nullptr ? noise : 1) * normal(random);
      const Bytes bytes = std::as_bytes(std::span(values));
      model.set({tensor.name, DType::kF32, tensor.shape()}, Buffer(bytes.begin(), bytes.end()));
    }
    return model;
  }
};

TEST(ManyModels, TogetherTheyAreMatchedBetterThanByPairs) {
  double gained = 0;
  for (const float noise : {1.0F, 1.5F, 2.0F}) {
    const Colleagues colleagues(5, noise);
    const ManyResult pairs = colleagues.match(ManyModels::kPairwise);
    const ManyResult universe = colleagues.match(ManyModels::kUniverse);
    EXPECT_EQ(pairs.objective_after, pairs.objective_before);
    EXPECT_EQ(universe.objective_before, pairs.objective_after);
    EXPECT_GE(universe.objective_after, pairs.objective_after);
    EXPECT_GE(universe.rounds, 1);
    gained += universe.objective_after / pairs.objective_after - 1;
  }
  EXPECT_GT(gained, 0.05);
}

TEST(ManyModels, TheObjectiveIsThatOfThePermutationsGivenBack) {
  const Colleagues colleagues(4, 1);
  for (const ManyModels many :
       {ManyModels::kUniverse, ManyModels::kHierarchical, ManyModels::kPairwise}) {
    const ManyResult result = colleagues.match(many);
    ASSERT_EQ(result.permutations.size(), 3U);
    for (const Permutation& permutation : result.permutations)
      EXPECT_EQ(permutation_fault(colleagues.spec.groups, permutation), std::nullopt);
    EXPECT_NEAR(result.objective_after, colleagues.over_pairs(result.permutations),
                1e-5 * result.objective_after)
        << many_name(many);
    EXPECT_EQ(colleagues.match(many).permutations, result.permutations);
  }
}

TEST(ManyModels, WithoutNoiseEveryOneComesBack) {
  const Colleagues colleagues(4, 0);
  for (const ManyModels many : {ManyModels::kUniverse, ManyModels::kHierarchical}) {
    const ManyResult result = colleagues.match(many);
    for (std::size_t i = 0; i < 3; ++i) {
      const PermutedModel back(colleagues.models[i + 1], colleagues.spec, result.permutations[i]);
      for (const TensorInfo& info : back.tensors()) {
        const TensorData data = back.read(info.name);
        const TensorData first = colleagues.models[0].read(info.name);
        EXPECT_TRUE(std::ranges::equal(data.view.data, first.view.data)) << info.name;
      }
    }
  }
}

TEST(ManyModels, AReportIsTheOneThatMatchingGives) {
  const Colleagues colleagues(2, 1);
  const MatchResult found =
      match_weights(colleagues.spec, colleagues.models[0], colleagues.models[1]);
  const MatchResult report =
      report_of(colleagues.spec, colleagues.models[0], colleagues.models[1], found.permutation);
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(a) + 1e-6; };
  EXPECT_TRUE(near(report.objective_before, found.objective_before));
  EXPECT_TRUE(near(report.objective_after, found.objective_after));
  ASSERT_EQ(report.groups.size(), found.groups.size());
  for (std::size_t g = 0; g < report.groups.size(); ++g) {
    EXPECT_EQ(report.groups[g].moved, found.groups[g].moved);
    EXPECT_TRUE(near(report.groups[g].before, found.groups[g].before)) << g;
    EXPECT_TRUE(near(report.groups[g].after, found.groups[g].after)) << g;
  }
}

TEST(ManyModels, NamesAreReadBack) {
  for (const ManyModels many :
       {ManyModels::kUniverse, ManyModels::kHierarchical, ManyModels::kPairwise}) {
    EXPECT_EQ(many_from_name(many_name(many)), many);
    EXPECT_NE(kManyNames.find(many_name(many)), std::string_view::npos);
  }
  EXPECT_EQ(many_from_name("star"), std::nullopt);
}

}  // namespace
}  // namespace mgit
