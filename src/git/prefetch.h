// A walk over the history of a partial clone needs manifests that are not here: they are fetched at
// once, before it, rather than one at a time on the way.
#pragma once

#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Has git fetch the manifests of these commits that are not here, from the first remote that
/// promised them. Does nothing in a whole clone; where the fetch fails, whoever reads a manifest
/// tries again, and says so.
void prefetch_manifests(const Repository& repository, const std::vector<Oid>& commits);

/// Those of all commits that `tip` reaches.
void prefetch_history(const Repository& repository, const Oid& tip);

}  // namespace mgit
