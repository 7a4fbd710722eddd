// Writing index entries with full stat data, so that neither git nor its filters read the files
// again.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

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
  bool racy = false;       // git, which looks at the seconds alone, cannot tell
  bool held = false;       // assume-unchanged, skip-worktree or intent-to-add
};

/// What to do about an index that libgit2 cannot read (split, sparse, without a checksum): throw
/// Error, or have git write it as an ordinary one, which costs a process.
enum class StrangeIndex { kThrow, kConvert };

/// The entries of these paths that the index has.
std::vector<IndexedFile> index_entries(const Repository& repository,
                                       const std::vector<std::string>& paths,
                                       StrangeIndex strange = StrangeIndex::kThrow);

/// A copy of the index to work on, while git's index.lock keeps everybody else away. Destroyed
/// before install(), it leaves the index as it was. A lock that a killed process of this kind left
/// is taken over.
class IndexCopy {
 public:
  /// Throws Error if the index is locked by somebody else. A converted copy is an ordinary index:
  /// git makes of it what its configuration says when it next writes it.
  explicit IndexCopy(const Repository& repository, StrangeIndex strange = StrangeIndex::kThrow);
  ~IndexCopy();
  IndexCopy(const IndexCopy&) = delete;
  IndexCopy& operator=(const IndexCopy&) = delete;

  /// What GIT_INDEX_FILE may name.
  const std::filesystem::path& path() const { return copy_; }
  /// The regular file that the copy has under this path; its stat data is not filled in, only
  /// whether it is executable.
  std::optional<StagedFile> find(const std::string& path) const;
  /// Entries of these blobs whose stat data says that the file is as it was when it was staged.
  std::vector<StagedFile> unchanged(const std::set<Oid>& blobs) const;
  /// Adds or replaces entries.
  void put(const std::vector<StagedFile>& files, bool trust_mode);
  /// New stat data for those entries that have this blob.
  void refresh(const std::vector<StagedFile>& files);
  /// Puts the copy in the index's place. Throws Error, and the index is as it was.
  void install();

 private:
  std::filesystem::path work_dir_;
  std::filesystem::path index_;
  std::filesystem::path lock_;
  std::filesystem::path copy_;
  bool installed_ = false;
};

/// The name of a blob with this content.
Oid blob_id(std::string_view content);

/// Adds or replaces entries, under git's index.lock; all or nothing. Throws Error if the index is
/// locked by somebody else.
void stage(const Repository& repository, const std::vector<StagedFile>& files);

}  // namespace mgit
