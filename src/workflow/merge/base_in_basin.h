// The base's model in the basin that recorded rebases moved a side's line to.
#pragma once

#include <memory>
#include <vector>

#include "mgit/workspace.h"
#include "model/model_line.h"

namespace mgit {

/// A model with recorded permutations applied, oldest first, computed as it is read. Keeps
/// references to the store and to `recorded`.
class CarriedModel final : public TensorSource {
 public:
  CarriedModel(const Store& store, const CommittedModel& base,
               const std::vector<RecordedPermutation>& recorded);
  const std::vector<TensorInfo>& tensors() const override { return steps_.back()->tensors(); }
  TensorData read(std::string_view name) const override { return steps_.back()->read(name); }

 private:
  std::vector<std::unique_ptr<TensorSource>> steps_;
};

/// The base's tensors named by content, in that basin. Reads the base unless nothing moved it and
/// its tensors fill their storages. Throws MissingError if objects are nowhere.
Manifest carried_along(const Workspace& repository, const CommittedModel& base,
                       const std::vector<RecordedPermutation>& recorded);

}  // namespace mgit
