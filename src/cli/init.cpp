// mgit init: a git repository that takes checkpoints.
#include "cli/pass_through.h"
#include "cli/say.h"
#include "workflow/set_up.h"

namespace mgit::cli {
namespace {

class Init : public PassThrough {
  std::string usage() const override { return "git init's options, then the directory"; }
  int run_with(const std::vector<std::string>& arguments) override {
    return init_repository(arguments, say);
  }
};

const Registered<Init> kInit("init", "create a repository for checkpoints", "mgit init models");

}  // namespace
}  // namespace mgit::cli
