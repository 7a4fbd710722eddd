// What a weighting makes of two models: a spec, and A with its tensors scaled. Matching these by
// plain sums is matching the models by weighted ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "mgit/match.h"

namespace mgit {

/// Another source with some of its tensors multiplied by a number, as F32. Keeps a reference.
class ScaledModel : public TensorSource {
 public:
  /// Tensors without a factor are as they were.
  ScaledModel(const TensorSource& model, std::map<std::string, double, std::less<>> factors);
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override;

 private:
  const TensorSource& model_;
  std::map<std::string, double, std::less<>> factors_;
  std::vector<TensorInfo> infos_;
};

/// Keeps references to the models. Reads both once for kNorm, and nothing otherwise. Throws as
/// match_weights of tensors that are not there.
class WeightedModels {
 public:
  WeightedModels(const Spec& spec, const TensorSource& a, const TensorSource& b,
                 Weighting weighting);
  const Spec& spec() const { return spec_; }
  const TensorSource& a() const { return a_; }

 private:
  Spec spec_;
  ScaledModel a_;
};

}  // namespace mgit
