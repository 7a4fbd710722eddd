#include "coding/low_rank_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/threads.h"
#include "coding/symmetric_eigen.h"

namespace mgit {
namespace {

constexpr std::size_t kSmallestSide = 32;
/// Directions looked at beyond the ones that may be used, which makes those better.
constexpr std::size_t kSpare = 8;
constexpr int kRounds = 2;
constexpr double kLargestFactor = 32000;  // integers of 16 bits, with room for rounding
/// Sums of squares of larger ones might not be finite.
constexpr float kLargestDifference = 1e12F;
/// Rounding the factors may add so much to the variance that is left.
constexpr double kRoundingShare = 1.0 / 16;

/// Row by row.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;

  Matrix(std::size_t rows_, std::size_t columns_)
      : rows(rows_), columns(columns_), values(rows_ * columns_) {}
  float* row(std::size_t index) { return values.data() + index * columns; }
  const float* row(std::size_t index) const { return values.data() + index * columns; }
};

void add_scaled(float factor, const float* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

constexpr std::size_t kStripe = 64;  // rows of a result that one thread makes

template <typename Action>
void in_stripes(std::size_t rows, const Action& action) {
  parallel_for((rows + kStripe - 1) / kStripe, [&](std::size_t stripe) {
    action(stripe * kStripe, std::min(rows, (stripe + 1) * kStripe));
  });
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.rows, b.columns);
  in_stripes(out.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t k = 0; k < a.columns; ++k)
        add_scaled(a.row(i)[k], b.row(k), out.row(i), out.columns);
  });
  return out;
}

/// Of a's transpose and b.
Matrix transposed_product(const Matrix& a, const Matrix& b) {
  Matrix out(a.columns, b.columns);
  in_stripes(out.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = 0; k < a.rows; ++k)
      for (std::size_t i = begin; i < end; ++i)
        add_scaled(a.row(k)[i], b.row(k), out.row(i), out.columns);
  });
  return out;
}

/// Of the columns' scalar products with each other.
SymmetricEigen eigen_of_gram(const Matrix& matrix) {
  const std::size_t size = matrix.columns;
  std::vector<double> gram(size * size);
  for (std::size_t row = 0; row < matrix.rows; ++row)
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j)
        gram[i * size + j] += double{matrix.row(row)[i]} * double{matrix.row(row)[j]};
  return symmetric_eigen(std::move(gram), size);
}

/// The eigenvectors as columns, each times a function of its eigenvalue.
template <typename Scale>
Matrix scaled_vectors(const SymmetricEigen& eigen, const Scale& scale) {
  const std::size_t size = eigen.values.size();
  Matrix out(size, size);
  for (std::size_t k = 0; k < size; ++k) {
    // Directions that are next to nothing are noise of the arithmetic.
    const bool real = eigen.values[k] > 1e-9 * eigen.values[0];
    const double factor = real ? scale(eigen.values[k]) : 0.0;
    for (std::size_t i = 0; i < size; ++i)
      out.row(i)[k] = static_cast<float>(factor * eigen.vectors[k * size + i]);
  }
  return out;
}

Matrix orthonormal(const Matrix& matrix) {
  return product(matrix, scaled_vectors(eigen_of_gram(matrix),
                                        [](double value) { return 1 / std::sqrt(value); }));
}

Matrix random_directions(std::size_t rows, std::size_t count) {
  std::mt19937 random(1);
  Matrix out(rows, count);
  for (float& value : out.values) value = (random() & 1U) != 0 ? 1.0F : -1.0F;
  return out;
}

/// The tensor's difference, and how finely its words can say it.
struct Difference {
  Matrix matrix;
  double grain = 0;  // variance of a value that is rounded to a word, as the geometric mean
  float largest = 0;
};

Difference difference_of(Bytes base, Bytes data, DType dtype, std::size_t columns) {
  const std::size_t words = data.size() / (dtype_bits(dtype) / 8);
  const int mantissa = dtype == DType::kF32 ? 23 : dtype == DType::kF16 ? 10 : 7;
  Difference out{Matrix(words / columns, columns)};
  std::vector<float> before(words);
  to_float({dtype, {words}, base}, before);
  to_float({dtype, {words}, data}, out.matrix.values);
  std::int64_t exponents = 0;
  std::int64_t counted = 1;
  for (std::size_t i = 0; i < words; ++i) {
    float& value = out.matrix.values[i];
    if (std::isnormal(value)) exponents += std::ilogb(value), ++counted;
    value -= before[i];
    if (!std::isfinite(value)) value = 0;
    out.largest = std::max(out.largest, std::abs(value));
  }
  const double unit =
      std::exp2(static_cast<double>(exponents) / static_cast<double>(counted) - mantissa);
  out.grain = unit * unit / 12;
  return out;
}

