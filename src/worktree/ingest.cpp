#include "worktree/ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "git/lfs.h"
#include "worktree/finite_tensors.h"
#include "worktree/index_entries.h"

namespace mgit {
namespace {

/// How much of the beginning two paths share; then the later of step-900 and step-1000.
auto likeness(const std::string& candidate, const std::string& path) {
  const auto differ =
      std::mismatch(candidate.begin(), candidate.end(), path.begin(), path.end()).first;
  return std::tuple(differ - candidate.begin(), candidate.size(), candidate);
}

/// The checkpoint of HEAD that a file new to it is probably a version of: renamed, or the one saved
/// before it. A wrong guess costs a look.
std::optional<CommittedCheckpoint> sibling(const Repository& repository, const Oid& head,
                                           const std::string& path) {
  const std::filesystem::path ending = std::filesystem::path(path).extension();
  std::string best;
  for (const auto& [candidate, file] : repository.files_at(head))
    if (std::filesystem::path(candidate).extension() == ending &&
        (best.empty() || likeness(candidate, path) > likeness(best, path)))
      best = candidate;
  return best.empty() ? std::nullopt : repository.checkpoint_at(head, best);
}

/// What a new version is probably like: HEAD's.
Manifest committed_version(const Repository& repository, const std::string& path) {
  const auto head = repository.head();
  if (!head) return {};
  auto committed = repository.checkpoint_at(*head, path);
  if (!committed) committed = sibling(repository, *head, path);
  return committed ? committed->manifest : Manifest{};
}

/// True for what the index has as it is: from before mgit, when nobody checked it.
bool is_in_git(const Repository& repository, const std::string& path, Bytes content) {
  const std::vector<IndexedFile> entries = index_entries(repository, {path});
  return !entries.empty() && entries.front().blob == blob_id(as_text(content));
}

bool is_unchanged(const Manifest& previous, const TensorInfo& tensor, const Digest& object) {
  const ManifestTensor* before = previous.find(tensor.name);
  return before != nullptr && before->object == object;
}

}  // namespace

struct Ingest::Impl {
  explicit Impl(Repository& where)
      : repository(where), batch(where.store().begin()), finite(where.store().directory()) {}

  Repository& repository;
  std::unique_ptr<Store::Batch> batch;
  FiniteTensors finite;
};

Ingest::Ingest(Repository& repository) : impl_(std::make_unique<Impl>(repository)) {}
Ingest::~Ingest() = default;

std::string Ingest::add(Bytes content, const std::string& path,
                        const std::function<void(std::uint64_t)>& progress) {
  if (looks_like_manifest(as_text(content))) {
    parse_manifest(as_text(content), path);
    return std::string(as_text(content));
  }
  if (parse_lfs_pointer(as_text(content))) {
    fmt::print(stderr,
               "warning: {}: a git-lfs pointer, kept as it is; the content is not here ('git lfs "
               "pull' brings it)\n",
               path);
    return std::string(as_text(content));
  }
  const Manifest previous = committed_version(impl_->repository, path);
  const auto look = [&](const TensorInfo& tensor, const Digest& object, Bytes data) {
    if (!is_unchanged(previous, tensor, object))
      impl_->finite.add(object, {tensor.dtype, tensor.shape, data});
  };
  Manifest manifest;
  try {
    manifest = add_checkpoint(*impl_->batch, content, path, previous, {progress, look});
  } catch (const CorruptError&) {
    if (!is_in_git(impl_->repository, path, content)) throw;
    return std::string(as_text(content));
  }
  if (manifest.format == "whole")
    fmt::print(stderr, "note: {}: not a checkpoint format that mgit knows; stored whole\n", path);
  return manifest_text(manifest);
}

void Ingest::commit() {
  impl_->batch->commit();
  impl_->finite.save();
}

}  // namespace mgit
