// The merge that a model came from, and what was merged there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/tensor.h"
#include "mgit/workspace.h"
#include "model/model_line.h"

namespace mgit {

/// A parent's model, and what brings it into the basin of the merged one.
struct MergedSide {
  Oid commit;
  CommittedModel model;
  double weight = 0;
  std::optional<RecordedPermutation> moved{};  // nullopt: it lies there
};

struct ModelMerge {
  Oid commit;
  std::vector<MergedSide> sides;  // those with a share; at least one
};

/// The recorded merge that made the model which `commit` has at `path`, or that was only repaired
/// since: first parents are followed past commits that leave it as it is. nullopt: it was trained
/// since, or no merge is recorded. Throws Error for a permutation that cannot be had.
std::optional<ModelMerge> merge_behind(Workspace& repository, const Oid& commit,
                                       const std::string& path);

/// A side in the basin of the merged model, tensor by tensor. Keeps references.
class MergedSideSource : public TensorSource {
 public:
  /// Fetches what the store lacks.
  MergedSideSource(const Workspace& repository, const CommittedModel& model, const Spec* spec,
                   const Permutation* permutation);
  const std::vector<TensorInfo>& tensors() const override { return source().tensors(); }
  TensorData read(std::string_view name) const override { return source().read(name); }

 private:
  const TensorSource& source() const { return moved_ ? *moved_ : *original_; }

  std::unique_ptr<TensorSource> original_;
  std::unique_ptr<TensorSource> moved_;
};

}  // namespace mgit
