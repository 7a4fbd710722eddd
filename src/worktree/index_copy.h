// Writing index entries with full stat data, so that neither git nor its filters read the files
// again.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "worktree/index_entries.h"
#include "worktree/index_lock.h"
#include "worktree/index_stat.h"

namespace mgit {

/// A copy of the index to work on, while git's index.lock keeps everybody else away. Destroyed
/// before install(), and after a failure or a signal, it leaves the index as it was. One thread.
class IndexCopy {
 public:
  /// Throws Error if the index is locked by somebody else. A converted copy is an ordinary index:
  /// git makes of it what its configuration says when it next writes it.
  explicit IndexCopy(const Repository& repository, StrangeIndex strange = StrangeIndex::kThrow);

  /// What GIT_INDEX_FILE may name.
  const std::filesystem::path& path() const { return lock_.copy(); }
  /// The regular files that the copy has under these paths; their stat data is not filled in, only
  /// whether they are executable.
  std::vector<StagedFile> find(const std::vector<std::string>& paths) const;
  /// Entries of these blobs whose stat data says that the file is as it was when it was staged.
  std::vector<StagedFile> unchanged(const std::set<Oid>& blobs) const;
  /// Adds or replaces entries.
  void put(const std::vector<StagedFile>& files, bool trust_mode);
  /// New stat data for those entries that have this blob.
  void refresh(const std::vector<StagedFile>& files);
  /// Makes the copy younger than every file: git trusts what it says about them. What was in doubt
  /// stays so.
  void trust_stat_data();
  /// Puts the copy in the index's place. Throws Error, and the index is as it was.
  void install();

 private:
  std::filesystem::path work_dir_;
  std::filesystem::path index_;
  IndexLock lock_;
};

/// Whether the executable bit of a file means something (core.filemode).
bool trusts_modes(const Repository& repository);

/// Adds or replaces entries, under git's index.lock; all or nothing. Throws Error if the index is
/// locked by somebody else.
void stage(const Repository& repository, const std::vector<StagedFile>& files);

}  // namespace mgit
