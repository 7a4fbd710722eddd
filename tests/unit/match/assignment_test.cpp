#include "mgit/assignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "match/assignment/solver.h"
#include "mgit/base.h"

namespace mgit {
namespace {

struct Matrix {
  std::size_t rows;
  std::size_t columns;
  std::vector<float> score;

  Matrix(std::size_t row_count, std::size_t column_count, float value = 0)
      : rows(row_count), columns(column_count), score(row_count * column_count, value) {}
  float& at(std::size_t i, std::size_t j) { return score[i * columns + j]; }
  float at(std::size_t i, std::size_t j) const { return score[i * columns + j]; }
};

double value_of(const Matrix& matrix, const std::vector<std::uint32_t>& assignment) {
  double sum = 0;
  for (std::size_t i = 0; i < assignment.size(); ++i) sum += matrix.at(i, assignment[i]);
  return sum;
}

/// All ways to give the rows from i on columns that are not taken.
double brute_force(const Matrix& matrix, std::size_t i = 0, unsigned taken = 0) {
  if (i == matrix.rows) return 0;
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < matrix.columns; ++j)
    if ((taken >> j & 1) == 0)
      best = std::max(best, matrix.at(i, j) + brute_force(matrix, i + 1, taken | 1U << j));
  return best;
}

/// The optimum by the plain Hungarian method, O(rows^2 columns): one row after the other, each by
/// the cheapest path in a dense scan. Nothing in common with the solver.
double hungarian(const Matrix& matrix) {
  const std::size_t n = matrix.rows;
  const std::size_t m = matrix.columns;
  std::vector<double> u(n + 1);
  std::vector<double> v(m + 1);
  std::vector<std::size_t> row_of(m + 1);  // counted from 1; 0: none
  for (std::size_t i = 1; i <= n; ++i) {
    row_of[0] = i;
    std::size_t j = 0;
    std::vector<double> slack(m + 1, std::numeric_limits<double>::infinity());
    std::vector<std::size_t> way(m + 1);
    std::vector<bool> used(m + 1);
    do {
      used[j] = true;
      double delta = std::numeric_limits<double>::infinity();
      std::size_t next = 0;
      for (std::size_t k = 1; k <= m; ++k) {
        if (used[k]) continue;
        const double cost = -double{matrix.at(row_of[j] - 1, k - 1)} - u[row_of[j]] - v[k];
        if (cost < slack[k]) {
          slack[k] = cost;
          way[k] = j;
        }
        if (slack[k] < delta) {
          delta = slack[k];
          next = k;
        }
      }
      for (std::size_t k = 0; k <= m; ++k)
        if (used[k]) {
          u[row_of[k]] += delta;
          v[k] -= delta;
        } else {
          slack[k] -= delta;
        }
      j = next;
    } while (row_of[j] != 0);
    for (; j != 0; j = way[j]) row_of[j] = row_of[way[j]];
  }
  double sum = 0;
  for (std::size_t k = 1; k <= m; ++k)
    if (row_of[k] != 0) sum += matrix.at(row_of[k] - 1, k - 1);
  return sum;
}

double magnitude(const Matrix& matrix) {
  double largest = 0;
  for (const float value : matrix.score) largest = std::max(largest, std::fabs(double{value}));
  return largest;
}

/// Solves with every instruction set, which all have to agree, and checks the certificate from
/// outside. `warm` is read and replaced.
std::vector<std::uint32_t> solve(const Matrix& matrix, AssignmentDuals* warm = nullptr) {
  std::vector<std::uint32_t> first;
  AssignmentDuals first_duals;
  for (const Kernels* kernels : all_kernels()) {
    AssignmentDuals duals = warm != nullptr ? *warm : AssignmentDuals{};
    const auto assignment =
        solve_assignment_with(*kernels, matrix.score, matrix.rows, matrix.columns, &duals);
    EXPECT_EQ(assignment.size(), matrix.rows);
    std::vector<bool> taken(matrix.columns);
    for (const std::uint32_t j : assignment) {
      EXPECT_LT(j, matrix.columns);
      EXPECT_FALSE(taken[j]) << "column " << j << " twice";
      taken[j] = true;
    }
    EXPECT_LE(duality_gap(matrix.score, duals.column, assignment),
              static_cast<double>(matrix.rows) * 1e-12 * magnitude(matrix));
    if (kernels == all_kernels().front()) {
      first = assignment;
      first_duals = duals;
    }
    EXPECT_EQ(assignment, first) << kernels->name;
    EXPECT_EQ(duals.column, first_duals.column) << kernels->name;
  }
  if (warm != nullptr) *warm = first_duals;
  return first;
}

using Engine = std::mt19937_64;

Matrix gaussian(std::size_t rows, std::size_t columns, Engine& random) {
  std::normal_distribution<float> normal;
  Matrix matrix(rows, columns);
  for (float& value : matrix.score) value = normal(random);
  return matrix;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix matrix(a.rows, b.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < b.rows; ++j)
      for (std::size_t k = 0; k < a.columns; ++k) matrix.at(i, j) += a.at(i, k) * b.at(j, k);
  return matrix;
}

/// Rows of a power-law spectrum and log-normal norms: their products are the hard kind.
Matrix uneven_rows(std::size_t rows, std::size_t columns, Engine& random) {
  Matrix matrix = gaussian(rows, columns, random);
  std::normal_distribution<float> normal;
  for (std::size_t i = 0; i < rows; ++i) {
    const float norm = std::exp(normal(random));
    for (std::size_t k = 0; k < columns; ++k)
      matrix.at(i, k) *= norm / std::sqrt(static_cast<float>(k + 1));
  }
  return matrix;
}

Matrix whole_numbers(std::size_t rows, std::size_t columns, int count, Engine& random) {
  std::uniform_int_distribution<int> integer(0, count - 1);
  Matrix matrix(rows, columns);
  for (float& value : matrix.score) value = static_cast<float>(integer(random));
  return matrix;
}

struct Kind {
  const char* name;
  Matrix (*make)(std::size_t rows, std::size_t columns, Engine& random);
};

const Kind kKinds[] = {
    {"gaussian", gaussian},
    {"uniform",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       std::uniform_real_distribution<float> uniform;
       Matrix matrix(rows, columns);
       for (float& value : matrix.score) value = uniform(random);
       return matrix;
     }},
    {"heterogeneous",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       const std::size_t inner = rows / 2 + 1;
       return product(uneven_rows(rows, inner, random), uneven_rows(columns, inner, random));
     }},
    {"dead units",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       Matrix matrix = product(uneven_rows(rows, 8, random), uneven_rows(columns, 8, random));
       std::bernoulli_distribution dead(0.3);
       std::vector<bool> row(rows);
       std::vector<bool> column(columns);
       for (std::size_t i = 0; i < rows; ++i) row[i] = dead(random);
       for (std::size_t j = 0; j < columns; ++j) column[j] = dead(random);
       for (std::size_t i = 0; i < rows; ++i)
         for (std::size_t j = 0; j < columns; ++j)
           if (row[i] || column[j]) matrix.at(i, j) = 0;
       return matrix;
     }},
    {"low rank",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       return product(gaussian(rows, 4, random), gaussian(columns, 4, random));
     }},
    {"rank one",
     [](std::size_t rows, std::size_t columns, Engine&) {
       Matrix matrix(rows, columns);
       for (std::size_t i = 0; i < rows; ++i)
         for (std::size_t j = 0; j < columns; ++j)
           matrix.at(i, j) = static_cast<float>((i + 1) * (j + 1));
       return matrix;
     }},
    {"planted",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       Matrix matrix = gaussian(rows, columns, random);
       for (std::size_t i = 0; i < rows; ++i) matrix.at(i, columns - 1 - i) += 3;
       return matrix;
     }},
    {"two values", [](std::size_t rows, std::size_t columns,
                      Engine& random) { return whole_numbers(rows, columns, 2, random); }},
    {"few values", [](std::size_t rows, std::size_t columns,
                      Engine& random) { return whole_numbers(rows, columns, 10, random); }},
    {"hundred values", [](std::size_t rows, std::size_t columns,
                          Engine& random) { return whole_numbers(rows, columns, 100, random); }},
    {"duplicates",
     [](std::size_t rows, std::size_t columns, Engine& random) {
       const Matrix source = gaussian(rows / 4 + 1, columns / 4 + 1, random);
       Matrix matrix(rows, columns);
       for (std::size_t i = 0; i < rows; ++i)
         for (std::size_t j = 0; j < columns; ++j) matrix.at(i, j) = source.at(i / 4, j / 4);
       return matrix;
     }},
    {"zeros", [](std::size_t rows, std::size_t columns, Engine&) { return Matrix(rows, columns); }},
    {"constant",
     [](std::size_t rows, std::size_t columns, Engine&) { return Matrix(rows, columns, -3.5F); }},
};

