// mgit checkout: git checkout, with the fast way for checkpoints.
#include "cli/checkout_command.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Checkout : public PassThrough {
  std::string usage() const override {
    return "git checkout's options and arguments; checkpoints are written directly, on all cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    return run_checkout("checkout", arguments);
  }
};

const Registered<Checkout> kCheckout(
    "checkout", "switch branches or restore files; checkpoints at the speed of the disk",
    "mgit checkout main");

}  // namespace
}  // namespace mgit::cli
