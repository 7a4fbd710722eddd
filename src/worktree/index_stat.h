// Stat data of index entries: whether a file is as it was when it was staged.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "mgit/git.h"

struct git_index_entry;

namespace mgit {

/// A file of the working tree whose content is stored already.
struct StagedFile {
  std::string path;  // relative to the top of the working tree
  Oid blob;
  struct stat stat {};  // from before its bytes were read
};

/// The entry that says so, without a mode. Points into `file`.
git_index_entry entry_of(const StagedFile& file);

/// Below, `index` is the status of the index that has the entry.

/// What git calls racy: it looks at whole seconds, and the file may have changed after it was
/// staged, within one.
bool racy_to_git(const git_index_entry& entry, const struct stat& index);

/// Whether the file is as it was when it was staged, racy or not to git: the fractions of the
/// second tell. False where they do not.
bool is_unchanged(const git_index_entry& entry, const std::filesystem::path& file,
                  const struct stat& index);

}  // namespace mgit
