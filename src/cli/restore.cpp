// mgit restore: git restore, with the fast way for checkpoints.
#include "cli/checkout_command.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Restore : public PassThrough {
  std::string usage() const override {
    return "git restore's options and arguments; checkpoints are written directly, on all cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    return run_checkout("restore", arguments);
  }
};

const Registered<Restore> kRestore("restore", "restore files; checkpoints at the speed of the disk",
                                   "mgit restore --source HEAD~1 model.safetensors");

}  // namespace
}  // namespace mgit::cli
