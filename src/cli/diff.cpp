// mgit diff: git diff, with checkpoints as tables of tensors.
#include "cli/pass_through.h"
#include "mgit/remote.h"
#include "workflow/diff/diff_command.h"

namespace mgit::cli {
namespace {

class Diff : public PassThrough {
  std::string usage() const override {
    return "git diff's options, revisions and paths; --json lists the checkpoints as JSON";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    return diff_files(repository, arguments);
  }
};

const Registered<Diff> kDiff("diff", "show changes; of checkpoints, tensor by tensor",
                             "mgit diff main feature-branch");

}  // namespace
}  // namespace mgit::cli
