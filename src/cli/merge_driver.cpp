// git calls this for one checkpoint: merge.mgit.driver.
#include <fmt/format.h>

#include "cli/command.h"
#include "mgit/remote.h"
#include "workflow/merge/merge_driver.h"

namespace mgit::cli {
namespace {

class MergeDriver : public Command {
 public:
  void options(Options& options) override {
    options.argument("base", base_).required();
    options.argument("ours", ours_).required();
    options.argument("theirs", theirs_).required();
    options.argument("marker-size", marker_size_).required();
    options.argument("path", path_).required();
  }

  int run() override {
    std::string conflict;
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    if (merge_manifests(repository, base_, ours_, theirs_, path_, conflict)) return 0;
    fmt::print(stderr,
               "CONFLICT (model): {}: {}\nhint: 'mgit merge' combines models; here choose a side: "
               "git checkout --ours|--theirs -- {}\n",
               path_, conflict, path_);
    return 1;
  }

 private:
  std::string base_;
  std::string ours_;
  std::string theirs_;
  std::string marker_size_;
  std::string path_;
};

const Registered<MergeDriver> kMergeDriver("merge-driver", "merge one checkpoint, as git asks", "",
                                           Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
