#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "base/threads.h"
#include "mgit/match.h"
#include "support/support.h"

namespace mgit {
namespace {

SpecAxis fixed(std::uint64_t length) { return {length, {}}; }
SpecAxis carrying(std::uint32_t group, std::uint64_t size, std::uint64_t outer = 1,
                  std::uint64_t inner = 1) {
  return {size * outer * inner, {{group, 0, outer, inner}}};
}

/// A spec and a network that it was bound to, built by hand.
struct Network {
  Spec spec;
  MemoryModel model;
};

void add(Network& network, const std::string& name, std::vector<SpecAxis> axes, std::uint64_t seed,
         bool match = true) {
  Shape shape;
  for (const SpecAxis& axis : axes) shape.push_back(axis.length);
  network.model.set({name, DType::kF32, shape},
                    testing::random_floats(element_count(shape).value(), seed));
  network.spec.tensors.push_back({name, std::move(axes), match});
}

Network mlp(std::uint64_t seed) {
  Network net;
  net.spec.groups = {{"P1", 40}, {"P2", 30}};
  add(net, "fc1.bias", {carrying(0, 40)}, seed);
  add(net, "fc1.weight", {carrying(0, 40), fixed(50)}, seed + 1);
  add(net, "fc2.bias", {carrying(1, 30)}, seed + 2);
  add(net, "fc2.weight", {carrying(1, 30), carrying(0, 40)}, seed + 3);
  add(net, "fc3.weight", {fixed(10), carrying(1, 30)}, seed + 4);
  return net;
}

/// Convolutions, a product axis (flatten), stacked gates, a concatenation, a tensor left out.
Network convolutional(std::uint64_t seed) {
  Network net;
  net.spec.groups = {{"A", 12}, {"B", 16}, {"C", 9}};
  add(net, "cat.weight", {fixed(5), {28, {{0, 0, 1, 1}, {1, 12, 1, 1}}}}, seed);
  add(net, "conv1.weight", {carrying(0, 12), fixed(3), fixed(3), fixed(3)}, seed + 1);
  add(net, "conv2.weight", {carrying(1, 16), carrying(0, 12), fixed(3), fixed(3)}, seed + 2);
  add(net, "flat.weight", {carrying(2, 9), carrying(1, 16, 1, 4)}, seed + 3);
  add(net, "gates.weight", {carrying(2, 9, 4), fixed(6)}, seed + 4);
  add(net, "running_mean", {carrying(1, 16)}, seed + 5, false);
  return net;
}

/// One group on both axes of a tensor.
Network recurrent(std::uint64_t seed) {
  Network net;
  net.spec.groups = {{"H", 24}};
  add(net, "weight_hh", {carrying(0, 24), carrying(0, 24)}, seed);
  add(net, "weight_ih", {carrying(0, 24), fixed(8)}, seed + 1);
  return net;
}

std::vector<float> floats(const TensorSource& model, const std::string& name) {
  const TensorData data = model.read(name);
  std::vector<float> values(element_count(data.view.shape).value());
  to_float(data.view, values);
  return values;
}

MemoryModel copy_of(const TensorSource& model) {
  MemoryModel copy;
  for (const TensorInfo& info : model.tensors()) {
    const TensorData data = model.read(info.name);
    copy.set(info, Buffer(data.view.data.begin(), data.view.data.end()));
  }
  return copy;
}

MemoryModel with_noise(const TensorSource& model, float sigma) {
  MemoryModel noisy;
  std::uint64_t seed = 99;
  for (const TensorInfo& info : model.tensors()) {
    std::vector<float> values = floats(model, info.name);
    const Buffer noise = testing::random_floats(values.size(), seed++);
    for (std::size_t i = 0; i < values.size(); ++i) {
      float normal = 0;
      std::memcpy(&normal, noise.data() + 4 * i, 4);
      values[i] += sigma * normal;
    }
    const Bytes bytes = std::as_bytes(std::span(values));
    noisy.set(info, Buffer(bytes.begin(), bytes.end()));
  }
  return noisy;
}

Permutation random_permutation(const Spec& spec, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Permutation permutation;
  for (const Group& group : spec.groups) {
    Gather gather(group.size);
    std::iota(gather.begin(), gather.end(), 0U);
    std::shuffle(gather.begin(), gather.end(), random);
    permutation.groups.push_back(gather);
  }
  return permutation;
}

/// The objective as it is defined, in double.
double definition(const Spec& spec, const TensorSource& a, const TensorSource& b) {
  double sum = 0;
  for (const SpecTensor& tensor : spec.tensors) {
    if (!tensor.match) continue;
    const auto x = floats(a, tensor.name);
    const auto y = floats(b, tensor.name);
    for (std::size_t i = 0; i < x.size(); ++i) sum += double{x[i]} * double{y[i]};
  }
  return sum;
}

class WeightMatching : public ::testing::TestWithParam<Network (*)(std::uint64_t)> {};

TEST_P(WeightMatching, ReachesAnObjectiveThatIsWhatItSays) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Network a = GetParam()(100 + seed);
    const Network b = GetParam()(900 + seed);
    MatchOptions options;
    options.seed = seed;
    const MatchResult result = match_weights(a.spec, a.model, b.model, options);
    const PermutedModel permuted(b.model, a.spec, result.permutation);
    const double direct = definition(a.spec, a.model, permuted);
    EXPECT_NEAR(result.objective_after, direct, 1e-9 * std::fabs(direct));
    EXPECT_NEAR(objective(a.spec, a.model, permuted), direct, 1e-9 * std::fabs(direct));
    EXPECT_NEAR(result.objective_before, definition(a.spec, a.model, b.model), 1e-7);
    EXPECT_GE(result.objective_after, result.objective_before);
  }
}

