#include "merge/least_squares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace mgit {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::Pointwise;

std::vector<double> numbers(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<double> result(count);
  for (double& value : result) value = normal(engine);
  return result;
}

/// W x + b for every row of x.
std::vector<double> mapped(const std::vector<double>& x, const LinearMap& map, std::size_t inputs,
                           std::size_t outputs) {
  std::vector<double> y(x.size() / inputs * outputs);
  for (std::size_t row = 0; row < x.size() / inputs; ++row)
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = map.bias[o];
      for (std::size_t i = 0; i < inputs; ++i)
        sum += map.weight[o * inputs + i] * x[row * inputs + i];
      y[row * outputs + o] = sum;
    }
  return y;
}

constexpr std::size_t kInputs = 21;
constexpr std::size_t kOutputs = 5;
constexpr std::size_t kRows = 700;  // several blocks, the last one short

TEST(LeastSquares, FindsTheMapThatMadeTheRows) {
  std::vector<double> x = numbers(kRows * kInputs, 1);
  for (double& value : x) value += 3;  // far from zero: a fit without a shift would not do
  const LinearMap map{numbers(kInputs * kOutputs, 2), numbers(kOutputs, 3)};
  PairMoments moments(kInputs, kOutputs);
  moments.add(x, mapped(x, map, kInputs, kOutputs));
  const std::vector<double> none(map.weight.size());
  const LinearMap found = fit_linear(moments, none, {.ridge = 1e-12});
  EXPECT_THAT(found.weight, Pointwise(DoubleNear(1e-7), map.weight));
  EXPECT_THAT(found.bias, Pointwise(DoubleNear(1e-6), map.bias));
}

TEST(LeastSquares, WithoutAShiftGoesThroughTheOrigin) {
  const std::vector<double> x = numbers(kRows * kInputs, 1);
  const LinearMap map{numbers(kInputs * kOutputs, 2), std::vector<double>(kOutputs)};
  PairMoments moments(kInputs, kOutputs);
  moments.add(x, mapped(x, map, kInputs, kOutputs));
  const std::vector<double> none(map.weight.size());
  const LinearMap found = fit_linear(moments, none, {.ridge = 1e-12, .bias = false});
  EXPECT_THAT(found.weight, Pointwise(DoubleNear(1e-7), map.weight));
  EXPECT_THAT(found.bias, Each(0.0));
}

/// With one input and one output by hand: rows (1, 2), (3, 4), ridge 0.5 of the variance 1, from 3:
/// the covariance is 1, so W = (1 + 0.5 * 3) / (1 + 0.5).
TEST(LeastSquares, IsDrawnTowardsWhatIsThere) {
  PairMoments moments(1, 1);
  moments.add(std::vector<double>{1, 3}, std::vector<double>{2, 4});
  const LinearMap found = fit_linear(moments, std::vector<double>{3}, {.ridge = 0.5});
  EXPECT_NEAR(found.weight[0], 2.5 / 1.5, 1e-12);
  EXPECT_NEAR(found.bias[0], 3 - 2 * 2.5 / 1.5, 1e-12);
}

TEST(LeastSquares, InputsThatAreAlwaysAlikeKeepTheirWeights) {
  std::vector<double> x = numbers(kRows * kInputs, 1);
  for (std::size_t row = 0; row < kRows; ++row) x[row * kInputs + 4] = 0;  // a dead unit
  PairMoments moments(kInputs, kOutputs);
  moments.add(x, numbers(kRows * kOutputs, 2));
  const std::vector<double> towards = numbers(kInputs * kOutputs, 3);
  const LinearMap found = fit_linear(moments, towards);
  for (std::size_t o = 0; o < kOutputs; ++o)
    EXPECT_NEAR(found.weight[o * kInputs + 4], towards[o * kInputs + 4], 1e-9);
}

TEST(LeastSquares, NothingToLearnFromLeavesTheWeights) {
  const std::vector<double> towards = numbers(kInputs * kOutputs, 3);
  PairMoments zero(kInputs, kOutputs);
  zero.add(std::vector<double>(2 * kInputs), numbers(2 * kOutputs, 1));
  EXPECT_EQ(fit_linear(zero, towards).weight, towards);
  PairMoments broken(kInputs, kOutputs);
  broken.add(std::vector<double>(2 * kInputs, std::nan("")), numbers(2 * kOutputs, 1));
  EXPECT_EQ(fit_linear(broken, towards).weight, towards);
}

TEST(LeastSquares, OneBadOutputLeavesTheOthers) {
  const std::vector<double> x = numbers(kRows * kInputs, 1);
  const std::vector<double> good = numbers(kRows * kOutputs, 2);
  std::vector<double> bad = good;
  for (std::size_t row = 0; row < kRows; ++row) bad[row * kOutputs + 1] = INFINITY;
  const std::vector<double> towards = numbers(kInputs * kOutputs, 3);
  PairMoments with(kInputs, kOutputs);
  with.add(x, bad);
  PairMoments without(kInputs, kOutputs);
  without.add(x, good);
  const LinearMap fit = fit_linear(with, towards);
  const LinearMap expected = fit_linear(without, towards);
  for (std::size_t i = 0; i < kInputs; ++i) {
    EXPECT_EQ(fit.weight[i], expected.weight[i]);
    EXPECT_EQ(fit.weight[kInputs + i], towards[kInputs + i]);
  }
}

TEST(LeastSquares, VariancesAreThoseOfTheOutputs) {
  const std::vector<double> x = numbers(kRows * kInputs, 1);
  const LinearMap map{numbers(kInputs * kOutputs, 2), numbers(kOutputs, 3)};
  const std::vector<double> y = mapped(x, map, kInputs, kOutputs);
  PairMoments moments(kInputs, kOutputs);
  moments.add(x, y);
  const std::vector<double> variances = output_variances(moments, map.weight);
  for (std::size_t o = 0; o < kOutputs; ++o) {
    double mean = 0;
    double square = 0;
    for (std::size_t row = 0; row < kRows; ++row) {
      mean += y[row * kOutputs + o] / kRows;
      square += y[row * kOutputs + o] * y[row * kOutputs + o] / kRows;
    }
    EXPECT_NEAR(variances[o], square - mean * mean, 1e-9);
  }
}

/// Rows in several portions, with more inputs than a column block of the solver.
TEST(LeastSquares, ManyInputsInPortions) {
  constexpr std::size_t kMany = 150;
  const std::vector<double> x = numbers(kRows * kMany, 1);
  const LinearMap map{numbers(kMany * kOutputs, 2), numbers(kOutputs, 3)};
  const std::vector<double> y = mapped(x, map, kMany, kOutputs);
  PairMoments moments(kMany, kOutputs);
  for (std::size_t row = 0; row < kRows; row += 100)
    moments.add(std::span(x).subspan(row * kMany, 100 * kMany),
                std::span(y).subspan(row * kOutputs, 100 * kOutputs));
  EXPECT_EQ(moments.rows(), kRows);
  const std::vector<double> none(map.weight.size());
  EXPECT_THAT(fit_linear(moments, none, {.ridge = 1e-12}).weight,
              Pointwise(DoubleNear(1e-7), map.weight));
}

}  // namespace
}  // namespace mgit
