// Two models, side by side, for the tensors of a spec that take part in matching.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "match/elements.h"
#include "mgit/match.h"
#include "mgit/perm.h"
#include "mgit/tensor.h"

namespace mgit {

/// A tensor of a model, in its own dtype: read from its source whenever it is wanted, unless it is
/// kept.
class MatchedTensor {
 public:
  /// Keeps a reference to the source.
  MatchedTensor(const TensorSource& source, const TensorInfo& info);

  std::size_t size() const { return size_; }
  /// Safe from several threads.
  TensorData read() const { return kept_ ? *kept_ : source_->read(name_); }
  /// From now on it is in memory.
  void keep(TensorData data) { kept_ = std::move(data); }

 private:
  const TensorSource* source_;
  std::string name_;
  std::size_t size_;
  std::optional<TensorData> kept_;
};

/// A tensor that takes part: not `!nomatch`, arithmetic on both sides.
struct TensorPair {
  const SpecTensor* spec;
  MatchedTensor a;
  MatchedTensor b;
  Products products{};           // nothing moved
  SquaredDistances distances{};  // nothing moved; of the axes on which a group stands

  /// <A, permuted B> if B were a copy: no permutation has more.
  double bound() const { return std::sqrt(products.aa * products.bb); }
};

/// Reads everything once and checks; keeps what fits the memory meant for that. Throws Error naming
/// the first tensor that is missing, does not have the shape of the spec, or is not finite. Keeps
/// references into `spec` and to the sources.
std::vector<TensorPair> load_pairs(const Spec& spec, const TensorSource& a, const TensorSource& b);

/// <A, gathered B> in double, in a fixed order.
double inner_product(const TensorPair& pair, std::span<const Gather> gathers);

/// Of a permutation for which the tensors' <A, permuted B> are known, parallel to `pairs`.
CosineReport cosines_of(const Spec& spec, const std::vector<TensorPair>& pairs,
                        const std::vector<double>& after);

}  // namespace mgit
