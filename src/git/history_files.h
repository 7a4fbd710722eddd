// What a range of history brings: its commits, and every file that one of them has other than its
// parents.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// A file of a commit that its parents have otherwise, or not at all.
struct BroughtFile {
  Oid commit;  // the oldest that has it
  std::string path;
  Oid blob;
  std::string mode;
  Oid before;  // what its first parent has there; zero: nothing
};

struct HistoryFiles {
  std::vector<Oid> commits;        // newest first, children before parents
  std::vector<BroughtFile> files;  // each blob at each path once
};

/// `revisions` as `git rev-list` takes them; options are not taken. Two processes of git, whatever
/// the history holds. Throws Error with git's words.
HistoryFiles files_brought_by(const Repository& repository,
                              const std::vector<std::string>& revisions);

}  // namespace mgit
