// Manifests that git left in the working tree where checkpoints should be, though it calls them
// clean: nothing filtered them, for .gitattributes came later, or is not there at all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mgit/workspace.h"

namespace mgit {

/// Takes one line of talk for the user.
using Say = std::function<void(const std::string&)>;

/// Makes checkpoints of those that .gitattributes gives to mgit, and says what came of it; warns of
/// those that it does not.
void mend_all_manifests(const Workspace& repository, const Say& say);

/// After git went from one commit to another (names as hooks get them; `moved` false: it checked
/// out files of one commit). Looks at the files that differ alone, and at all where .gitattributes
/// does; where HEAD did not move, at mgit's files, and at all where no pattern is mgit's. Silent
/// about what is as it should be.
void mend_moved(const Workspace& repository, const std::string& from, const std::string& to,
                bool moved, const Say& say);

/// Of the files that `to` has other than `from`: which are mgit's by .gitattributes, but came as
/// they are, from somebody without mgit. Says so.
void say_raw_arrivals(const Repository& repository, const std::string& from, const std::string& to,
                      const Say& say);

}  // namespace mgit