/// left · right', the columns by the size of what they do, that being the square root of `strength`
/// in each factor.
struct Factors {
  Matrix left;
  Matrix right;
  std::vector<double> strength;
};

Factors factors_of(const Matrix& difference, std::size_t directions) {
  Matrix left = product(difference, random_directions(difference.columns, directions));
  Matrix right(0, 0);
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) left = product(difference, orthonormal(right));
    left = orthonormal(left);
    right = transposed_product(difference, left);
  }
  const SymmetricEigen eigen = eigen_of_gram(right);
  Factors out{product(left, scaled_vectors(eigen, [](double v) { return std::pow(v, 0.25); })),
              product(right, scaled_vectors(eigen, [](double v) { return std::pow(v, -0.25); })),
              {}};
  for (const double value : eigen.values) out.strength.push_back(std::sqrt(std::max(value, 0.0)));
  return out;
}

/// A rank, the step of the factors' integers, and what both cost.
struct Plan {
  std::size_t rank = 0;
  int exponent = 0;  // of the square of the step
  double bits = 0;
};

double largest_of(const Matrix& matrix) {
  float largest = 0;
  for (const float value : matrix.values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// The square of the smallest step at which the integers fit, and the products of so many ranks.
class SmallestStep {
 public:
  explicit SmallestStep(const Factors& factors)
      : left_(largest_of(factors.left)), right_(largest_of(factors.right)) {}
  double squared(std::size_t rank) const {
    const double for_factors = std::pow(std::max(left_, right_) / kLargestFactor, 2);
    return std::max(for_factors, 1.01 * left_ * right_ * static_cast<double>(rank) / INT32_MAX);
  }

 private:
  double left_;
  double right_;
};

/// As if everything were normally distributed.
double bits_of(double deviation, double step) {
  return std::max(0.5, std::log2(deviation / step) + 2.05);
}

Plan plan_for(const Difference& difference, const Factors& factors) {
  const Matrix& matrix = difference.matrix;
  const auto rows = static_cast<double>(matrix.rows);
  const auto columns = static_cast<double>(matrix.columns);
  double left = std::transform_reduce(matrix.values.begin(), matrix.values.end(), 0.0,
                                      std::plus<>(), [](double value) { return value * value; });
  const double words = rows * columns;
  const auto residual_bits = [&](double variance) { return words / 2 * std::log2(variance); };
  Plan best{0, 0, residual_bits(left / words + difference.grain)};
  const SmallestStep smallest(factors);
  double together = 0;
  for (std::size_t rank = 1; rank <= std::min(factors.strength.size(), kMostRank); ++rank) {
    const double strength = factors.strength[rank - 1];
    if (strength <= 0) break;
    left = std::max(left - strength * strength, 0.0);
    together += strength;
    const double variance = left / words + difference.grain;
    const double rounding =
        together * (1 / rows + 1 / columns) / 12;  // variance of one step squared
    const double wanted = std::exp2(std::floor(std::log2(kRoundingShare * variance / rounding)));
    const double step_squared =
        std::max(wanted, std::exp2(std::ceil(std::log2(smallest.squared(rank)))));
    const double step = std::sqrt(step_squared);
    double bits = residual_bits(variance + step_squared * rounding);
    for (std::size_t k = 0; k < rank; ++k)
      bits += rows * bits_of(std::sqrt(factors.strength[k] / rows), step) +
              columns * bits_of(std::sqrt(factors.strength[k] / columns), step);
    if (bits < best.bits) best = {rank, std::ilogb(step_squared), bits};
  }
  return best;
}

std::int16_t rounded(float value, double step) {
  return static_cast<std::int16_t>(std::nearbyint(value / step));
}

}  // namespace

std::optional<LowRank> fit_low_rank(Bytes base, Bytes data, DType dtype, std::size_t columns) {
  const Difference difference = difference_of(base, data, dtype, columns);
  const std::size_t side = std::min(difference.matrix.rows, columns);
  if (side < kSmallestSide || difference.largest > kLargestDifference) return std::nullopt;
  const Factors factors = factors_of(difference.matrix, std::min(kMostRank + kSpare, side));
  const Plan plan = plan_for(difference, factors);
  if (plan.rank == 0) return std::nullopt;
  LowRank move{dtype, columns, plan.rank, plan.exponent, {}, {}};
  const double step = std::exp2(plan.exponent / 2.0);
  for (std::size_t row = 0; row < factors.left.rows; ++row)
    for (std::size_t k = 0; k < plan.rank; ++k)
      move.left.push_back(rounded(factors.left.row(row)[k], step));
  for (std::size_t k = 0; k < plan.rank; ++k)
    for (std::size_t column = 0; column < columns; ++column)
      move.right.push_back(rounded(factors.right.row(column)[k], step));
  if (!is_sound(move)) return std::nullopt;
  return move;
}

}  // namespace mgit
