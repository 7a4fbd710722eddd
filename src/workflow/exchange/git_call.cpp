#include "workflow/exchange/git_call.h"

#include <fmt/format.h>

#include <sstream>

#include "remote/object_remote.h"

namespace mgit {

std::vector<std::string> git_command(const char* name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"git", name};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

ProcessResult run_quietly(const Repository& repository, const std::vector<std::string>& command) {
  ProcessOptions options;
  options.directory = base_of_urls(repository).string();
  options.capture_errors = true;
  return run_process(command, options);
}

int run_loudly(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.capture_output = false;
  return run_process(command, options).status;
}

std::string complaint(const ProcessResult& result) {
  std::istringstream lines(result.errors);
  for (std::string line; std::getline(lines, line);)
    for (const std::string_view kind : {"fatal: ", "error: ", " ! "})
      if (line.starts_with(kind)) return line.substr(kind.size());
  return fmt::format("git ended with status {}", result.status);
}

std::vector<std::string> remote_names(const Repository& repository) {
  std::istringstream names(run_quietly(repository, {"git", "remote"}).output);
  std::vector<std::string> result;
  for (std::string name; std::getline(names, name);) result.push_back(name);
  return result;
}

}  // namespace mgit