class AssignmentOf : public ::testing::TestWithParam<Kind> {};

TEST_P(AssignmentOf, EqualsBruteForce) {
  Engine random(1);
  for (std::size_t trial = 0; trial < 300; ++trial) {
    const std::size_t rows = 1 + trial % 6;
    const std::size_t columns = rows + trial / 6 % 3;
    const Matrix matrix = GetParam().make(rows, columns, random);
    ASSERT_NEAR(value_of(matrix, solve(matrix)), brute_force(matrix), 1e-9 * magnitude(matrix))
        << rows << " x " << columns;
  }
  const Matrix largest = GetParam().make(8, 8, random);
  EXPECT_NEAR(value_of(largest, solve(largest)), brute_force(largest), 1e-9 * magnitude(largest));
}

TEST_P(AssignmentOf, EqualsTheHungarianMethod) {
  // Sizes on both sides of where the solver changes its ways, and not multiples of a vector.
  for (const auto& [rows, columns] : {std::pair{17, 17},
                                      {63, 64},
                                      {64, 64},
                                      {100, 131},
                                      {130, 130},
                                      {150, 150},
                                      {131, 200},
                                      {200, 200},
                                      {20, 300},
                                      {260, 270},
                                      {1, 150}}) {
    Engine random(static_cast<std::uint64_t>(rows * 1000 + columns));
    const Matrix matrix =
        GetParam().make(static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), random);
    const double best = hungarian(matrix);
    ASSERT_NEAR(value_of(matrix, solve(matrix)), best, 1e-9 * rows * (1 + magnitude(matrix)))
        << rows << " x " << columns;
  }
}

