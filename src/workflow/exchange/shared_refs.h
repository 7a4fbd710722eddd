// The refs that mgit shares: originals of rebased commits, and notes.
//
// Ours are refs/mgit/origin/* and refs/notes/mgit/*. Those of a remote arrive as
// refs/mgit/remotes/<remote>/origin/* and …/notes/*, where only that remote's refs are, so that no
// prune takes away what was made here.
#pragma once

#include <map>
#include <string>

#include "mgit/workspace.h"
#include "workflow/set_up.h"

namespace mgit {

using RefMap = std::map<std::string, Oid>;

/// What the repository behind `url` has of them.
RefMap shared_refs_there(const Repository& repository, const std::string& url);

/// The originals, by the name they have at a remote, that the other side lacks: our own, and those
/// that came from remotes as far as their models are here.
RefMap originals_to_send(const Workspace& repository, const RefMap& there);

/// Originals and notes to `url`; where notes there are ahead, they are joined with ours first. What
/// does not arrive is said, and fails nothing. `remote`: its name, or empty.
void send_shared_refs(Repository& repository, const std::string& remote, const std::string& url,
                      const RefMap& originals, const RefMap& there, const Say& say);

/// Fetches those of a remote from `source` (the remote itself, or a URL) and joins its notes with
/// ours. Nothing to do for a mirror, which has them under their own names.
void receive_shared_refs(Repository& repository, const std::string& remote,
                         const std::string& source, const Say& say);

}  // namespace mgit
