// mgit fsck: the store and the manifests that refer to it; what damage means for whom.
#pragma once

#include <map>
#include <set>

#include "mgit/workspace.h"
#include "store/fsck.h"

namespace mgit {

/// A checkpoint, in one version, that cannot be given back whole.
struct AffectedCheckpoint {
  std::string path;
  Oid manifest;                      // the blob
  std::vector<std::string> tensors;  // by name, quoted; "(layout)" for the layout
  std::vector<Digest> objects;       // damaged or missing ones, sorted
  std::size_t commits = 0;           // that have it
  std::optional<Oid> commit;         // the newest of them; nullopt: only the index or a reflog
  std::string name;                  // of that commit, from a branch or tag: "main~2"
  std::string restore;               // what brings it back, or that nothing known does
};

struct RepositoryCheck {
  StoreCheck store;
  std::vector<std::string> problems;  // all of them, one line each, those of the store first
  std::vector<std::string> notes;     // lines that are no problems
  std::vector<AffectedCheckpoint> affected;
};

/// Objects that are not here but at a remote are a note, not a problem: they are fetched on demand.
RepositoryCheck check_repository(const Workspace& repository, FsckDepth depth);

}  // namespace mgit
