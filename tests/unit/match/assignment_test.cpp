#include "match/assignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace mgit {
namespace {

using Matrix = std::vector<float>;

double value_of(const Matrix& score, const std::vector<std::uint32_t>& assignment) {
  double sum = 0;
  for (std::size_t i = 0; i < assignment.size(); ++i)
    sum += score[i * assignment.size() + assignment[i]];
  return sum;
}

double brute_force(const Matrix& score, std::size_t n) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  double best = value_of(score, order);
  while (std::next_permutation(order.begin(), order.end()))
    best = std::max(best, value_of(score, order));
  return best;
}

double magnitude(const Matrix& score) {
  double largest = 0;
  for (const float value : score) largest = std::max(largest, std::fabs(double{value}));
  return largest;
}

/// Solves, checks the certificate from outside, with every instruction set.
std::vector<std::uint32_t> solve(const Matrix& score, std::size_t n,
                                 AssignmentDuals* warm = nullptr) {
  std::vector<std::uint32_t> first;
  for (const Kernels* kernels : all_kernels()) {
    AssignmentDuals duals = warm != nullptr ? *warm : AssignmentDuals{};
    const auto assignment = solve_assignment_with(*kernels, score, n, &duals);
    EXPECT_TRUE(is_bijection(assignment));
    EXPECT_EQ(assignment.size(), n);
    EXPECT_LE(duality_gap(score, duals.column, assignment),
              static_cast<double>(n) * 1e-12 * magnitude(score));
    if (kernels == all_kernels().front()) first = assignment;
    EXPECT_EQ(assignment, first) << kernels->name;
    if (kernels == all_kernels().back() && warm != nullptr) *warm = duals;
  }
  return first;
}

Matrix gaussian(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Matrix score(n * n);
  for (float& value : score) value = normal(random);
  return score;
}

/// A * B^T with power-law spectrum and log-normal row norms: the hard kind.
Matrix heterogeneous(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  const std::size_t m = n / 2 + 1;
  const auto rows = [&] {
    Matrix a(n * m);
    for (std::size_t i = 0; i < n; ++i) {
      const float norm = std::exp(normal(random));
      for (std::size_t k = 0; k < m; ++k)
        a[i * m + k] = norm * normal(random) / std::sqrt(static_cast<float>(k + 1));
    }
    return a;
  };
  const Matrix a = rows();
  const Matrix b = rows();
  Matrix score(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      score[i * n + j] = std::inner_product(&a[i * m], &a[i * m] + m, &b[j * m], 0.0F);
  return score;
}

TEST(Assignment, EqualsBruteForceOnRandomMatrices) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 3000; ++trial) {
    const std::size_t n = 1 + static_cast<std::size_t>(trial) % 7;
    const Matrix score = gaussian(n, random());
    ASSERT_NEAR(value_of(score, solve(score, n)), brute_force(score, n), 1e-9) << "n " << n;
  }
}

TEST(Assignment, EqualsBruteForceOnTies) {
  std::mt19937_64 random(2);
  for (int trial = 0; trial < 3000; ++trial) {
    const std::size_t n = 1 + static_cast<std::size_t>(trial) % 7;
    std::uniform_int_distribution<int> integer(-trial % 4, 1 + trial % 3);
    Matrix score(n * n);
    for (float& value : score) value = static_cast<float>(integer(random));
    if (n > 2) std::copy_n(score.begin(), n, score.begin() + static_cast<std::ptrdiff_t>(n));
    ASSERT_EQ(value_of(score, solve(score, n)), brute_force(score, n)) << "n " << n;
  }
}

TEST(Assignment, EqualsBruteForceFromAnyWarmStart) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 1000; ++trial) {
    const std::size_t n = 1 + static_cast<std::size_t>(trial) % 7;
    const Matrix score = gaussian(n, random());
    AssignmentDuals duals;
    for (std::size_t j = 0; j < n; ++j)
      duals.column.push_back(normal(random) * std::pow(10.0, trial % 40 - 10));
    ASSERT_NEAR(value_of(score, solve(score, n, &duals)), brute_force(score, n), 1e-9);
  }
}

TEST(Assignment, CertifiesLargeMatrices) {
  for (const std::size_t n : {61U, 128U, 300U}) {
    solve(gaussian(n, n), n);
    solve(heterogeneous(n, n), n);
    solve(Matrix(n * n, 0.0F), n);
    solve(Matrix(n * n, -3.5F), n);
  }
}

TEST(Assignment, CertifiesDuplicateRowsAndColumns) {
  constexpr std::size_t kSize = 200;
  const Matrix source = gaussian(20, 5);
  Matrix score(kSize * kSize);
  for (std::size_t i = 0; i < kSize; ++i)
    for (std::size_t j = 0; j < kSize; ++j) score[i * kSize + j] = source[i / 10 * 20 + j / 10];
  solve(score, kSize);
}

TEST(Assignment, CertifiesWideRangesOfMagnitude) {
  std::mt19937_64 random(6);
  std::uniform_real_distribution<float> exponent(-30, 30);
  constexpr std::size_t kSize = 100;
  Matrix score(kSize * kSize);
  for (float& value : score) value = std::pow(10.0F, exponent(random));
  solve(score, kSize);
}

TEST(Assignment, FindsPlantedPermutation) {
  constexpr std::size_t kSize = 257;
  std::vector<std::uint32_t> planted(kSize);
  std::iota(planted.begin(), planted.end(), 0U);
  std::shuffle(planted.begin(), planted.end(), std::mt19937_64(7));
  Matrix score = gaussian(kSize, 8);
  for (std::size_t i = 0; i < kSize; ++i) score[i * kSize + planted[i]] += 20;
  EXPECT_EQ(solve(score, kSize), planted);
}

TEST(Assignment, KeepsDualsUsefulWhenTheMatrixChanges) {
  constexpr std::size_t kSize = 150;
  Matrix score = gaussian(kSize, 9);
  AssignmentDuals duals;
  for (int step = 0; step < 10; ++step) {
    const auto warm = solve(score, kSize, &duals);
    EXPECT_NEAR(value_of(score, warm), value_of(score, solve(score, kSize)), 1e-9);
    for (std::size_t i = 0; i < score.size(); i += 17) score[i] += 0.5F;
  }
}

TEST(Assignment, SmallestSizes) {
  EXPECT_TRUE(solve_assignment({}, 0).empty());
  const float one[] = {-4};
  EXPECT_EQ(solve_assignment(one, 1), std::vector<std::uint32_t>{0});
}

TEST(Assignment, RefusesWhatIsNotFiniteOrNotSquare) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    const float score[] = {1, 2, value, 4};
    EXPECT_THROW(solve_assignment(score, 2), Error);
  }
  const float score[] = {1, 2, 3};
  EXPECT_THROW(solve_assignment(score, 2), Error);
}

}  // namespace
}  // namespace mgit
