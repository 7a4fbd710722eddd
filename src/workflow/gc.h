// mgit gc and prune: which tensor objects the repository still needs, and collecting the others.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "mgit/workspace.h"
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

struct Collection {
  GcReport store;
  /// Tensors that the dropped objects were, as far as git still has a manifest with them.
  std::map<Digest, std::string> names;
  /// What nothing but reflogs holds: objects, the bytes of their records, the files they belong to.
  std::size_t held = 0;
  std::uint64_t held_bytes = 0;
  std::set<std::string> held_files;
};

/// Keeps what any manifest, commit message, note, or file of an unfinished operation mentions that
/// refs, reflogs or a worktree reach: a SHA-256 that stands in such a text is enough. Throws Error
/// for a date that git does not understand, CorruptError if git's own objects are damaged.
Collection collect_garbage(const Workspace& repository, const GcRequest& request);

}  // namespace mgit
