// The .gitattributes that a checkpoint needs beside it: without it in the commit, a clone has the
// manifest's text where the checkpoint should be.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"

namespace mgit {

/// Puts what makes these staged checkpoints checkpoints into the index, too: a .gitattributes that
/// git does not have yet, or, where git has one, mgit's lines of it alone; other edits to it stay
/// the user's. Nothing is done where the index says enough already, nor where the attributes come
/// from .git/info/attributes. Returns a line of talk for each file that was staged, and warnings of
/// what still is none of mgit's in a clone. Costs one process of git where there is nothing to do.
///
/// In a pre-commit hook it works on the index of the commit that is being made; where that is a
/// temporary one (git commit PATH), on the one that will be the repository's as well.
std::vector<std::string> stage_attributes(const Repository& repository,
                                          const std::vector<std::string>& checkpoints);

/// The files of a commit that are manifests and that its own .gitattributes do not give to mgit.
std::vector<std::string> manifests_without_attribute(const Repository& repository,
                                                     const Oid& commit);

/// Which of these paths the .gitattributes of a commit give to mgit; one entry per path. One
/// process of git to read its tree, one for all paths.
std::vector<bool> given_to_mgit(const Repository& repository, const Oid& commit,
                                const std::vector<std::string>& paths);

/// What to say of such files: what they are, and what makes checkpoints of them. Empty for none.
std::string without_attribute_warning(const std::vector<std::string>& paths);

/// The pattern that mgit track would best be given for a file: all of its ending.
std::string pattern_for(const std::string& path);

}  // namespace mgit
