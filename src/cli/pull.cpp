// mgit pull: git pull, with tensor objects, notes and origins.
#include "cli/fetch_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class Pull : public PassThrough {
  std::string usage() const override { return "git pull's options, remote and refs"; }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    return pull(repository, parse_fetch(arguments), say);
  }
};

const Registered<Pull> kPull("pull", "git pull, with the models", "mgit pull");

}  // namespace
}  // namespace mgit::cli
