// Repair of what lies between two models: the running variances of batch norms, by the weights
// (norm_variance.h).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "merge/batch_norms.h"
#include "mgit/tensor.h"

namespace mgit {

/// The batch norms of two models that interpolations between them repair. What it computes of the
/// two is kept for the next point. Keeps references; safe to use from several threads.
class NormRepair {
 public:
  NormRepair(std::vector<BatchNorm> norms, const TensorSource& a, const TensorSource& b);
  ~NormRepair();

  std::size_t count() const { return norms_.size(); }
  /// The norm with this running variance; nullptr if it is not repaired.
  const BatchNorm* find(std::string_view variance) const;
  /// Its variance at `lambda`, where the weights are those of `merged`.
  Buffer variance(const BatchNorm& norm, double lambda, const TensorSource& merged) const;

 private:
  class Side;
  std::vector<BatchNorm> norms_;
  std::unique_ptr<Side> a_;
  std::unique_ptr<Side> b_;
};

}  // namespace mgit
