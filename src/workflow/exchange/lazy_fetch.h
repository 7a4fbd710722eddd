// Tensors that are asked for: files of a lazy clone by name, and `mgit fetch --include`.
#pragma once

#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// Brings the objects of the checkpoints that `git restore` or `git checkout` is asked for:
/// `positionals` are a revision, perhaps, and pathspecs; `source` the revision where it has an
/// option of its own. Does nothing in a clone that is not lazy. Throws what the fetcher throws;
/// objects that are nowhere are for git's command to say.
void fetch_named(const Workspace& repository, const std::string& source,
                 const std::vector<std::string>& positionals);

/// The objects of tensors whose names match one of the patterns (fnmatch(3)), in HEAD and at the
/// tips of all remotes' branches. Throws MissingError, naming it, for a pattern that no tensor
/// matches.
std::vector<Digest> included_objects(const Repository& repository,
                                     const std::vector<std::string>& patterns);

}  // namespace mgit