TEST_P(WeightMatching, GetsBetterWithEverySweepAndEveryRestart) {
  const Network a = GetParam()(1);
  const Network b = GetParam()(2);
  MatchOptions options;
  options.restarts = 0;
  std::vector<double> objectives;
  options.progress = [&](int, double objective) { objectives.push_back(objective); };
  const MatchResult once = match_weights(a.spec, a.model, b.model, options);
  ASSERT_EQ(objectives.size(), static_cast<std::size_t>(once.sweeps));
  EXPECT_TRUE(std::is_sorted(objectives.begin(), objectives.end()));
  EXPECT_NEAR(objectives.back(), once.objective_after, 1e-5 * once.objective_after);
  options.restarts = 5;
  options.progress = {};
  EXPECT_GE(match_weights(a.spec, a.model, b.model, options).objective_after, once.objective_after);
}

TEST_P(WeightMatching, ReportsGroups) {
  const Network a = GetParam()(3);
  const Network b = GetParam()(4);
  const MatchResult result = match_weights(a.spec, a.model, b.model);
  ASSERT_EQ(result.groups.size(), a.spec.groups.size());
  for (std::size_t g = 0; g < result.groups.size(); ++g) {
    const GroupMatch& group = result.groups[g];
    EXPECT_EQ(group.name, a.spec.groups[g].name);
    std::uint32_t moved = 0;
    for (std::uint32_t i = 0; i < group.size; ++i)
      moved += result.permutation.groups[g][i] != i ? 1U : 0U;
    EXPECT_EQ(group.moved, moved);
    Permutation without = result.permutation;
    std::iota(without.groups[g].begin(), without.groups[g].end(), 0U);
    const double difference = result.objective_after -
                              definition(a.spec, a.model, PermutedModel(b.model, a.spec, without));
    EXPECT_NEAR(group.after - group.before, difference, 1e-4 * result.objective_after);
  }
}

TEST_P(WeightMatching, IsDeterministic) {
  const Network a = GetParam()(5);
  const Network b = GetParam()(6);
  MatchOptions options;
  options.restarts = 2;
  const MatchResult first = match_weights(a.spec, a.model, b.model, options);
  const MatchResult second = match_weights(a.spec, a.model, b.model, options);
  EXPECT_EQ(first.permutation, second.permutation);
  EXPECT_EQ(first.objective_after, second.objective_after);
}

INSTANTIATE_TEST_SUITE_P(Networks, WeightMatching,
                         ::testing::Values(mlp, convolutional, recurrent));

class KnownPermutation : public ::testing::TestWithParam<Network (*)(std::uint64_t)> {};

TEST_P(KnownPermutation, IsRecoveredExactly) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Network a = GetParam()(7 + seed);
    const Permutation planted = random_permutation(a.spec, seed);
    const PermutedModel shuffled(a.model, a.spec, planted);
    const MemoryModel b = with_noise(shuffled, 0.3F);
    const MatchResult result = match_weights(a.spec, a.model, b);
    EXPECT_EQ(compose(planted, result.permutation).groups,
              compose(planted, inverse(planted)).groups)
        << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, KnownPermutation, ::testing::Values(mlp, convolutional));

