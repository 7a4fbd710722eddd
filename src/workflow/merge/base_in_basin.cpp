#include "workflow/merge/base_in_basin.h"

#include <algorithm>

#include "model/rewrite_checkpoint.h"

namespace mgit {

CarriedModel::CarriedModel(const Store& store, const CommittedModel& base,
                           const std::vector<RecordedPermutation>& recorded) {
  steps_.push_back(open_model(store, base));
  for (auto step = recorded.rbegin(); step != recorded.rend(); ++step)
    steps_.push_back(
        std::make_unique<PermutedModel>(*steps_.back(), step->spec, step->permutation));
}

Manifest carried_along(const Workspace& repository, const CommittedModel& base,
                       const std::vector<RecordedPermutation>& recorded) {
  Manifest carried = base.manifest;
  const bool placed = std::any_of(carried.tensors.begin(), carried.tensors.end(),
                                  [](const auto& tensor) { return tensor.placement; });
  if (recorded.empty() && !placed) return carried;
  repository.need(base, "the base");
  if (recorded.empty()) return by_content(repository.store(), std::move(carried));
  const CarriedModel moved(repository.store(), base, recorded);
  for (ManifestTensor& tensor : carried.tensors)
    tensor.object = sha256(moved.read(tensor.info.name).view.data);
  return carried;
}

}  // namespace mgit
