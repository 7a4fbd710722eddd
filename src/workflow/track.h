// mgit track and untrack: from what the user names to lines of .gitattributes.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// Names that stand for a format: what mgit init tracks and mgit migrate import takes.
const std::vector<std::string>& default_patterns();

/// Tracks each argument: a pattern as in .gitattributes, or a file or folder that is there, which
/// is taken literally whatever characters it has. Patterns with a slash are relative to the current
/// directory. `print` is told what was done, `say` what the user should know: files that another
/// line keeps from mgit, that git ignores, or that git has whole already. Manifests that the new
/// lines cover become checkpoints.
void track_arguments(const Workspace& repository, const std::vector<std::string>& arguments,
                     const Say& print, const Say& say);

/// Throws Error if an argument is not tracked.
void untrack_arguments(const Repository& repository, const std::vector<std::string>& arguments);

/// Tracks the default patterns but for those that .gitattributes gives to another filter, which are
/// said. Returns those that are new.
std::vector<std::string> track_defaults(const Repository& repository, const Say& say);

/// Says which files git has whole, or as pointers of git-lfs, where checkpoints should be.
void say_raw_files(const Repository& repository, const Say& say);

}  // namespace mgit