TEST_P(AssignmentOf, IsTheSameOptimumFromAnyWarmStart) {
  std::normal_distribution<double> normal;
  for (const auto& [rows, columns] : {std::pair{6, 6}, {6, 8}, {70, 70}, {150, 150}, {140, 160}}) {
    Engine random(static_cast<std::uint64_t>(rows + columns));
    const Matrix matrix =
        GetParam().make(static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), random);
    const double best = value_of(matrix, solve(matrix));
    for (int exponent = -8; exponent < 30; exponent += 4) {
      AssignmentDuals duals;
      for (int j = 0; j < columns; ++j)
        duals.column.push_back(normal(random) * std::pow(10.0, exponent) * magnitude(matrix));
      ASSERT_NEAR(value_of(matrix, solve(matrix, &duals)), best,
                  1e-9 * rows * (1 + magnitude(matrix)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, AssignmentOf, ::testing::ValuesIn(kKinds), [](const auto& kind) {
  std::string name = kind.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST(Assignment, CertifiesLargeMatrices) {
  for (const Kind& kind : kKinds) {
    Engine random(600);
    const Matrix matrix = kind.make(600, 600, random);
    SCOPED_TRACE(kind.name);
    solve(matrix);
  }
}

TEST(Assignment, CertifiesWideRangesOfMagnitude) {
  Engine random(6);
  std::uniform_real_distribution<float> exponent(-30, 30);
  for (const std::size_t size : {100U, 300U}) {
    Matrix matrix(size, size);
    for (float& value : matrix.score) value = std::pow(10.0F, exponent(random));
    solve(matrix);
  }
}

TEST(Assignment, TakesTheLargestAndSmallestNumbersThereAre) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr float kSmallest = std::numeric_limits<float>::denorm_min();
  for (const std::size_t size : {5U, 200U}) {
    Matrix matrix(size, size, -kLargest);
    for (std::size_t i = 0; i < size; ++i) matrix.at(i, (i * 3 + 1) % size) = kLargest;
    if (size % 3 != 0) {
      for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(solve(matrix)[i], (i * 3 + 1) % size);
    }
    for (float& value : matrix.score) value = value > 0 ? kSmallest : 0;
    solve(matrix);
  }
}

TEST(Assignment, FindsPlantedPermutation) {
  constexpr std::size_t kSize = 257;
  std::vector<std::uint32_t> planted(kSize);
  std::iota(planted.begin(), planted.end(), 0U);
  Engine random(7);
  std::shuffle(planted.begin(), planted.end(), random);
  Matrix matrix = gaussian(kSize, kSize, random);
  for (std::size_t i = 0; i < kSize; ++i) matrix.at(i, planted[i]) += 20;
  EXPECT_EQ(solve(matrix), planted);
}

TEST(Assignment, KeepsDualsUsefulWhenTheMatrixChanges) {
  for (const std::size_t rows : {150U, 130U}) {
    Engine random(9);
    Matrix matrix = gaussian(rows, 150, random);
    AssignmentDuals duals;
    for (int step = 0; step < 10; ++step) {
      const auto warm = solve(matrix, &duals);
      EXPECT_NEAR(value_of(matrix, warm), value_of(matrix, solve(matrix)), 1e-9);
      for (std::size_t i = 0; i < matrix.score.size(); i += 17) matrix.score[i] += 0.5F;
    }
  }
}

TEST(Assignment, DualsOfAnotherSizeAreAColdStart) {
  Engine random(10);
  const Matrix matrix = gaussian(20, 20, random);
  AssignmentDuals duals{std::vector<double>(7, 1.0)};
  EXPECT_EQ(solve_assignment(matrix.score, 20, &duals), solve_assignment(matrix.score, 20));
  EXPECT_EQ(duals.column.size(), 20U);
}

TEST(Assignment, SmallestSizes) {
  AssignmentDuals duals;
  EXPECT_TRUE(solve_assignment({}, 0, &duals).empty());
  EXPECT_TRUE(duals.column.empty());
  EXPECT_TRUE(solve_assignment({}, 0, 3, &duals).empty());
  EXPECT_EQ(duals.column.size(), 3U);
  const float one[] = {-4};
  EXPECT_EQ(solve_assignment(one, 1), std::vector<std::uint32_t>{0});
  const float row[] = {-4, 2, 1};
  EXPECT_EQ(solve_assignment(row, 1, 3), std::vector<std::uint32_t>{1});
}

TEST(Assignment, TheGapIsHowFarFromTheOptimumItIsAtMost) {
  Engine random(11);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 200; ++trial) {
    const Matrix matrix = gaussian(4, 4 + static_cast<std::size_t>(trial % 3), random);
    std::vector<double> price(matrix.columns);
    for (double& p : price) p = normal(random);
    std::vector<std::uint32_t> some(matrix.columns);
    std::iota(some.begin(), some.end(), 0U);
    std::shuffle(some.begin(), some.end(), random);
    some.resize(matrix.rows);
    EXPECT_GE(duality_gap(matrix.score, price, some) + 1e-12,
              brute_force(matrix) - value_of(matrix, some));
  }
}

TEST(Assignment, RefusesWhatIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
    for (const std::size_t columns : {2U, 70U, 300U})
      for (const std::size_t at : {std::size_t{0}, columns / 2, 2 * columns - 1})
        for (const Kernels* kernels : all_kernels()) {
          std::vector<float> score(2 * columns, 1.0F);
          score[at] = bad;
          AssignmentDuals duals{std::vector<double>(columns, 0.25)};
          EXPECT_THROW(solve_assignment_with(*kernels, score, 2, columns, &duals), Error);
          EXPECT_EQ(duals.column, std::vector<double>(columns, 0.25));
        }
}

TEST(Assignment, RefusesWhatIsNoMatrixOfThatSize) {
  const float score[] = {1, 2, 3, 4, 5, 6};
  EXPECT_THROW(solve_assignment(score, 2), Error);
  EXPECT_THROW(solve_assignment(score, 0), Error);
  EXPECT_THROW(solve_assignment(score, 2, 2), Error);
  EXPECT_THROW(solve_assignment(score, 0, 6), Error);
  EXPECT_THROW(solve_assignment(score, 3, 2), Error);
  EXPECT_EQ(solve_assignment(score, 2, 3), (std::vector<std::uint32_t>{1, 2}));
  // rows * columns is what the scores are, but only as the machine multiplies.
  constexpr std::size_t kHuge = (std::numeric_limits<std::size_t>::max() >> 1) + 1;
  EXPECT_THROW(solve_assignment({}, 2, kHuge), Error);
}

}  // namespace
}  // namespace mgit
