// mgit untrack: the reverse of mgit track.
#include "cli/command.h"
#include "workflow/track.h"

namespace mgit::cli {
namespace {

class Untrack : public Command {
 public:
  void options(Options& options) override {
    options.arguments("patterns", patterns_, "as mgit track lists them").required();
  }
  int run() override {
    untrack_arguments(Repository::discover(), patterns_);
    return 0;
  }

 private:
  std::vector<std::string> patterns_;
};

const Registered<Untrack> kUntrack("untrack", "leave files that match a pattern to plain git",
                                   "mgit untrack '*.safetensors'");

}  // namespace
}  // namespace mgit::cli
