#include "workflow/merge/renamed_model.h"

#include <vector>

#include "model/continuation.h"
#include "model/model_line.h"
#include "model/model_spec.h"

namespace mgit {
namespace {

/// `model` of the commit `from`, under another name in `to`.
std::optional<CommittedModel> renamed(const Workspace& repository, const CommittedModel& model,
                                      const Oid& from, const Oid& to) {
  std::vector<CommittedModel> alike;
  const std::vector<TensorInfo> infos = infos_of(model.manifest);
  for (CommittedModel& candidate : models_at(repository, to)) {
    if (infos_of(candidate.manifest) != infos || past_model(repository, from, candidate.path))
      continue;
    if (same_weights(candidate, model)) return std::move(candidate);
    alike.push_back(std::move(candidate));
  }
  if (alike.size() != 1) return std::nullopt;
  const bool same_line = Continuation(repository).if_here(model, alike.front()).value_or(false) ||
                         Continuation(repository).if_here(alike.front(), model).value_or(false);
  return same_line ? std::optional(std::move(alike.front())) : std::nullopt;
}

}  // namespace

RenamedModel follow_renames(const Workspace& repository, const Oid& our_commit,
                            const CommittedModel& ours, const std::optional<Oid>& base,
                            const Oid& their_commit) {
  RenamedModel found;
  if (base) {
    found.base = past_model(repository, *base, ours.path);
    if (!found.base) found.base = renamed(repository, ours, our_commit, *base);
    if (found.base) found.base_path = found.base->path;
  }
  found.theirs = repository.model_at(their_commit, found.base ? found.base_path : ours.path);
  if (!found.theirs && found.base)
    found.theirs = renamed(repository, *found.base, *base, their_commit);
  return found;
}

}  // namespace mgit
