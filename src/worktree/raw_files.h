// Files whose content git has as it is, although they should be checkpoints of mgit's or stand for
// some.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct RawFiles {
  std::vector<std::string> kept_whole;    // mgit's by .gitattributes; committed before they were
  std::vector<std::string> lfs_pointers;  // in the working tree: what git-lfs was to replace
};

/// Of the index. Costs a process or two of git and a look at each file that .gitattributes gives to
/// mgit or to git-lfs, never at a whole one that is large.
RawFiles raw_files(const Repository& repository);

/// Lines for the user: what these files are, and what makes checkpoints of them.
std::vector<std::string> raw_files_advice(const RawFiles& files);

}  // namespace mgit
