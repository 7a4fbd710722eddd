// mgit filter-process: what git runs to turn checkpoints into manifests and back.
#include "worktree/filter_process.h"

#include <unistd.h>

#include "cli/command.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class FilterProcessCommand : public Command {
 public:
  void options(Options&) override {}
  int run() override {
    serve_filter(STDIN_FILENO, STDOUT_FILENO, [] {
      Workspace repository = Workspace::discover();
      repository.set_fetcher(fetch_objects);
      return repository;
    });
    return 0;
  }
};

const Registered<FilterProcessCommand> kFilterProcess("filter-process",
                                                      "git's long-running filter (gitattributes)",
                                                      "", Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
