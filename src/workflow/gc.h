// mgit gc and prune: which tensor objects the repository still needs, and collecting the others.
#pragma once

#include <optional>
#include <string>

#include "mgit/git.h"
#include "store/gc.h"

namespace mgit {

struct GcRequest {
  /// A date as git understands it, "now" or "never"; nullopt: gc.pruneExpire, else two weeks ago.
  std::optional<std::string> expire;
  bool merge_small = true;  // false: only packs with something to drop are rewritten
  bool dry_run = false;
  bool best = false;   // code tensors anew, as small as can be; takes its time
  bool quiet = false;  // no progress either
};

/// Keeps what any manifest, commit message, note, or file of an unfinished operation mentions that
/// refs, reflogs or a worktree reach: a SHA-256 that stands in such a text is enough. Throws Error
/// for a date that git does not understand, CorruptError if git's own objects are damaged.
GcReport collect_garbage(const Repository& repository, const GcRequest& request);

}  // namespace mgit
