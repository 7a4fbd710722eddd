// mgit reset: git reset, with the fast way for checkpoints.
#include "cli/checkout_command.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Reset : public PassThrough {
  std::string usage() const override {
    return "git reset's options and arguments; checkpoints are written directly, on all cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    return run_checkout("reset", arguments);
  }
};

const Registered<Reset> kReset("reset",
                               "git reset; with --hard, checkpoints at the speed of the disk",
                               "mgit reset --hard HEAD~1");

}  // namespace
}  // namespace mgit::cli
