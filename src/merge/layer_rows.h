// Rows of a layer's weight as vectors whose squared length is the variance that they would make of
// inputs without correlation between channels, and of 1/2 to the distance between places.
#pragma once

#include <cstddef>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// Reads rows out of a weight that is arithmetic and of rank 2 or more. The rows are those of
/// `axis`, 0 or 1; the other one of these two is that of the inputs. Keeps the view.
class LayerRows {
 public:
  LayerRows(const TensorView& weight, std::size_t axis);

  std::size_t count() const { return count_; }
  std::size_t length() const { return inputs_ * kernel_; }
  /// `row` has length() elements.
  void read(std::size_t index, std::span<double> row) const;

 private:
  TensorView weight_;
  std::size_t axis_;
  std::size_t count_;
  std::size_t inputs_;
  std::size_t kernel_;
};

/// The inner product of two rows: eight partial sums, in a fixed order.
double inner_product(std::span<const double> a, std::span<const double> b);

}  // namespace mgit
