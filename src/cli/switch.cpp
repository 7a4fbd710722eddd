// mgit switch: git switch, with the fast way for checkpoints.
#include "cli/checkout_command.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Switch : public PassThrough {
  std::string usage() const override {
    return "git switch's options and arguments; checkpoints are written directly, on all cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    return run_checkout("switch", arguments);
  }
};

const Registered<Switch> kSwitch("switch", "switch branches; checkpoints at the speed of the disk",
                                 "mgit switch feature-branch");

}  // namespace
}  // namespace mgit::cli