TEST(Matching, IsTheSameWithOneThread) {
  const auto wide = [](std::uint64_t seed) {
    Network net;
    net.spec.groups = {{"P1", 200}, {"P2", 150}};
    add(net, "fc1.weight", {carrying(0, 200), fixed(300)}, seed);
    add(net, "fc2.weight", {carrying(1, 150), carrying(0, 200)}, seed + 1);
    add(net, "fc3.weight", {fixed(10), carrying(1, 150)}, seed + 2);
    return net;
  };
  const Network a = wide(1);
  const Network b = wide(11);
  const MatchResult threaded = match_weights(a.spec, a.model, b.model);
  std::vector<MatchResult> serial(2);
  // Inside a worker, parallel_for runs serially.
  parallel_for(2, [&](std::size_t i) { serial[i] = match_weights(a.spec, a.model, b.model); });
  for (const MatchResult& result : serial) {
    EXPECT_EQ(result.permutation, threaded.permutation);
    EXPECT_EQ(result.objective_after, threaded.objective_after);
  }
}

TEST(Matching, LeavesAModelMatchedWithItselfAlone) {
  const Network a = mlp(1);
  const MatchResult result = match_weights(a.spec, a.model, a.model);
  EXPECT_TRUE(result.permutation.identity());
  EXPECT_EQ(result.objective_after, result.objective_before);
  for (const GroupMatch& group : result.groups) EXPECT_EQ(group.moved, 0U);
}

TEST(Matching, KeepsUnitsWhoseMoveWouldGainNothing) {
  Network a = mlp(1);
  for (const char* name : {"fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight", "fc3.weight"}) {
    const TensorInfo info = *a.model.find(name);
    a.model.set(info, Buffer(a.model.read(name).view.data.size()));  // zeros: all is a tie
  }
  const Network b = mlp(2);
  EXPECT_TRUE(match_weights(a.spec, a.model, b.model).permutation.identity());
}

TEST(Matching, KeepsDeadUnitsWhenOthersMove) {
  Network a;
  a.spec.groups = {{"P", 8}};
  add(a, "w", {carrying(0, 8), fixed(4)}, 3);
  std::vector<float> values = floats(a.model, "w");
  std::fill(values.begin() + 8, values.end(), 0.0F);  // only units 0 and 1 live
  const auto set = [&](MemoryModel& model) {
    const Bytes bytes = std::as_bytes(std::span(values));
    model.set(*a.model.find("w"), Buffer(bytes.begin(), bytes.end()));
  };
  set(a.model);
  for (int i = 0; i < 4; ++i)
    std::swap(values[static_cast<std::size_t>(i)], values[static_cast<std::size_t>(i) + 4]);
  MemoryModel b;
  set(b);
  EXPECT_THAT(match_weights(a.spec, a.model, b).permutation.groups[0],
              ::testing::ElementsAre(1, 0, 2, 3, 4, 5, 6, 7));
}

TEST(Matching, ComputesWithEveryArithmeticDtypeAndLeavesIntegersOut) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF64}) {
    const Network a = mlp(1);
    const Network b = mlp(2);
    MemoryModel converted;
    for (const TensorInfo& info : b.model.tensors()) {
      const auto values = floats(b.model, info.name);
      Buffer bytes(byte_size(dtype, info.shape).value());
      from_double(std::vector<double>(values.begin(), values.end()), dtype, bytes);
      converted.set({info.name, dtype, info.shape}, bytes);
    }
    const MatchResult exact = match_weights(a.spec, a.model, b.model);
    const MatchResult result = match_weights(a.spec, a.model, converted);
    EXPECT_NEAR(result.objective_after, exact.objective_after, 0.02 * exact.objective_after);
  }
  Network counted = mlp(1);
  add(counted, "steps", {carrying(0, 40)}, 1);
  counted.model.set({"steps", DType::kI64, {40}}, Buffer(320, std::byte{1}));
  const Network plain = mlp(1);
  EXPECT_EQ(objective(counted.spec, counted.model, counted.model),
            objective(plain.spec, plain.model, plain.model));
}

