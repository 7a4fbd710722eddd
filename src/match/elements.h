// The numbers of a tensor as floats, a part at a time, and sums over two tensors. Nothing here
// holds more of a tensor than kPart of its elements converted.
#pragma once

#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// Elements that are converted at once.
inline constexpr std::size_t kPart = 4096;

/// Elements [first, first + count) as floats: those of the tensor where it is aligned F32, else
/// converted into `buffer`. F64 is rounded.
const float* floats_of(const TensorView& tensor, std::size_t first, std::size_t count,
                       float* buffer);

/// Inner products of two tensors A and B with as many elements.
struct Products {
  double ab = 0;
  double aa = 0;
  double bb = 0;
};

/// In double, in a fixed order. Values that are not finite make their own products so.
Products products(const TensorView& a, const TensorView& b);
/// Of the same only <A, B>.
double dot(const TensorView& a, const TensorView& b);
double dot(std::span<const float> a, std::span<const float> b);

/// For every place along an axis, the squared differences of A and B there, summed; by axis, of
/// those that are wanted, else empty.
using SquaredDistances = std::vector<std::vector<double>>;

/// Both in one pass. `shape`: as which the elements are read.
Products products(const TensorView& a, const TensorView& b, const Shape& shape,
                  const std::vector<bool>& wanted, SquaredDistances& distances);

}  // namespace mgit
