// A checkpoint on its way from the working tree into the store: what `mgit add` and git's clean
// filter share.
#pragma once

#include <functional>
#include <string>

#include "mgit/store.h"
#include "mgit/workspace.h"
#include "worktree/previous_versions.h"

namespace mgit {

/// Takes files into one batch. Then commit(): before it, and where that is never called, nothing is
/// stored. In a repository that may only be read files get their text, and nothing is stored.
class Ingest {
 public:
  /// `previous` of the repository; both have to live longer.
  Ingest(Workspace& repository, PreviousVersions& previous);
  ~Ingest();

  /// The text that stands for the file `path` (from the top of the working tree) in git: a
  /// manifest, or nothing for an empty file. `progress` is told, from several threads, how many
  /// more bytes are done. A content that is such a text already stays as it is, and so does one
  /// that the index has whole, unless git renormalizes: a file that came in place of its manifest
  /// is not changed by being looked at. Throws CorruptError for one that is damaged.
  std::string add(Bytes content, const std::string& path,
                  const std::function<void(std::uint64_t)>& progress = {});
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mgit