TEST(Matching, NamesTheTensorThatDoesNotFit) {
  const Network a = mlp(1);
  const auto error_of = [&](const TensorSource& b) {
    try {
      match_weights(a.spec, a.model, b);
    } catch (const Error& error) {
      return error.where() + ": " + error.what();
    }
    return std::string("no error");
  };
  MemoryModel other = copy_of(a.model);
  other.set({"fc2.bias", DType::kF32, {31}}, Buffer(124));
  EXPECT_EQ(error_of(other), "fc2.bias: shape 31 in the second model, 30 in the spec");
  MemoryModel nan = copy_of(a.model);
  std::vector<float> values(30, std::numeric_limits<float>::quiet_NaN());
  const Bytes bytes = std::as_bytes(std::span(values));
  nan.set({"fc2.bias", DType::kF32, {30}}, Buffer(bytes.begin(), bytes.end()));
  EXPECT_EQ(error_of(nan), "fc2.bias: the second model has values that are not finite");
  EXPECT_EQ(error_of(MemoryModel()), "fc1.bias: the second model has no such tensor");
}

TEST(Cosine, IsOneForItselfAndOfMatricesWhereThereAreAny) {
  const Network a = mlp(1);
  const Network b = mlp(50);
  EXPECT_NEAR(cosine(a.model, a.model), 1, 1e-12);
  EXPECT_LT(std::fabs(cosine(a.model, b.model)), 0.1);
  MemoryModel vectors;
  vectors.set({"bias", DType::kF32, {3}}, testing::random_floats(3, 1));
  EXPECT_NEAR(cosine(vectors, vectors), 1, 1e-12);
  MemoryModel other = vectors;
  vectors.set({"w", DType::kF32, {2, 2}}, testing::random_floats(4, 1));
  other.set({"w", DType::kF32, {2, 2}}, Buffer(16));
  EXPECT_EQ(cosine(vectors, other), 0);
  MemoryModel zero;
  zero.set({"w", DType::kF32, {2, 2}}, Buffer(16));
  EXPECT_EQ(cosine(zero, zero), 0);
}

TEST(Cosines, OfAPermutedCopyAreOneAfterItMovedBack) {
  const Network net = convolutional(1);
  const Permutation there = random_permutation(net.spec, 5);
  const PermutedModel moved(net.model, net.spec, there);
  const CosineReport report = cosines(net.spec, net.model, moved, inverse(there));
  EXPECT_NEAR(report.all.after, 1, 1e-12);
  EXPECT_LT(report.all.before, 0.5);
  ASSERT_EQ(report.groups.size(), net.spec.groups.size());
  for (const Cosines& group : report.groups) {
    EXPECT_NEAR(group.after, 1, 1e-12);
    EXPECT_LT(group.before, 0.5);
  }
  const PermutedModel there_again(moved, net.spec, there);
  const CosineReport other =
      cosines(net.spec, net.model, there_again, identity_permutation(net.spec));
  EXPECT_EQ(other.all.before, other.all.after);
}

TEST(Cosines, AreOfTheTensorsThatCarryTheGroup) {
  Network a;
  a.spec.groups = {{"P", 4}, {"Q", 3}, {"R", 2}};
  add(a, "p", {carrying(0, 4), carrying(1, 3)}, 1);
  add(a, "q", {carrying(1, 3)}, 2);
  add(a, "r", {carrying(2, 2)}, 3, false);
  MemoryModel b = a.model;
  std::vector<float> values(3);
  const TensorData q = a.model.read("q");
  std::memcpy(values.data(), q.view.data.data(), 12);
  for (float& value : values) value = -value;
  const Bytes bytes = std::as_bytes(std::span(values));
  b.set({"q", DType::kF32, {3}}, Buffer(bytes.begin(), bytes.end()));
  const CosineReport report = cosines(a.spec, a.model, b, identity_permutation(a.spec));
  EXPECT_NEAR(report.groups[0].before, 1, 1e-12);
  const double p = objective({{}, {}, {}, {a.spec.tensors[0]}}, a.model, a.model);
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(report.groups[1].after, (p - squares) / (p + squares), 1e-12);
  EXPECT_EQ(report.groups[2].after, 0);  // stands in what is not matched alone
  EXPECT_NEAR(report.all.after, report.groups[1].after, 1e-12);
}

}  // namespace
}  // namespace mgit
