// mgit diff: git diff, with checkpoints as tables of tensors.
#include "cli/pass_through.h"
#include "mgit/remote.h"
#include "workflow/diff/diff_command.h"

namespace mgit::cli {
namespace {

class Diff : public PassThrough {
  std::string usage() const override { return "git diff's options, revisions and paths"; }
  void declare(Options& options) override {
    options.flag("--json", json_, "the checkpoints that differ, as JSON");
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
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    return diff_files(repository, arguments);
  }

  bool json_ = false;
};

const Registered<Diff> kDiff("diff", "show changes; of checkpoints, tensor by tensor",
                             "mgit diff main feature-branch");

}  // namespace
}  // namespace mgit::cli
