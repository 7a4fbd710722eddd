#include "workflow/merge/carried_pick.h"

#include <map>

#include "mgit/store.h"
#include "model/model_line.h"
#include "model/model_spec.h"
#include "model/permute_checkpoint.h"

namespace mgit {
namespace {

using TreeChanges = std::map<std::string, std::optional<TreeFile>>;

/// The model's files with the recorded permutations applied, oldest first.
void carry(Workspace& repository, const CommittedModel& model,
           const std::vector<RecordedPermutation>& recorded, TreeChanges& changes) {
  repository.need(model, model.path);
  for (const CommittedCheckpoint& part : model.parts) {
    Manifest manifest = part.manifest;
    for (auto step = recorded.rbegin(); step != recorded.rend(); ++step) {
      const auto batch = repository.store().begin();
      manifest =
          permute_checkpoint(repository.store(), *batch, manifest, step->spec, step->permutation);
      batch->commit();  // the next step reads it
    }
    changes[part.path] = TreeFile{repository.write_blob(manifest_text(manifest)), part.file.mode};
  }
}

}  // namespace

std::optional<CarriedPick> carry_pick(Workspace& repository, const Oid& base, const Oid& ours,
                                      const Oid& theirs) {
  CarriedPick carried;
  TreeChanges in_base;
  TreeChanges in_theirs;
  for (const CommittedModel& here : models_at(repository, ours)) {
    const auto before = past_model(repository, base, here.path);
    const auto after = past_model(repository, theirs, here.path);
    const std::vector<TensorInfo> infos = infos_of(here.manifest);
    if (!before || !after || same_weights(*before, *after) || infos_of(before->manifest) != infos ||
        infos_of(after->manifest) != infos)
      continue;
    const auto origin = rebased_from(repository, std::nullopt, ours, base, here.path);
    if (!origin) continue;
    const auto recorded = recorded_since(repository, origin, ours, here.path);
    if (recorded.empty()) continue;
    carry(repository, *before, recorded, in_base);
    carry(repository, *after, recorded, in_theirs);
    carried.models.push_back(here.path);
  }
  if (carried.models.empty()) return std::nullopt;
  carried.base = repository.write_tree(repository.commit(base).tree, in_base);
  carried.theirs = repository.write_tree(repository.commit(theirs).tree, in_theirs);
  return carried;
}

}  // namespace mgit
