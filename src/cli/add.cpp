// mgit add: git add, with the fast way for checkpoints.
#include "workflow/add.h"

#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Add : public PassThrough {
  std::string usage() const override {
    return "git add's options and pathspecs; files with filter=mgit are read directly, on all "
           "cores";
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Repository repository = Repository::discover();
    return add_files(repository, arguments);
  }
};

const Registered<Add> kAdd("add", "stage files; checkpoints at the speed of the disk",
                           "mgit add model.safetensors");

}  // namespace
}  // namespace mgit::cli
