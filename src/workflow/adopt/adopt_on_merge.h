// Raw checkpoints on the way of a merge: what would be combined has to be a model first.
//
// git's strategy cannot change which commits are merged. So it refuses where a raw file stands on a
// side that has to be combined, and mgit merge and mgit pull take it in before: the commit that
// does is then what is merged.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"
#include "workflow/mend_manifests.h"

namespace mgit {

/// One head of a merge, as the user or git calls it, and the commit to merge for it.
struct MergeHead {
  std::string name;
  Oid commit;
  bool adopted = false;  // `commit` is one that took raw checkpoints of it in
};

/// What comes before a merge: takes in what the heads have raw since they parted from HEAD, and
/// what HEAD has of that if it has to be combined. Says so.
void adopt_before_merge(Workspace& repository, std::vector<MergeHead>& heads, const Say& say);

/// git's own words for a merge of these heads: "Merge branch 'feature' into work".
std::string merge_message(const Repository& repository, const std::vector<MergeHead>& heads);

/// For the strategy: does a model of which both sides have another version than the merge base
/// stand raw on one of them? Where mgit pull calls, true, and noted; else throws Error, with what
/// helps. `base` nullopt: none.
bool refuse_raw_sides(const Repository& repository, const Oid& ours, const Oid& theirs,
                      const std::optional<Oid>& base, const std::string& name);

/// In the environment of what mgit pull calls: the file in which refuse_raw_sides notes down that
/// it refused. What comes raw otherwise is mgit pull's as well.
inline constexpr const char* kRawRefusal = "MGIT_RAW_REFUSAL";

}  // namespace mgit
