// What a repository that is pushed to takes: the server's hooks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// One ref of a push, before it moves.
struct ReceivedRef {
  std::string name;
  std::optional<Oid> now;  // nullopt: it goes away
};

/// Verifies the commits that these refs bring and no ref has yet (mgit verify), with every new
/// object read. Refuses a claim that does not hold or cannot be checked for want of objects, and a
/// checkpoint that is no manifest; what takes data that the repository does not hold is said and
/// let through. Merges of more bytes of models than mgit.receiveLimit (16g) are not computed again.
/// Returns the hook's status. Works in git's quarantine, and writes nothing.
int check_received(Workspace& repository, const std::vector<ReceivedRef>& refs, const Say& say);

}  // namespace mgit
