// Computing a merged model, as its plan says.
#pragma once

#include <string>
#include <vector>

#include "mgit/store.h"
#include "workflow/merge/model_plan.h"

namespace mgit {

/// What became of one tensor.
enum class TensorFate : std::uint8_t { kAlike, kCombined, kFromOneSide };

struct MergedTensor {
  TensorFate fate = TensorFate::kAlike;
  std::size_t side = 0;   // of kFromOneSide: which
  bool repaired = false;  // of kCombined: a running variance that follows from the weights
};

struct MergedModel {
  std::vector<Manifest> parts;        // one for each of the plan's home files
  std::vector<MergedTensor> tensors;  // in the order of ours
};

/// The model with other tensors in its files.
CommittedModel with_parts(CommittedModel model, const std::vector<Manifest>& parts);

/// Writes what is new to the batch and publishes nothing. The plan must have no conflicts and take
/// no side as it is. Reads every model once, and layers that a repaired norm follows twice; holds
/// one tensor of every side for each thread. Throws MissingError if objects are nowhere.
MergedModel combine(Workspace& repository, Store::Batch& batch, const ModelPlan& plan);

}  // namespace mgit
