// Which objects a part of the history refers to.
#include <unordered_set>

#include "mgit/remote.h"

namespace mgit {
namespace {

/// Collects digests, each once, in the order they are met.
class Collector {
 public:
  void add(const Digest& object) {
    if (seen_.insert(object).second) objects_.push_back(object);
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

/// Mgit-Permutation, Mgit-Spec, Mgit-Merge-Permutation, Mgit-Merge-Spec.
bool names_objects(std::string_view key) {
  return key.starts_with("Mgit-") && (key.ends_with("-Permutation") || key.ends_with("-Spec"));
}

/// Every SHA-256 among the words of such a trailer.
void add_trailers(const Commit& commit, Collector& objects) {
  for (const Trailer& trailer : trailers_of(commit.message)) {
    if (!names_objects(trailer.key)) continue;
    std::string_view rest = trailer.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" \t,;"), rest.size());
      if (const auto object = Digest::from_hex(rest.substr(0, end))) objects.add(*object);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

}  // namespace

std::vector<Digest> objects_in_history(const Repository& repository,
                                       const std::vector<Oid>& include,
                                       const std::vector<Oid>& exclude) {
  Collector objects;
  for (const Oid& id : repository.history(exclude, include)) {
    add_checkpoints(repository, id, objects);
    add_trailers(repository.commit(id), objects);
  }
  return objects.take();
}

}  // namespace mgit
