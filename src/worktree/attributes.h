// .gitattributes: which files are checkpoints, and the lines that make them so.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Which of these paths (relative to the top of the working tree) have filter=mgit. One entry per
/// path.
std::vector<bool> tracked_by_mgit(const Repository& repository,
                                  const std::vector<std::string>& paths);

/// The patterns that .gitattributes at the top of the working tree gives to mgit, in order.
std::vector<std::string> tracked_patterns(const Repository& repository);

/// Adds "PATTERN filter=mgit diff=mgit merge=mgit -text"; other lines stay as they are. False if it
/// was tracked already.
bool track(const Repository& repository, const std::string& pattern);

/// Takes the pattern's line away. False if there was none.
bool untrack(const Repository& repository, const std::string& pattern);

}  // namespace mgit
