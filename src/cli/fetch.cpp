// mgit fetch: git fetch, with tensor objects, notes and origins.
#include "cli/fetch_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class Fetch : public PassThrough {
  std::string usage() const override { return "git fetch's options, remote and refs"; }
  void declare(Options& options) override {
    options
        .values(
            "--include", include_,
            "also the tensors of such names, in HEAD and at the tips of the remotes' branches: a "
            "pattern as the shell has them (layers.0.*), as often as you like")
        .value_name("pattern");
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    GitArguments for_git = arguments;
    std::vector<std::string> include = take_values(for_git, "--include");
    FetchCall call = parse_fetch(for_git);
    call.include = std::move(include);
    return fetch(repository, call, say);
  }

  std::vector<std::string> include_;  // declared for --help; the arguments are read as git's are
};

const Registered<Fetch> kFetch("fetch", "git fetch, with the models", "mgit fetch origin");

}  // namespace
}  // namespace mgit::cli
