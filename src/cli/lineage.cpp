// mgit lineage: how the models of a revision came to be.
#include "mgit/lineage.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/command.h"
#include "cli/model_argument.h"

namespace mgit::cli {
namespace {

class LineageCommand : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "--json prints one object: commit, and models, each with its path and its history, newest "
        "first: commit, subject, author, time, checkpoint, kind, from, replaces, rebase, merge, "
        "tensors (all, changed) and evaluations.");
    options.argument("revision", revision_,
                     "default: HEAD; or 'rebuild': fill the index again, from git alone");
    options.argument("path", path_, "only this checkpoint");
    options.value("--path", path_, "only this checkpoint").value_name("path");
    options.flag("--json", json_, "one JSON document");
  }

  int run() override {
    const Workspace repository = Workspace::discover();
    Lineage lineage(repository);
    if (revision_ == "rebuild") {
      lineage.rebuild();
      return 0;
    }
    lineage.update();
    const auto [revision, path] = model_argument(repository, revision_, path_);
    const Oid commit = repository.require(revision);
    fmt::print("{}", json_ ? lineage.describe_json(commit, path)
                           : lineage.describe(commit, use_colour(), path));
    return 0;
  }

 private:
  static bool use_colour() { return ::isatty(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr; }

  std::string revision_ = "HEAD";
  std::string path_;
  bool json_ = false;
};

const Registered<LineageCommand> kLineage(
    "lineage", "show how a model came to be",
    "mgit lineage feature-branch\nmgit lineage model.safetensors");

}  // namespace
}  // namespace mgit::cli
