// Calling git on behalf of an exchange.
#pragma once

#include <string>
#include <vector>

#include "base/process.h"
#include "mgit/git.h"

namespace mgit {

/// {"git", name, arguments…}
std::vector<std::string> git_command(const char* name, const std::vector<std::string>& arguments);
/// In the repository, with output and errors captured.
ProcessResult run_quietly(const Repository& repository, const std::vector<std::string>& command);
/// Where the user is, with output and errors as git writes them. git's exit status.
int run_loudly(const std::vector<std::string>& command);
/// The first line of what git complained about.
std::string complaint(const ProcessResult& result);
/// Names of the configured remotes.
std::vector<std::string> remote_names(const Repository& repository);

}  // namespace mgit
