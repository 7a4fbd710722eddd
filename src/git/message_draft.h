// The message that git is about to commit, as it lies in a file while hooks run: the text, and
// below it what git cuts off afterwards (comments for the editor, everything from a scissors line).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mgit/git.h"

namespace mgit {

struct DraftRules {
  std::string comment = "#";  // how comment lines begin; "auto": as the draft's last line does
  /// An editor follows, and after it git takes comments away. Otherwise lines that look like
  /// comments stay, and belong to the message.
  bool edited = false;
};

/// core.commentChar (or commentString), and whether git has set GIT_EDITOR for a hook without an
/// editor.
DraftRules draft_rules(const Repository& repository);

/// The draft with trailers where git will read them: in the last paragraph of what remains. A draft
/// without a message is left as it is, so that git ends the commit.
std::string add_trailers(std::string_view draft, const std::vector<Trailer>& trailers,
                         const DraftRules& rules);

}  // namespace mgit
