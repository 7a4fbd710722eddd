#include "match/gemm.h"

#include <algorithm>

#include "base/threads.h"

namespace mgit {
namespace {

constexpr std::size_t kColumnBlock = 256;  // summed in float; a right panel of it fits L1
constexpr std::size_t kPanelsPerTask = 4;

void add_tile(const float* tile, std::size_t rows, std::size_t columns, double* out,
              std::size_t stride) {
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      out[i * stride + j] += static_cast<double>(tile[i * kRightPanel + j]);
}

}  // namespace

void PackedMatrix::reset(std::size_t rows, std::size_t columns, std::size_t width) {
  rows_ = rows;
  columns_ = columns;
  width_ = width;
  data_.resize(panels() * width * columns);
  if (rows % width != 0) std::fill_n(panel(panels() - 1), width * columns, 0.0F);
}

PackedMatrix pack(std::span<const float> matrix, std::size_t rows, std::size_t columns,
                  std::size_t width) {
  PackedMatrix packed(rows, columns, width);
  for (std::size_t i = 0; i < rows; ++i) {
    float* panel = packed.panel(i / width) + i % width;
    for (std::size_t k = 0; k < columns; ++k) panel[k * width] = matrix[i * columns + k];
  }
  return packed;
}

void multiply_add(const PackedMatrix& left, const PackedMatrix& right, std::span<double> sum,
                  const Kernels& with) {
  const std::size_t stride = right.rows();
  const std::size_t tasks = (left.panels() + kPanelsPerTask - 1) / kPanelsPerTask;
  const auto task = [&](std::size_t index) {
    alignas(64) float tile[kLeftPanel * kRightPanel];
    const std::size_t first = index * kPanelsPerTask;
    const std::size_t last = std::min(first + kPanelsPerTask, left.panels());
    for (std::size_t k = 0; k < left.columns(); k += kColumnBlock) {
      const std::size_t depth = std::min(kColumnBlock, left.columns() - k);
      for (std::size_t j = 0; j < right.panels(); ++j) {
        const std::size_t column = j * kRightPanel;
        for (std::size_t i = first; i < last; ++i) {
          const std::size_t row = i * kLeftPanel;
          with.multiply(left.panel(i) + k * kLeftPanel, right.panel(j) + k * kRightPanel, depth,
                        tile);
          add_tile(tile, std::min(kLeftPanel, left.rows() - row),
                   std::min(kRightPanel, stride - column), sum.data() + row * stride + column,
                   stride);
        }
      }
    }
  };
  // Starting threads costs more than a small product.
  if (left.rows() * right.rows() * left.columns() < 4'000'000) {
    for (std::size_t i = 0; i < tasks; ++i) task(i);
  } else {
    parallel_for(tasks, task);
  }
}

}  // namespace mgit
