// Which objects a part of the history refers to.
#include <set>
#include <unordered_set>

#include "git/prefetch.h"
#include "mgit/remote.h"
#include "model/operation_record.h"
#include "remote/history.h"

namespace mgit {
namespace {

/// Collects digests, each once, in the order they are met.
class Collector {
 public:
  bool add(const Digest& object) {
    const bool fresh = seen_.insert(object).second;
    if (fresh) objects_.push_back(object);
    return fresh;
  }
  /// Manifests are met again and again along a history.
  void add(const CommittedCheckpoint& checkpoint) {
    if (!manifests_.insert(checkpoint.file.blob.hex()).second) return;
    for (const Digest& object : objects_of(checkpoint.manifest)) add(object);
  }
  std::vector<Digest> take() { return std::move(objects_); }

 private:
  std::unordered_set<Digest> seen_;
  std::unordered_set<std::string> manifests_;
  std::vector<Digest> objects_;
};

void add_checkpoints(const Repository& repository, const Oid& commit, Collector& objects) {
  try {
    for (const CommittedCheckpoint& checkpoint : repository.checkpoints_at(commit))
      objects.add(checkpoint);
    return;
  } catch (const CorruptError&) {
    // A manifest that was committed with conflict markers must not block its neighbours for ever.
  }
  for (const auto& [path, file] : repository.files_at(commit)) {
    try {
      if (const auto checkpoint = repository.checkpoint_at(commit, path)) objects.add(*checkpoint);
    } catch (const CorruptError&) {
      continue;
    }
  }
}

}  // namespace

HistoryObjects list_objects(const Repository& repository, const std::vector<Oid>& include,
                            const std::vector<Oid>& exclude) {
  Collector objects;
  std::vector<Digest> named;
  OperationReader operations(repository);
  std::set<Oid> trees;
  const std::vector<Oid> history = repository.history(exclude, include);
  prefetch_manifests(repository, history);
  for (const Oid& id : history) {
    const Commit commit = repository.commit(id);
    if (trees.insert(commit.tree).second) add_checkpoints(repository, id, objects);
    for (const Digest& object : objects_named_by(operations.trailers(commit)))
      named.push_back(object);
  }
  HistoryObjects result;
  result.of_models = objects.take();
  for (const Digest& object : named)
    if (objects.add(object)) result.of_records.push_back(object);
  return result;
}

std::vector<Digest> objects_in_history(const Repository& repository,
                                       const std::vector<Oid>& include,
                                       const std::vector<Oid>& exclude) {
  HistoryObjects objects = list_objects(repository, include, exclude);
  objects.of_models.insert(objects.of_models.end(), objects.of_records.begin(),
                           objects.of_records.end());
  return std::move(objects.of_models);
}

}  // namespace mgit
