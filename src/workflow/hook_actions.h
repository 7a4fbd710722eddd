// What mgit does in git's hooks.
#pragma once

#include <string>
#include <vector>

#include "mgit/git.h"
#include "workflow/set_up.h"

namespace mgit {

/// Runs the hook of this name with git's arguments; `input` is what git feeds it. Returns the
/// hook's exit status: not 0 only where the commit or push must not happen. Trouble of mgit's own
/// becomes a warning and never stands in git's way, except in pre-push and in the server's hooks.
int run_hook_action(const std::string& name, const std::vector<std::string>& arguments,
                    const std::string& input, const Say& say);

/// True if the hook is one that git feeds through stdin.
bool hook_has_input(const std::string& name);

}  // namespace mgit
