// Merging arithmetic: strategies over tensors, each result rounded once.
//
// Pure functions. Sums are float64 in a fixed order, so the same inputs give the same bytes with
// any number of threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

struct BatchNorm;
class NormRepair;
class TensorRoles;
struct TensorUnit;

/// Weighted mean of tensors of one shape and dtype: sum_i w_i x_i / sum_i w_i, rounded once to the
/// dtype. Tensors that are not arithmetic (integers, counters, bool, f8) are taken from the first.
/// Throws Error on differing shapes or dtypes, or weights that do not sum to a positive number.
Buffer weighted_mean(std::span<const TensorView> tensors, std::span<const double> weights);

/// (1-lambda) a + lambda b for every tensor that may be averaged, the others from a, computed as
/// read; weights in codes and their scales are those of either end. Keeps references.
/// With `repair`, which was made of the same ends, the running variances of batch norms follow from
/// the weights (merge/norm_variance.h).
/// read throws Error between the ends for weights in codes that differ.
class InterpolatedModel : public TensorSource {
 public:
  InterpolatedModel(const TensorSource& a, const TensorSource& b, double lambda,
                    const NormRepair* repair = nullptr);
  const std::vector<TensorInfo>& tensors() const override { return a_.tensors(); }
  TensorData read(std::string_view name) const override;

 private:
  void require_equal_codes(const TensorUnit& unit) const;
  TensorData repaired(const BatchNorm& norm) const;

  const TensorSource& a_;
  const TensorSource& b_;
  double lambda_;
  const NormRepair* repair_;
  std::shared_ptr<const TensorRoles> roles_;
};

/// Why two models cannot be combined, tensor by tensor, from names, dtypes and shapes alone; empty
/// if they can. One line each: "fc1.weight: F32 512,784 here, F32 256,784 there".
std::vector<std::string> incompatibilities(const std::vector<TensorInfo>& ours,
                                           const std::vector<TensorInfo>& theirs);

}  // namespace mgit
