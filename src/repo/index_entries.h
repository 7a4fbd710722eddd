// Writing index entries with full stat data, so that neither git nor its filters read the files
// again.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "mgit/repo.h"

namespace mgit {

/// A file of the working tree whose content is stored already.
struct StagedFile {
  std::string path;  // relative to the top of the working tree
  Oid blob;
  struct stat stat {};  // from before its bytes were read
};

/// An index entry as far as staging is concerned.
struct IndexedFile {
  std::string path;
  Oid blob;
  bool conflict = false;   // unmerged
  bool unchanged = false;  // stat data says that the file is as it was when it was staged
  bool held = false;       // assume-unchanged, skip-worktree or intent-to-add
};

/// The entries of these paths that the index has. Throws Error if libgit2 cannot read this kind of
/// index (split, sparse).
std::vector<IndexedFile> index_entries(const Repository& repository,
                                       const std::vector<std::string>& paths);

/// Adds or replaces entries, under git's index.lock; all or nothing. Throws Error if the index is
/// locked by somebody else.
void stage(const Repository& repository, const std::vector<StagedFile>& files);

}  // namespace mgit
