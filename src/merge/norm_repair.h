// Repair of what lies between two models: the running variances of batch norms, by the weights
// (norm_variance.h).
#pragma once

#include <string_view>
#include <vector>

#include "merge/batch_norms.h"
#include "mgit/tensor.h"

namespace mgit {

/// The batch norms of two models that interpolations between them repair. Keeps references; a const
/// one may be shared between threads.
class NormRepair {
 public:
  NormRepair(std::vector<BatchNorm> norms, const TensorSource& a, const TensorSource& b);

  /// The norm with this running variance; nullptr if it is not repaired.
  const BatchNorm* find(std::string_view variance) const { return find_norm(norms_, variance); }
  /// Its variance at `lambda`, where the weights are those of `merged`.
  Buffer variance(const BatchNorm& norm, double lambda, const TensorSource& merged) const;

 private:
  std::vector<BatchNorm> norms_;
  const TensorSource& a_;
  const TensorSource& b_;
};

}  // namespace mgit
