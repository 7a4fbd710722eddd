#include "match/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace mgit {
namespace {

std::vector<float> random_matrix(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

struct Case {
  std::size_t n, m;
};

class Gemm : public ::testing::TestWithParam<Case> {};

TEST_P(Gemm, EqualsDoubleArithmeticAndIsTheSameOnEveryInstructionSet) {
  const auto [n, m] = GetParam();
  const std::vector<float> a = random_matrix(n * m, 1);
  const std::vector<float> b = random_matrix(n * m, 2);
  std::vector<double> first;
  for (const Kernels* kernels : all_kernels()) {
    std::vector<double> sum(n * n, 1.0);  // the product is added
    multiply_add(pack(a, n, m, kLeftPanel), pack(b, n, m, kRightPanel), sum, *kernels);
    if (first.empty()) first = sum;
    ASSERT_EQ(sum, first) << kernels->name;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double exact = 1;
      double scale = 1;
      for (std::size_t k = 0; k < m; ++k) {
        const double product = double{a[i * m + k]} * double{b[j * m + k]};
        exact += product;
        scale += std::fabs(product);
      }
      ASSERT_NEAR(first[i * n + j], exact, 1e-6 * scale) << i << "," << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Gemm,
                         ::testing::Values(Case{1, 1}, Case{1, 0}, Case{5, 3}, Case{12, 256},
                                           Case{32, 257}, Case{33, 1000}, Case{100, 77},
                                           Case{130, 600}));

}  // namespace
}  // namespace mgit
