#include "merge/norm_variance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "merge/norm_repair.h"
#include "mgit/merge.h"
#include "support/support.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;

Buffer floats(const std::vector<float>& values) {
  Buffer bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<double> numbers(const TensorView& tensor) {
  std::vector<double> values(*element_count(tensor.shape));
  to_double(tensor, values);
  return values;
}

std::uint64_t elements(const Shape& shape) { return *element_count(shape); }

/// w^T R w by its definition, with a distance along each axis of the kernel.
double by_definition(const std::vector<double>& w, std::uint64_t height, std::uint64_t width) {
  double sum = 0;
  for (std::uint64_t i = 0; i < height * width; ++i)
    for (std::uint64_t j = 0; j < height * width; ++j) {
      const auto distance = [](std::uint64_t a, std::uint64_t b) { return a < b ? b - a : a - b; };
      sum += w[i] * w[j] *
             std::pow(0.5, static_cast<double>(distance(i / width, j / width) +
                                               distance(i % width, j % width)));
    }
  return sum;
}

TEST(ChannelEnergies, AreQuadraticFormsOfKernels) {
  const Shape shape{5, 4, 3, 2};
  const Buffer data = testing::random_floats(elements(shape), 1);
  const std::vector<double> w = numbers({DType::kF32, shape, data});
  const std::vector<double> rows = channel_energies({DType::kF32, shape, data}, 0);
  const std::vector<double> columns = channel_energies({DType::kF32, shape, data}, 1);
  ASSERT_EQ(rows.size(), 5U);
  ASSERT_EQ(columns.size(), 4U);
  std::vector<double> by_row(5);
  std::vector<double> by_column(4);
  for (std::size_t o = 0; o < 5; ++o)
    for (std::size_t i = 0; i < 4; ++i) {
      const auto begin = w.begin() + static_cast<std::ptrdiff_t>((o * 4 + i) * 6);
      const double energy = by_definition({begin, begin + 6}, 3, 2);
      by_row[o] += energy;
      by_column[i] += energy;
    }
  for (std::size_t o = 0; o < 5; ++o) EXPECT_NEAR(rows[o], by_row[o], 1e-12 * by_row[o]);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(columns[i], by_column[i], 1e-12 * by_column[i]);
}

TEST(ChannelEnergies, OfALinearLayerAreSquaredNorms) {
  EXPECT_THAT(channel_energies({DType::kF32, {2, 2}, floats({3, 4, 1, 2})}, 0), ElementsAre(25, 5));
}

TEST(ChannelEnergies, AreThereWithoutInputs) {
  EXPECT_THAT(channel_energies({DType::kF32, {2, 0, 3, 3}, {}}, 0), ElementsAre(0, 0));
}

/// A linear layer with two units and the norm behind it.
MemoryModel model(const std::vector<float>& weight, const std::vector<float>& variance) {
  MemoryModel result;
  result.set({"fc.weight", DType::kF32, {2, 2}}, floats(weight));
  result.set({"bn.running_var", DType::kF32, {2}}, floats(variance));
  return result;
}

const BatchNorm kNorm{"bn.running_var", {{0, 2, {{"fc.weight", 0}}}}};

std::vector<double> variance_between(const MemoryModel& a, const MemoryModel& b, double lambda,
                                     const BatchNorm& norm = kNorm) {
  const NormRepair repair({norm}, a, b);
  const InterpolatedModel between(a, b, lambda, &repair);
  const TensorData data = between.read("bn.running_var");
  return numbers(data.view);
}

TEST(MergedVariance, ShrinksAsRowsDisagree) {
  // The first rows agree, the second ones are orthogonal and of one length.
  const MemoryModel a = model({1, 2, 1, 0}, {3, 4});
  const MemoryModel b = model({1, 2, 0, 1}, {5, 8});
  EXPECT_THAT(variance_between(a, b, 0.5), ElementsAre(4, 3));
}

TEST(MergedVariance, IsThatOfAnEndAtTheEnd) {
  const MemoryModel a = model({1, 2, 0.3F, 0.7F}, {0.1F, 0.7F});
  const MemoryModel b = model({3, 1, 0.9F, 0.1F}, {0.3F, 1e-3F});
  EXPECT_EQ(variance_between(a, b, 0), numbers(a.read("bn.running_var").view));
  EXPECT_EQ(variance_between(a, b, 1), numbers(b.read("bn.running_var").view));
}

TEST(MergedVariance, OfAChannelWithoutWeightsIsTheMean) {
  const MemoryModel a = model({0, 0, 1, 0}, {2, 2});
  const MemoryModel b = model({0, 0, 1, 0}, {4, 4});
  EXPECT_THAT(variance_between(a, b, 0.5), ElementsAre(3, 3));
}

TEST(MergedVariance, OfChannelsWithoutALayerIsTheMean) {
  const MemoryModel a = model({1, 0, 1, 0}, {2, 2});
  const MemoryModel b = model({0, 1, 0, 1}, {4, 4});
  const BatchNorm norm{"bn.running_var", {{0, 1, {}}, {1, 2, {{"fc.weight", 0}}}}};
  MemoryModel narrow_a;
  MemoryModel narrow_b;
  narrow_a.set({"fc.weight", DType::kF32, {1, 2}}, floats({1, 0}));
  narrow_b.set({"fc.weight", DType::kF32, {1, 2}}, floats({0, 1}));
  narrow_a.set({"bn.running_var", DType::kF32, {2}}, floats({2, 2}));
  narrow_b.set({"bn.running_var", DType::kF32, {2}}, floats({4, 4}));
  EXPECT_THAT(variance_between(narrow_a, narrow_b, 0.5, norm), ElementsAre(3, 1.5));
}

TEST(MergedVariance, OfAStreamGoesByTheMeanOfItsWriters) {
  MemoryModel a;
  MemoryModel b;
  a.set({"one.weight", DType::kF32, {1, 2}}, floats({1, 0}));
  b.set({"one.weight", DType::kF32, {1, 2}}, floats({0, 1}));
  a.set({"two.weight", DType::kF32, {1, 2}}, floats({1, 1}));
  b.set({"two.weight", DType::kF32, {1, 2}}, floats({1, 1}));
  a.set({"bn.running_var", DType::kF32, {1}}, floats({4}));
  b.set({"bn.running_var", DType::kF32, {1}}, floats({4}));
  const BatchNorm norm{"bn.running_var", {{0, 1, {{"one.weight", 0}, {"two.weight", 0}}}}};
  EXPECT_THAT(variance_between(a, b, 0.5, norm), ElementsAre(3));
}

TEST(MergedVariance, ASideOfWeightZeroTakesNoPart) {
  const float infinity = std::numeric_limits<float>::infinity();
  const MemoryModel a = model({1, 0, 1, 0}, {2, 2});
  const MemoryModel b = model({0, 1, 0, 1}, {infinity, infinity});
  const auto side = [](const MemoryModel& model, double weight) {
    return NormSide{[&model](std::string_view name) { return model.read(name); },
                    [&model](const NormedLayer& layer) {
                      return channel_energies(model.read(layer.weight).view, layer.axis);
                    },
                    weight};
  };
  const std::vector<NormSide> sides{side(a, 1), side(b, 0)};
  const Buffer variance = merged_variance(kNorm, sides, sides[0].energies);
  EXPECT_THAT(numbers({DType::kF32, {2}, variance}), ElementsAre(2, 2));
}

}  // namespace
}  // namespace mgit
