// From a command line to a command: mgit's, or git's.
#pragma once

#include <string>
#include <vector>

namespace mgit::cli {

/// `program`: argv[0]; as git-merge-mgit it is the strategy. Returns the exit status; does not
/// return where the command is git's.
int dispatch(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace mgit::cli
