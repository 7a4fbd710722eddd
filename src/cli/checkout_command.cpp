#include "cli/checkout_command.h"

#include <algorithm>

#include "mgit/remote.h"
#include "workflow/checkout.h"
#include "workflow/exchange/lazy_fetch.h"

namespace mgit::cli {
namespace {

/// True for what git must do alone: choosing parts by hand, merging, submodules. Short options may
/// be bundled: -qp, -fm.
bool belongs_to_git(const std::string& command, const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  const auto any = [&](const auto& matches) {
    return std::any_of(arguments.begin(), end, matches);
  };
  const auto starts_with = [](const std::string& argument, std::string_view option) {
    return argument == option || argument.starts_with(std::string(option) + "=");
  };
  if (command == "reset" && !any([](const std::string& argument) {
        return argument == "--hard" || argument == "--keep";
      }))
    return true;
  return any([&](const std::string& argument) {
    if (argument.starts_with("--"))
      return starts_with(argument, "--patch") || starts_with(argument, "--merge") ||
             starts_with(argument, "--conflict") || starts_with(argument, "--recurse-submodules") ||
             starts_with(argument, "--pathspec-from-file") || argument == "--help";
    return argument.starts_with('-') && argument.find_first_of("pmh") != std::string::npos;
  });
}

}  // namespace

int run_checkout(const std::string& command, const GitArguments& arguments) {
  Workspace repository = Workspace::discover();
  repository.set_fetcher(fetch_objects);
  if (command == "restore" || command == "checkout")
    fetch_named(repository, value_of(arguments, "--source", "-s").value_or(""),
                positionals(arguments, {"-s", "--source", "-b", "-B", "--orphan"}));
  if (!belongs_to_git(command, arguments))
    if (const auto status = checkout_files(repository, command, arguments)) return *status;
  exec_git(command, arguments);
}

}  // namespace mgit::cli
