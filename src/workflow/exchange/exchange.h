// Exchanging models with a remote: objects before refs move, and the refs that mgit shares (origins
// of rebased commits, notes).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/git.h"
#include "workflow/set_up.h"

namespace mgit {

/// One ref of a push.
struct PushedRef {
  Oid local;                  // a commit or a tag
  std::optional<Oid> remote;  // what the other side has
};

/// To be called before git moves the refs: brings their objects to the store behind `url`, then
/// refs/mgit/origin/* and refs/notes/mgit/* to the remote. Only what the other side lacks. For a
/// URL that is no path: a warning. Throws Error if objects could not be brought there.
void send_models(Repository& repository, const std::string& remote, const std::string& url,
                 const std::vector<PushedRef>& refs, const Say& say);

/// Fetches the refs that mgit shares and joins the remote's notes with ours.
void receive_shared_refs(Repository& repository, const std::string& remote, const Say& say);

/// `git push`, `git fetch` and `git pull` with these arguments, with the models. git's exit status.
int push(Repository& repository, const std::vector<std::string>& arguments, const Say& say);
int fetch(Repository& repository, const std::vector<std::string>& arguments, const Say& say);
int pull(Repository& repository, const std::vector<std::string>& arguments, const Say& say);

}  // namespace mgit
