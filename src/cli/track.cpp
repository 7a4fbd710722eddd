// mgit track: which files are checkpoints.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/say.h"
#include "mgit/remote.h"
#include "workflow/track.h"
#include "worktree/attributes.h"

namespace mgit::cli {
namespace {

class Track : public Command {
 public:
  void options(Options& options) override {
    options.arguments("patterns", patterns_,
                      "as in .gitattributes, or files and folders that are there; without any, the "
                      "tracked patterns are listed");
  }
  int run() override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    if (patterns_.empty())
      for (const std::string& pattern : tracked_patterns(repository)) fmt::print("{}\n", pattern);
    track_arguments(
        repository, patterns_, [](const std::string& line) { fmt::print("{}\n", line); }, say);
    return 0;
  }

 private:
  std::vector<std::string> patterns_;
};

const Registered<Track> kTrack("track", "store files that match a pattern as checkpoints",
                               "mgit track '*.safetensors'");

}  // namespace
}  // namespace mgit::cli
