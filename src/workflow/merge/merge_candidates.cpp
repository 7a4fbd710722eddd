#include "workflow/merge/merge_candidates.h"

#include <algorithm>

#include "model/model_form.h"
#include "model/model_spec.h"
#include "model/training_state.h"
#include "workflow/merge/base_in_basin.h"
#include "workflow/merge/renamed_model.h"

namespace mgit {
namespace {

/// Equal tensors by content, whatever the files look like.
bool same_tensors(const Manifest& a, const Manifest& b) {
  return std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                    [](const ManifestTensor& x, const ManifestTensor& y) {
                      return x.info == y.info && x.object == y.object;
                    });
}

bool is_changed(const Workspace& repository, const CommittedModel& base,
                const std::vector<RecordedPermutation>& recorded, const CommittedModel& tip) {
  if (same_weights(base, tip)) return false;
  if (recorded.empty() || !same_form(base, tip)) return true;
  return !same_tensors(carried_along(repository, base, recorded),
                       carried_along(repository, tip, {}));
}

void find_past(Workspace& repository, const Oid& our_commit, const CommittedModel& ours,
               Candidate& candidate) {
  const Oid& theirs = candidate.side->commit;
  const std::string& path = candidate.model.path;
  auto origin = rebased_from(repository, candidate.base_commit, theirs, our_commit, path);
  if (!origin)
    origin = rebased_from(repository, candidate.base_commit, our_commit, theirs, ours.path);
  if (origin) {
    candidate.base_commit = origin;
    candidate.base = past_model(repository, *origin, path);
  }
  if (!candidate.base) return;
  candidate.recorded = recorded_since(repository, candidate.base_commit, theirs, path);
  candidate.our_recorded = recorded_since(repository, candidate.base_commit, our_commit, ours.path);
  candidate.changed = is_changed(repository, *candidate.base, candidate.recorded, candidate.model);
  candidate.ours_changed = is_changed(repository, *candidate.base, candidate.our_recorded, ours);
}

}  // namespace

Candidates find_candidates(Workspace& repository, const Oid& our_commit, const CommittedModel& ours,
                           const std::vector<MergeSide>& sides) {
  Candidates result;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const RenamedModel found =
        follow_renames(repository, our_commit, ours, sides[i].base, sides[i].commit);
    if (!found.theirs) continue;
    if (same_weights(*found.theirs, ours)) {
      result.like_ours.push_back(i + 2);
      continue;
    }
    Candidate candidate{&sides[i], i + 1, *found.theirs, sides[i].base, found.base, found.base_path,
                        {},        {}};
    find_past(repository, our_commit, ours, candidate);
    result.candidates.push_back(std::move(candidate));
  }
  return result;
}

bool same_form(const CommittedModel& a, const CommittedModel& b) {
  return infos_of(a.manifest) == infos_of(b.manifest);
}

bool bring_into_form(const Repository& repository,
                     const std::pair<const Oid&, const CommittedModel&>& ours, const Oid& commit,
                     CommittedModel& model, std::vector<RecordedPermutation>& steps) {
  const auto prefix_of = [&](const Oid& at, const CommittedModel& each) {
    return weights_prefix(&repository, at, each.path, infos_of(each.manifest));
  };
  const ModelForm form(ours.second, prefix_of(ours.first, ours.second));
  const std::string prefix = prefix_of(commit, model);
  auto brought = form.of(model, prefix);
  if (!brought) return false;
  model = *std::move(brought);
  for (RecordedPermutation& step : steps) step.spec = form.of(step.spec, prefix);
  return true;
}

}  // namespace mgit
