// mgit track: which files are checkpoints.
#include <fmt/format.h>

#include "cli/command.h"
#include "worktree/attributes.h"

namespace mgit::cli {
namespace {

class Track : public Command {
 public:
  void options(Options& options) override {
    options.arguments("patterns", patterns_,
                      "as in .gitattributes; without any, the tracked patterns are listed");
  }
  int run() override {
    const Repository repository = Repository::discover();
    if (patterns_.empty())
      for (const std::string& pattern : tracked_patterns(repository)) fmt::print("{}\n", pattern);
    for (const std::string& pattern : patterns_)
      fmt::print("{} '{}'\n", track(repository, pattern) ? "tracking" : "already tracking",
                 pattern);
    return 0;
  }

 private:
  std::vector<std::string> patterns_;
};

const Registered<Track> kTrack("track", "store files that match a pattern as checkpoints",
                               "mgit track '*.safetensors'");

}  // namespace
}  // namespace mgit::cli
