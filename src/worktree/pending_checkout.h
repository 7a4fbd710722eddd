// The way round git's pipe at checkout. mgit runs git with MGIT_CHECKOUT set; the filter then
// answers every manifest with itself and notes its path; when git is done, mgit writes these
// checkpoints itself, on all cores, and tells the index.
//
// The list is GITDIR/mgit-checkout: paths relative to the top, each ended by a NUL. It outlives a
// kill: the next checkout finishes what is on it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "worktree/index_copy.h"

namespace mgit {

/// For git's environment: the filter of this repository (and no submodule's) leaves checkpoints to
/// us.
std::map<std::string, std::string> leave_checkout_to_mgit(const Repository& repository);

/// In the filter: is that so?
bool leaves_checkout_to_mgit(const Repository& repository);
void note_pending(const Repository& repository, const std::string& path);

struct PlacedFiles {
  std::vector<StagedFile> files;
  std::vector<std::string> failed;  // something was said on stderr, and that file is not there
  std::size_t left = 0;             // manifests that still stand there, for it was interrupted
};

/// Writes the checkpoints whose manifests stand in the working tree, or that an earlier attempt did
/// not get there. Objects that are nowhere, or that a lazy clone would have to fetch, leave the
/// manifest; a damaged one is an error, and the file is removed, as git does when a filter fails. A
/// file that cannot be written is no hindrance to the others. Ends early, leaving manifests, when
/// `interrupted` says so.
PlacedFiles place_pending(const Workspace& repository, IndexCopy& index,
                          const std::function<bool()>& interrupted);

/// They are in the index.
void forget_pending(const Repository& repository);

}  // namespace mgit
