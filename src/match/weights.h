// The numbers of two models, side by side, for the tensors of a spec that take part in matching.
#pragma once

#include <vector>

#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// One tensor as floats: borrowed from the source where it is aligned F32, converted otherwise.
class FloatTensor {
 public:
  explicit FloatTensor(TensorData data);
  std::span<const float> values() const { return values_; }
  bool finite() const;

 private:
  TensorData data_;
  std::vector<float> converted_;
  std::span<const float> values_;
};

/// A tensor that takes part: not `!nomatch`, arithmetic on both sides.
struct TensorPair {
  const SpecTensor* spec;
  FloatTensor a;
  FloatTensor b;
};

/// Reads and checks. Throws Error naming the first tensor that is missing, does not have the shape
/// of the spec, or is not finite. Keeps references into `spec`.
std::vector<TensorPair> load_pairs(const Spec& spec, const TensorSource& a, const TensorSource& b);

/// <A, gathered B> in double, in a fixed order.
double inner_product(const TensorPair& pair, std::span<const Gather> gathers);

/// sum a[i] * b[i] in double, in a fixed order.
double dot(std::span<const float> a, std::span<const float> b);

}  // namespace mgit
