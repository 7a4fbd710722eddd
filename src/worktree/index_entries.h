// What git's index says about files, and whether they are still as they were staged.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

struct git_index;

namespace mgit {

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

/// The entries of these paths that the index has. Parses the index once.
std::vector<IndexedFile> index_entries(const Repository& repository,
                                       const std::vector<std::string>& paths,
                                       StrangeIndex strange = StrangeIndex::kThrow);

/// The index of this worktree, or GIT_INDEX_FILE.
std::filesystem::path index_path(const Repository& repository);

/// An open index.
struct IndexDeleter {
  void operator()(git_index* index) const;
};
using IndexHandle = std::unique_ptr<git_index, IndexDeleter>;

/// Opened without its repository: libgit2 would compare "racily clean" entries with the working
/// tree, without our filter, and mark every checkpoint as changed. Throws Error.
IndexHandle open_index(const std::filesystem::path& path);
/// Of a file that is ours: where libgit2 cannot read it, git makes it an ordinary index. Throws
/// Error with git's words about a damaged one.
IndexHandle open_converted(const Repository& repository, const std::filesystem::path& copy);
/// With its age, by which git tells what is racy. Throws Error.
void copy_index(const std::filesystem::path& index, const struct stat& status,
                const std::filesystem::path& copy);

/// The name of a blob with this content.
Oid blob_id(std::string_view content);

}  // namespace mgit
