#include "merge/norm_variance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "merge/layer_rows.h"
#include "merge/norm_repair.h"
#include "mgit/merge.h"
#include "support/support.h"

namespace mgit {
namespace {

using ::testing::DoubleNear;
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

double square(double value) { return value * value; }

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

TEST(LayerRows, HaveTheLengthThatTheirKernelsMakeOfCorrelatedInputs) {
  const Shape shape{5, 4, 3, 2};
  const Buffer data = testing::random_floats(elements(shape), 1);
  const std::vector<double> w = numbers({DType::kF32, shape, data});
  const LayerRows rows({DType::kF32, shape, data}, 0);
  const LayerRows columns({DType::kF32, shape, data}, 1);
  ASSERT_EQ(rows.count(), 5U);
  ASSERT_EQ(columns.count(), 4U);
  std::vector<double> by_row(5);
  std::vector<double> by_column(4);
  for (std::size_t o = 0; o < 5; ++o)
    for (std::size_t i = 0; i < 4; ++i) {
      const auto begin = w.begin() + static_cast<std::ptrdiff_t>((o * 4 + i) * 6);
      const double energy = by_definition({begin, begin + 6}, 3, 2);
      by_row[o] += energy;
      by_column[i] += energy;
    }
  const auto energy = [](const LayerRows& of, std::size_t index) {
    std::vector<double> row(of.length());
    of.read(index, row);
    return inner_product(row, row);
  };
  for (std::size_t o = 0; o < 5; ++o) EXPECT_NEAR(energy(rows, o), by_row[o], 1e-12 * by_row[o]);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(energy(columns, i), by_column[i], 1e-12 * by_column[i]);
}

TEST(LayerRows, MayBeEmpty) {
  EXPECT_EQ(LayerRows({DType::kF32, {2, 0, 3, 3}, {}}, 0).length(), 0U);
  EXPECT_EQ(LayerRows({DType::kF32, {2, 3, 0, 3}, {}}, 0).length(), 0U);
}

/// A linear layer with two units and the norm behind it.
MemoryModel model(const std::vector<float>& weight, const std::vector<float>& variance) {
  MemoryModel result;
  result.set({"fc.weight", DType::kF32, {2, 2}}, floats(weight));
  result.set({"bn.running_var", DType::kF32, {2}}, floats(variance));
  return result;
}

/// Each channel by itself.
const BatchNorm kNorm{"bn.running_var", {{0, 2, {{"fc.weight", 0, true}}}}};

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
  const MemoryModel b = model({1, 2, 0, 1}, {3, 4});
  EXPECT_THAT(variance_between(a, b, 0.5), ElementsAre(DoubleNear(3, 1e-5), DoubleNear(2, 1e-5)));
}

TEST(MergedVariance, OfRowsThatAgreeIsBetweenTheirs) {
  const MemoryModel a = model({1, 2, 1, 0}, {2, 2});
  const MemoryModel b = model({1, 2, 1, 0}, {8, 8});
  EXPECT_THAT(variance_between(a, b, 0.5), ElementsAre(DoubleNear(4, 1e-5), DoubleNear(4, 1e-5)));
}

TEST(MergedVariance, IsThatOfAnEndAtTheEnd) {
  const MemoryModel a = model({1, 2, 0.3F, 0.7F}, {0.1F, 0.7F});
  const MemoryModel b = model({3, 1, 0.9F, 0.1F}, {0.3F, 1e-3F});
  EXPECT_EQ(variance_between(a, b, 0), numbers(a.read("bn.running_var").view));
  EXPECT_EQ(variance_between(a, b, 1), numbers(b.read("bn.running_var").view));
  BatchNorm together = kNorm;
  together.channels[0].layers[0].grouped = false;
  EXPECT_EQ(variance_between(a, b, 1, together), numbers(b.read("bn.running_var").view));
}

TEST(MergedVariance, OfAChannelWithoutWeightsIsTheMean) {
  const MemoryModel a = model({0, 0, 1, 0}, {2, 2});
  const MemoryModel b = model({0, 0, 1, 0}, {4, 4});
  EXPECT_THAT(variance_between(a, b, 0.5), ElementsAre(3, DoubleNear(std::sqrt(8.0F), 1e-5)));
}

TEST(MergedVariance, OfChannelsWithoutALayerIsTheMean) {
  const BatchNorm norm{"bn.running_var", {{0, 1, {}}, {1, 2, {{"fc.weight", 0}}}}};
  MemoryModel a;
  MemoryModel b;
  a.set({"fc.weight", DType::kF32, {1, 2}}, floats({1, 0}));
  b.set({"fc.weight", DType::kF32, {1, 2}}, floats({0, 1}));
  a.set({"bn.running_var", DType::kF32, {2}}, floats({2, 2}));
  b.set({"bn.running_var", DType::kF32, {2}}, floats({4, 4}));
  EXPECT_THAT(variance_between(a, b, 0.5, norm),
              ElementsAre(3, DoubleNear(std::sqrt(8.0F) / 2, 1e-5)));
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
  const auto read = [](const MemoryModel& model) {
    return [&model](std::string_view name) { return model.read(name); };
  };
  const std::vector<NormSide> sides{{read(a), 1}, {read(b), 0}};
  const Buffer variance = merged_variance(kNorm, sides, read(a));
  EXPECT_THAT(numbers({DType::kF32, {2}, variance}), ElementsAre(2, 2));
}

/// The variance of a unit whose inputs have one part in common and another of their own.
double seen_by(std::span<const double> weights) {
  double sum = 0;
  double squares = 0;
  for (const double weight : weights) {
    sum += weight;
    squares += square(weight);
  }
  return squares + 4 * square(sum);
}

/// Units of a linear layer and the variances that such inputs give them.
MemoryModel seen_through(std::uint64_t seed, std::size_t units, std::size_t inputs) {
  const Buffer weight = testing::random_floats(units * inputs, seed);
  const std::vector<double> w = numbers({DType::kF32, {units, inputs}, weight});
  std::vector<float> variance(units);
  for (std::size_t o = 0; o < units; ++o) {
    variance[o] = static_cast<float>(seen_by(std::span(w).subspan(o * inputs, inputs)));
  }
  MemoryModel result;
  result.set({"fc.weight", DType::kF32, {units, inputs}}, weight);
  result.set({"bn.running_var", DType::kF32, {units}}, floats(variance));
  return result;
}

TEST(MergedVariance, LearnsFromOtherChannelsWhatInputsHaveInCommon) {
  const std::size_t units = 64;
  const std::size_t inputs = 8;
  const MemoryModel a = seen_through(1, units, inputs);
  const MemoryModel b = seen_through(2, units, inputs);
  const InterpolatedModel between(a, b, 0.5);
  const std::vector<double> w = numbers(between.read("fc.weight").view);
  const auto error = [&](bool grouped) {
    const std::vector<double> got =
        variance_between(a, b, 0.5, {"bn.running_var", {{0, units, {{"fc.weight", 0, grouped}}}}});
    double total = 0;
    for (std::size_t o = 0; o < units; ++o) {
      const double truth = seen_by(std::span(w).subspan(o * inputs, inputs));
      total += square(std::log(got[o] / truth));
    }
    return std::sqrt(total / static_cast<double>(units));
  };
  EXPECT_LT(error(false), 0.6 * error(true));
}

TEST(MergedVariance, GoesThroughMoreChannelsThanOneBlockHas) {
  const MemoryModel a = seen_through(1, 150, 8);
  const MemoryModel b = seen_through(2, 150, 8);
  const auto whole =
      variance_between(a, b, 0.25, {"bn.running_var", {{0, 150, {{"fc.weight", 0}}}}});
  for (const double value : whole) EXPECT_TRUE(std::isfinite(value) && value > 0);
}

}  // namespace
}  // namespace mgit
