#include "model/model_merge.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "model/operation_record.h"

namespace mgit {
namespace {

/// One for each parent; all alike where the record does not say it.
std::vector<double> weights_of(const MergeRecord& record, std::size_t parents) {
  std::istringstream words(record.weights);
  std::vector<double> weights;
  for (double weight = 0; words >> weight;) weights.push_back(weight);
  const bool sound =
      weights.size() == parents && std::all_of(weights.begin(), weights.end(), [](double weight) {
        return std::isfinite(weight) && weight >= 0;
      });
  return sound ? weights : std::vector<double>(parents, 1.0);
}

std::vector<MergedSide> sides_of(Workspace& repository, const Commit& commit,
                                 const MergeRecord& record, const std::string& path) {
  const std::vector<double> weights = weights_of(record, commit.parents.size());
  std::vector<MergedSide> sides;
  for (std::size_t i = 0; i < commit.parents.size(); ++i) {
    if (weights[i] == 0) continue;
    const Oid& parent = commit.parents[i];
    const auto there = path_before(repository, commit.id, parent, path);
    auto model = there ? past_model(repository, parent, *there) : std::nullopt;
    if (!model) continue;
    MergedSide side{parent, *std::move(model), weights[i]};
    for (const MergedPermutation& moved : record.permutations)
      if (moved.parent == i + 1)
        side.moved = stored_permutation(repository, commit.id, moved.permutation, path, side.model);
    sides.push_back(std::move(side));
  }
  return sides;
}

}  // namespace

std::optional<ModelMerge> merge_behind(Workspace& repository, const Oid& start,
                                       const std::string& start_path) {
  OperationReader operations(repository);
  std::string path = start_path;
  std::set<Oid> seen;
  for (Oid id = start; seen.insert(id).second;) {
    const auto here = past_model(repository, id, path);
    if (!here) return std::nullopt;
    const Commit commit = repository.commit(id);
    const OperationRecord record = operations.of(commit);
    if (const MergeRecord* merge = record.merge_of(path);
        merge != nullptr && commit.parents.size() > 1) {
      std::vector<MergedSide> sides = sides_of(repository, commit, *merge, path);
      if (sides.empty()) return std::nullopt;
      return ModelMerge{id, std::move(sides)};
    }
    if (commit.parents.empty()) return std::nullopt;
    const Oid parent = commit.parents.front();
    const auto before = path_before(repository, id, parent, path);
    const auto there = before ? past_model(repository, parent, *before) : std::nullopt;
    if (!there || (record.repair_of(path) == nullptr && !same_weights(*there, *here)))
      return std::nullopt;
    id = parent;
    path = *before;
  }
  return std::nullopt;
}

MergedSideSource::MergedSideSource(const Workspace& repository, const CommittedModel& model,
                                   const Spec* spec, const Permutation* permutation) {
  repository.need(model, model.path);
  original_ = open_model(repository.store(), model);
  if (permutation != nullptr)
    moved_ = std::make_unique<PermutedModel>(*original_, *spec, *permutation);
}

}  // namespace mgit
