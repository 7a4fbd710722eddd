// mgit clone: git clone, with checkpoints checked out and mgit installed.
#include "workflow/exchange/clone.h"

#include "cli/pass_through.h"
#include "cli/say.h"

namespace mgit::cli {
namespace {

class Clone : public PassThrough {
  std::string usage() const override { return "git clone's options, URL and directory"; }
  int run_with(const std::vector<std::string>& arguments) override {
    return clone_repository(arguments, say);
  }
};

const Registered<Clone> kClone("clone", "clone a repository, ready for checkpoints",
                               "mgit clone /srv/models.git");

}  // namespace
}  // namespace mgit::cli
