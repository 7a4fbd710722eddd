// What checkout, switch, restore and reset share.
#pragma once

#include "cli/git_arguments.h"

namespace mgit::cli {

/// `git COMMAND ARGUMENTS`, with checkpoints written directly where that is possible. git's exit
/// status.
int run_checkout(const std::string& command, const GitArguments& arguments);

}  // namespace mgit::cli
