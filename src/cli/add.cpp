// mgit add: git add, with the fast way for checkpoints.
#include "workflow/add.h"

#include <cstdlib>

#include "cli/git_arguments.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

bool apply_option(const std::string& option, AddRequest& request) {
  if (option == "--verbose" || option == "-v") return request.verbose = true;
  if (option == "--force" || option == "-f") return request.force = true;
  if (option == "--update" || option == "-u") return request.update = true;
  if (option == "--all" || option == "--no-ignore-removal" || option == "-A")
    return request.all = true;
  return false;
}

/// nullopt: an option of git's that changes what adding means; git does all of it.
std::optional<AddRequest> parse_request(const std::vector<std::string>& arguments) {
  AddRequest request;
  bool paths_only = false;
  for (const std::string& argument : arguments) {
    if (!paths_only && argument == "--") {
      paths_only = true;
    } else if (paths_only || !argument.starts_with('-') || argument == "-") {
      request.pathspecs.push_back(argument);
    } else if (argument.starts_with("--")) {
      if (!apply_option(argument, request)) return std::nullopt;
    } else {
      for (const char letter : argument.substr(1))
        if (!apply_option(std::string("-") + letter, request)) return std::nullopt;
    }
  }
  if (request.pathspecs.empty()) {
    if (!request.all && !request.update) return std::nullopt;
    request.pathspecs.emplace_back(":/");
  }
  return request;
}

class Add : public PassThrough {
  std::string usage() const override {
    return "git add's options and pathspecs; files with filter=mgit are read directly, on all "
           "cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    const std::optional<AddRequest> request = parse_request(arguments);
    if (request && std::getenv("GIT_LITERAL_PATHSPECS") == nullptr)
      if (const auto status = add_files(repository, *request, arguments)) return *status;
    exec_git("add", arguments);
  }
};

const Registered<Add> kAdd("add", "stage files; checkpoints at the speed of the disk",
                           "mgit add model.safetensors");

}  // namespace
}  // namespace mgit::cli
