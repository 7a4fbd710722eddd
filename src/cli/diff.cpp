// mgit diff: git diff, with checkpoints as tables of tensors.
#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "cli/git_arguments.h"
#include "cli/pass_through.h"
#include "mgit/remote.h"
#include "workflow/diff/diff_command.h"

namespace mgit::cli {
namespace {

bool starts_with_any(const std::string& text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return text.starts_with(start); });
}

/// nullopt: an option that asks for another kind of output; git does all of it.
std::optional<DiffRequest> parse_request(const std::vector<std::string>& arguments) {
  DiffRequest request;
  bool paths_only = false;
  for (const std::string& argument : arguments) {
    if (paths_only || !argument.starts_with('-')) {
      request.selection.push_back(argument);
    } else if (argument == "--") {
      paths_only = true;
      request.selection.push_back(argument);
    } else if (argument == "--cached" || argument == "--staged" || argument == "--merge-base") {
      request.selection.push_back(argument);
    } else if (argument == "--json") {
      request.json = true;
    } else if (argument == "--markdown") {
      request.markdown = true;
    } else if (argument == "--exit-code") {
      request.exit_code = true;
    } else if (argument == "--color" || argument == "--color=always") {
      request.colour_always = true;
    } else if (argument == "--no-color" || argument == "--color=never") {
      request.colour_never = true;
    } else if (argument == "-p" || argument == "-u" || argument == "--patch" || argument == "-w" ||
               argument == "-b" || argument == "-W" || argument == "--minimal" ||
               argument == "--patience" || argument == "--histogram" ||
               starts_with_any(argument, {"-U", "--unified=", "--ignore-",
                                          "--diff-algorithm=", "--word-diff", "--color-"})) {
      request.patch.push_back(argument);
    } else {
      return std::nullopt;
    }
  }
  return request;
}

class Diff : public PassThrough {
  std::string usage() const override { return "git diff's options, revisions and paths"; }
  void declare(Options& options) override {
    options.flag("--json", json_, "the checkpoints that differ, as JSON");
    options.flag("--markdown", markdown_,
                 "the checkpoints that differ, as tables for a pull request or an issue");
    options.description(
        "Tables are made where the patch is asked for; --stat, --name-only and other kinds of "
        "output "
        "are git's.\n\n"
        "--json prints one object with checkpoints: path, old_path, status, problem, equal (how "
        "many "
        "tensors), chunks, and tensors (name, change, before and after with dtype and shape, "
        "relative, cosine, other_file).");
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    if (const auto request = parse_request(arguments))
      if (const auto status = diff_files(repository, *request)) return *status;
    exec_git("diff", arguments);
  }

  bool json_ = false;
  bool markdown_ = false;
};

const Registered<Diff> kDiff(
    "diff", "show changes; of checkpoints, tensor by tensor",
    "mgit diff main feature-branch\nmgit diff --markdown main...feature-branch");

}  // namespace
}  // namespace mgit::cli
