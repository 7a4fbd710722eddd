#include "match/weighting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/support.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;

constexpr std::uint32_t kUnits = 16;

/// A stream with an embedding, a layer norm, a batch norm and a layer that reads it.
Spec stream() {
  const std::vector<Occurrence> place{{0, 0, 1, 1}};
  Spec spec;
  spec.groups = {{"R", kUnits}};
  spec.tensors = {{"bn.bias", {{kUnits, place}}},   {"bn.running_mean", {{kUnits, place}}, false},
                  {"bn.weight", {{kUnits, place}}}, {"embed.weight", {{5, {}}, {kUnits, place}}},
                  {"fc.bias", {{3, {}}}},           {"fc.weight", {{3, {}}, {kUnits, place}}},
                  {"ln.bias", {{kUnits, place}}},   {"ln.weight", {{kUnits, place}}}};
  return spec;
}

std::vector<std::string> matched(const Spec& spec) {
  std::vector<std::string> names;
  for (const SpecTensor& tensor : spec.tensors)
    if (tensor.match) names.push_back(tensor.name);
  return names;
}

MemoryModel model_of(const Spec& spec, std::uint64_t seed) {
  MemoryModel model;
  for (const SpecTensor& tensor : spec.tensors)
    model.set({tensor.name, DType::kF32, tensor.shape()},
              testing::random_floats(element_count(tensor.shape()).value(), seed++));
  return model;
}

TEST(Weighting, NamesGoBothWays) {
  for (const Weighting each : {Weighting::kRaw, Weighting::kLinear, Weighting::kNorm})
    EXPECT_EQ(weighting_from_name(weighting_name(each)), each);
  for (const GroupOrder each : {GroupOrder::kRandom, GroupOrder::kForward, GroupOrder::kBackward})
    EXPECT_EQ(order_from_name(order_name(each)), each);
  EXPECT_EQ(weighting_from_name("heavy"), std::nullopt);
  EXPECT_EQ(order_from_name("sideways"), std::nullopt);
}

TEST(Weighting, LayerNormsAreLeftOutAndBatchNormsAreNot) {
  EXPECT_EQ(matched_spec(stream(), Weighting::kRaw), stream());
  const auto expected = ElementsAre("bn.bias", "bn.weight", "embed.weight", "fc.bias", "fc.weight");
  EXPECT_THAT(matched(matched_spec(stream(), Weighting::kLinear)), expected);
  EXPECT_THAT(matched(matched_spec(stream(), Weighting::kNorm)), expected);
}

TEST(Weighting, WhatAGroupHasNowhereElseIsMatched) {
  Spec spec = stream();
  std::erase_if(spec.tensors, [](const SpecTensor& tensor) {
    return !tensor.name.starts_with("ln.") && tensor.name != "fc.bias";
  });
  EXPECT_THAT(matched(matched_spec(spec, Weighting::kLinear)),
              ElementsAre("fc.bias", "ln.bias", "ln.weight"));
}

TEST(Weighting, GainsOfAboutOneDoNotHideWhichUnitIsWhich) {
  const Spec spec = stream();
  const MemoryModel a = model_of(spec, 1);
  Permutation shuffle{{Gather(kUnits)}};
  for (std::uint32_t i = 0; i < kUnits; ++i) shuffle.groups[0][i] = (i * 5 + 3) % kUnits;
  MemoryModel b;
  const PermutedModel shuffled(a, spec, shuffle);
  for (const TensorInfo& info : a.tensors()) {
    // The other model's gains are sorted otherwise, and large.
    const TensorData data =
        (info.name == "ln.weight" ? a : static_cast<const TensorSource&>(shuffled)).read(info.name);
    std::vector<float> values(element_count(info.shape).value());
    to_float(data.view, values);
    if (info.name == "ln.weight")
      for (float& value : values) value = 100 * value;
    Buffer bytes(values.size() * sizeof(float));
    std::ranges::copy(std::as_bytes(std::span(values)), bytes.begin());
    b.set(info, std::move(bytes));
  }
  MatchOptions options;
  EXPECT_EQ(match_weights(spec, a, b, options).permutation, inverse(shuffle));
  options.weighting = Weighting::kRaw;
  EXPECT_NE(match_weights(spec, a, b, options).permutation, inverse(shuffle));
}

TEST(Weighting, ByNormsEachTensorCountsByTheRootOfItsNorms) {
  const Spec spec = stream();
  const MemoryModel a = model_of(spec, 1);
  const MemoryModel b = model_of(spec, 20);
  MatchOptions options;
  options.weighting = Weighting::kNorm;
  const MatchResult result = match_weights(spec, a, b, options);
  const auto read = [](const TensorSource& model, const std::string& name) {
    const TensorData data = model.read(name);
    std::vector<double> values(element_count(data.view.shape).value());
    to_double(data.view, values);
    return values;
  };
  const auto product = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  };
  double expected = 0;
  for (const std::string& name : matched(matched_spec(spec, Weighting::kNorm))) {
    const auto x = read(a, name);
    const auto y = read(b, name);
    expected += product(x, y) / std::sqrt(std::sqrt(product(x, x) * product(y, y)));
  }
  EXPECT_NEAR(result.objective_before, expected, 1e-5);
  EXPECT_GT(result.objective_after, result.objective_before);
}

TEST(Weighting, AnOrderOfGroupsDoesNotDependOnTheSeed) {
  Spec spec;
  for (std::uint32_t g = 0; g < 3; ++g) spec.groups.push_back({"H" + std::to_string(g), kUnits});
  for (std::uint32_t g = 0; g < 4; ++g) {
    SpecTensor tensor{"fc" + std::to_string(g) + ".weight", {{kUnits, {}}, {kUnits, {}}}};
    if (g < 3) tensor.axes[0].occurrences = {{g, 0, 1, 1}};
    if (g > 0) tensor.axes[1].occurrences = {{g - 1, 0, 1, 1}};
    spec.tensors.push_back(std::move(tensor));
  }
  const MemoryModel a = model_of(spec, 1);
  const MemoryModel b = model_of(spec, 20);
  MatchOptions options;
  options.restarts = 0;
  for (const GroupOrder order : {GroupOrder::kForward, GroupOrder::kBackward}) {
    options.order = order;
    options.seed = 1;
    const MatchResult one = match_weights(spec, a, b, options);
    options.seed = 2;
    EXPECT_EQ(match_weights(spec, a, b, options).permutation, one.permutation);
  }
}

}  // namespace
}  // namespace mgit
