// mgit untrack: the reverse of mgit track.
#include <fmt/format.h>

#include "cli/command.h"
#include "worktree/attributes.h"

namespace mgit::cli {
namespace {

class Untrack : public Command {
 public:
  void options(Options& options) override {
    options.arguments("patterns", patterns_, "as mgit track lists them").required();
  }
  int run() override {
    const Repository repository = Repository::discover();
    for (const std::string& pattern : patterns_)
      if (!untrack(repository, pattern))
        throw Error("not tracked", pattern, "mgit track lists what is");
    return 0;
  }

 private:
  std::vector<std::string> patterns_;
};

const Registered<Untrack> kUntrack("untrack", "leave files that match a pattern to plain git",
                                   "mgit untrack '*.safetensors'");

}  // namespace
}  // namespace mgit::cli
