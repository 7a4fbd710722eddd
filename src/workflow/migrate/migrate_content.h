// One file of history at a time: from git's blob or git-lfs's object into the store, and back.
// Large files go through an unnamed file, never through memory.
#pragma once

#include <memory>
#include <string>

#include "git/lfs.h"
#include "git/object_database.h"
#include "mgit/workspace.h"

namespace mgit {

/// What stands in a blob.
struct BlobContent {
  enum class Kind : std::uint8_t { kFile, kManifest, kLfsPointer };
  Kind kind = Kind::kFile;
  std::uint64_t size = 0;  // of the file itself
  std::optional<LfsPointer> pointer;
};

BlobContent look_at(const ObjectDatabase& objects, const Oid& blob);

/// Into the store. Objects are durable after finish().
class ContentImporter {
 public:
  ContentImporter(Workspace& repository, ObjectDatabase& objects);
  /// The blob of the manifest. `previous` is the version before, or no manifest: a hint for the
  /// coder. Throws CorruptError for a broken checkpoint or LFS object.
  Oid convert(const std::string& path, const Oid& blob, const BlobContent& content,
              const Manifest& previous = {});
  void finish();

 private:
  Oid add(const std::string& path, Bytes file, const Manifest& previous);

  Workspace& repository_;
  ObjectDatabase& objects_;
  std::unique_ptr<Store::Batch> batch_;
  std::uint64_t pending_ = 0;  // bytes in the batch
};

/// Out of the store: the blob of the file itself.
Oid export_to_git(Workspace& repository, ObjectDatabase& objects, const Manifest& manifest);
/// The blob of a pointer; the object goes where git-lfs keeps it.
Oid export_to_lfs(Workspace& repository, ObjectDatabase& objects, const Manifest& manifest);

}  // namespace mgit
