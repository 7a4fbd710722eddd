// Single-precision matrix product for similarities: S(n x n) += A(n x m) * B(n x m)^T.
//
// Operands are packed into panels first. Products are summed in float over at most 256 columns,
// these partial sums in double, always in the same order: the result does not depend on the number
// of threads or on the instruction set.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "match/kernels.h"

namespace mgit {

/// A matrix of `rows` x `columns`, cut into panels of `width` rows, each stored column by column;
/// rows that fill up the last panel are zero. kLeftPanel or kRightPanel wide.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(std::size_t rows, std::size_t columns, std::size_t width) {
    reset(rows, columns, width);
  }

  /// Another shape in the same memory. Only what fills up the last panel is set, to zero.
  void reset(std::size_t rows, std::size_t columns, std::size_t width);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t width() const { return width_; }
  std::size_t panels() const { return (rows_ + width_ - 1) / width_; }
  float* panel(std::size_t index) { return data_.data() + index * width_ * columns_; }
  const float* panel(std::size_t index) const { return data_.data() + index * width_ * columns_; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::size_t width_ = 1;
  std::vector<float> data_;
};

/// Packs a row-major matrix. For tests and benchmarks; matching packs straight from tensors.
PackedMatrix pack(std::span<const float> matrix, std::size_t rows, std::size_t columns,
                  std::size_t width);

/// sum += left * right^T; `sum` is left.rows() x right.rows(), row-major. `left` is kLeftPanel
/// wide, `right` kRightPanel wide, columns alike. Runs on all cores.
void multiply_add(const PackedMatrix& left, const PackedMatrix& right, std::span<double> sum,
                  const Kernels& with = kernels());

}  // namespace mgit
