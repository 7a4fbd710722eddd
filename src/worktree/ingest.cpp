#include "worktree/ingest.h"

#include <fmt/format.h>

#include <cstdio>

#include "format/format_table.h"
#include "git/lfs.h"
#include "worktree/finite_tensors.h"
#include "worktree/index_entries.h"
#include "worktree/reading_only.h"

namespace mgit {
namespace {

bool is_unchanged(const Manifest& previous, const TensorInfo& tensor, const Digest& object) {
  const ManifestTensor* before = previous.find(tensor.name);
  return before != nullptr && before->object == object;
}

/// What the index has for a file, if it means an empty one.
std::optional<std::string> staged_as_empty(const Repository& repository, const std::string& path) {
  try {
    for (const IndexedFile& entry : index_entries(repository, {path}, StrangeIndex::kConvert)) {
      if (entry.conflict) continue;
      std::string text = repository.blob(entry.blob);
      if (text.empty() || (looks_like_manifest(text) && parse_manifest(text, path).size == 0))
        return text;
    }
  } catch (const Error&) {  // no index to be read, or another kind of damage: the file counts
  }
  return std::nullopt;
}

/// An empty file stands for itself: git takes an index entry without a size for changed unless its
/// blob is empty, too. A manifest of it that is in the index since before that was so stays: it
/// means the file, and nobody changed that. Throws CorruptError for a new file that must not be
/// empty.
std::string text_of_empty_file(const Repository& repository, const std::string& path) {
  if (const auto text = staged_as_empty(repository, path)) return *text;
  parse_checkpoint({}, path);
  return {};
}

}  // namespace

struct Ingest::Impl {
  Impl(Workspace& where, PreviousVersions& versions)
      : repository(where),
        previous(versions),
        keeps(!may_only_read(where)),
        batch(keeps ? where.store().begin() : naming_batch()),
        finite(where.mgit_dir()) {}

  Workspace& repository;
  PreviousVersions& previous;
  bool keeps;
  std::unique_ptr<Store::Batch> batch;
  FiniteTensors finite;
};

Ingest::Ingest(Workspace& repository, PreviousVersions& previous)
    : impl_(std::make_unique<Impl>(repository, previous)) {}
Ingest::~Ingest() = default;

std::string Ingest::add(Bytes content, const std::string& path,
                        const std::function<void(std::uint64_t)>& progress) {
  if (content.empty()) return text_of_empty_file(impl_->repository, path);
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
  const bool whole = impl_->previous.is_kept_whole(path, content);
  if (whole && !renormalizes()) return std::string(as_text(content));
  const Manifest previous = impl_->previous.of(path);
  const auto look = [&](const TensorInfo& tensor, const Digest& object, Bytes data) {
    if (!is_unchanged(previous, tensor, object))
      impl_->finite.add(object, {tensor.dtype, tensor.shape, data});
  };
  Manifest manifest;
  try {
    manifest = add_checkpoint(*impl_->batch, content, path, previous, {progress, look});
  } catch (const CorruptError&) {
    if (!whole) throw;
    return std::string(as_text(content));
  }
  if (manifest.format == kWholeFile)
    fmt::print(stderr, "note: {}: not a checkpoint format that mgit knows; stored whole\n", path);
  return manifest_text(manifest);
}

void Ingest::commit() {
  impl_->batch->commit();
  if (impl_->keeps) impl_->finite.save();
}

}  // namespace mgit
