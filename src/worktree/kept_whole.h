// Files that git has whole, in place of their manifests, and that nobody changed.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "git/object_database.h"
#include "mgit/git.h"
#include "worktree/index_entries.h"

namespace mgit {

/// Answers for the files of one index, which is read once however many are asked about, and again
/// when another took its place. One thread; of a repository, which has to live longer.
class KeptWhole {
 public:
  explicit KeptWhole(const Repository& repository) : repository_(repository) {}

  /// Is this content, byte for byte, what the index has for the file? Where that cannot be said (no
  /// index that can be read), no.
  bool has(const std::string& path, Bytes content);

 private:
  void read_index();

  const Repository& repository_;
  struct stat status_ {};  // of the index that was read
  IndexHandle index_;
  std::unique_ptr<ObjectDatabase> objects_;
};

/// True if `git add --renormalize` is what asks: then a file becomes a manifest though the index
/// has it whole. Nothing but the command line of the caller says so.
bool renormalizes();

}  // namespace mgit
