// Exchanging models with a remote: objects before refs move, and the refs that mgit shares (origins
// of rebased commits, notes).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mgit/remote.h"
#include "mgit/workspace.h"
#include "workflow/set_up.h"

namespace mgit {

/// One ref of a push.
struct PushedRef {
  Oid local;                    // a commit or a tag
  std::optional<Oid> remote{};  // what the other side has
  bool moves = true;            // false: the other side has it already
};

enum class PushScope { kModels, kManifestsOnly };

/// kManifestsOnly where the user asked for it: `mgit push --manifests-only`, or
/// mgit.manifestsOnly in the configuration.
PushScope push_scope(const Repository& repository);

/// True in the hook of a push by mgit push, which has sent the models of these refs there just now.
bool were_sent(const Repository& repository, const std::string& url,
               const std::vector<PushedRef>& refs);

/// To be called before git moves the refs: brings their objects to the store behind `url`, then
/// refs/mgit/origin/* and refs/notes/mgit/* to the remote. Only what the other side lacks. Throws
/// Error if objects could not be brought there, or if models would be pushed to a URL that no kind
/// of remote takes. `remote`: its name, or the URL.
TransferReport send_models(Workspace& repository, const std::string& remote, const std::string& url,
                           const std::vector<PushedRef>& refs, PushScope scope, const Say& say);

/// `mgit push` but for git's own part, which is to follow: sends the models of what git would push.
struct PushCall {
  std::vector<std::string> arguments;  // git's, as they were given
  bool manifests_only = false;
  bool dry_run = false;
  bool quiet = false;
};

/// 0, or the status with which git refuses the push; what it says was printed.
int push_models(Workspace& repository, const PushCall& call, const Say& say);

struct FetchCall {
  std::vector<std::string> arguments;   // git's, as they were given
  std::optional<std::string> remote{};  // where one is named
  std::vector<std::string> include{};   // patterns of tensors to bring besides
  bool all = false;
  bool dry_run = false;
  bool quiet = false;
};

/// `git fetch` and `git pull`, with the models. git's exit status; of fetch with `all`: 1 if the
/// history could not be completed.
int fetch(Workspace& repository, const FetchCall& call, const Say& say);
int pull(Workspace& repository, const FetchCall& call, const Say& say);

/// Brings every object of the history that is here and says what came and what is nowhere. True if
/// nothing is missing now.
bool complete_history(Workspace& repository, bool quiet, const Say& say);

}  // namespace mgit
