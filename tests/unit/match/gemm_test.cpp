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

/// Where a sum that is rounded twice differs from one that is rounded once.
TEST(MatrixKernel, RoundsOnceOnEveryInstructionSet) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  const auto fill = [&](std::vector<float>& panel, int bits, float scale) {
    for (float& value : panel) {
      value = normal(random) * scale;
      if (bits > 0) value = std::round(value * std::ldexp(1.0F, bits)) / std::ldexp(1.0F, bits);
      if (random() % 5 == 0) value = 0;
    }
  };
  struct Numbers {
    int left_bits, right_bits;  // after the point; 0: all there are
    float left_scale, right_scale;
  };
  // Halves of the last place again and again; subnormal sums and products; sums that overflow.
  for (const Numbers& numbers : {Numbers{0, 0, 1, 1},
                                 {2, 21, 4, 1},
                                 {1, 23, 1, 1},
                                 {0, 0, 1e-20F, 1e-18F},
                                 {0, 0, 1e-38F, 1},
                                 {0, 0, 1e18F, 1e19F},
                                 {0, 0, 1e19F, 1e19F}})
    for (const std::size_t k : {1U, 2U, 37U, 256U}) {
      std::vector<float> left(k * kLeftPanel);
      std::vector<float> right(k * kRightPanel);
      fill(left, numbers.left_bits, numbers.left_scale);
      fill(right, numbers.right_bits, numbers.right_scale);
      for (const Kernels* kernels : all_kernels()) {
        std::vector<float> sums(kLeftPanel * kRightPanel);
        kernels->multiply(left.data(), right.data(), k, sums.data());
        for (std::size_t i = 0; i < kLeftPanel; ++i)
          for (std::size_t j = 0; j < kRightPanel; ++j) {
            float sum = 0;
            for (std::size_t step = 0; step < k; ++step)
              sum = std::fma(left[step * kLeftPanel + i], right[step * kRightPanel + j], sum);
            const float found = sums[i * kRightPanel + j];
            ASSERT_TRUE(found == sum || (std::isnan(found) && std::isnan(sum)))
                << kernels->name << " " << found << " but " << sum;
          }
      }
    }
}

}  // namespace
}  // namespace mgit
