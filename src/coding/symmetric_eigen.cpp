#include "coding/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mgit {
namespace {

constexpr int kMostSweeps = 30;  // five to ten are usual
constexpr double kNothing = 1e-13;

struct Rotation {
  double cosine = 1;
  double sine = 0;
};

/// Turns row p and row q of both; columns follow from symmetry.
class Jacobi {
 public:
  Jacobi(std::vector<double> matrix, std::size_t size)
      : matrix_(std::move(matrix)), vectors_(size * size), size_(size) {
    for (std::size_t i = 0; i < size; ++i) vectors_[i * size + i] = 1;
  }

  void run() {
    for (int sweep = 0; sweep < kMostSweeps && !is_diagonal(); ++sweep)
      for (std::size_t p = 0; p < size_; ++p)
        for (std::size_t q = p + 1; q < size_; ++q) eliminate(p, q);
  }

  SymmetricEigen sorted() const {
    std::vector<std::size_t> order(size_);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [this](std::size_t a, std::size_t b) { return at(a, a) > at(b, b); });
    SymmetricEigen out;
    for (const std::size_t index : order) {
      out.values.push_back(at(index, index));
      const auto vector = vectors_.begin() + static_cast<std::ptrdiff_t>(index * size_);
      out.vectors.insert(out.vectors.end(), vector, vector + static_cast<std::ptrdiff_t>(size_));
    }
    return out;
  }

 private:
  double at(std::size_t row, std::size_t column) const { return matrix_[row * size_ + column]; }

  bool is_diagonal() const {
    double diagonal = 0;
    double rest = 0;
    for (std::size_t i = 0; i < size_; ++i)
      for (std::size_t j = 0; j < size_; ++j) (i == j ? diagonal : rest) += at(i, j) * at(i, j);
    return rest <= kNothing * kNothing * diagonal;
  }

  void eliminate(std::size_t p, std::size_t q) {
    if (at(p, q) == 0) return;
    const double slope = (at(q, q) - at(p, p)) / (2 * at(p, q));
    const double tangent =
        std::copysign(1.0, slope) / (std::abs(slope) + std::sqrt(slope * slope + 1));
    const double cosine = 1 / std::sqrt(tangent * tangent + 1);
    const Rotation rotation{cosine, tangent * cosine};
    turn_rows(matrix_, p, q, rotation);
    for (std::size_t i = 0; i < size_; ++i)
      turn(matrix_[i * size_ + p], matrix_[i * size_ + q], rotation);
    turn_rows(vectors_, p, q, rotation);
  }

  static void turn(double& a, double& b, const Rotation& rotation) {
    const double before = a;
    a = rotation.cosine * before - rotation.sine * b;
    b = rotation.sine * before + rotation.cosine * b;
  }

  void turn_rows(std::vector<double>& matrix, std::size_t p, std::size_t q,
                 const Rotation& rotation) const {
    for (std::size_t i = 0; i < size_; ++i)
      turn(matrix[p * size_ + i], matrix[q * size_ + i], rotation);
  }

  std::vector<double> matrix_;
  std::vector<double> vectors_;
  std::size_t size_;
};

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t size) {
  Jacobi jacobi(std::move(matrix), size);
  jacobi.run();
  return jacobi.sorted();
}

}  // namespace mgit
