// mgit fetch: git fetch, with tensor objects, notes and origins.
#include "cli/fetch_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class Fetch : public PassThrough {
  std::string usage() const override {
    return "git fetch's options, remote and refs; --include PATTERN, as often as you like: also "
           "the tensors of such names (fnmatch), which a lazy clone has not";
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
};

const Registered<Fetch> kFetch("fetch", "git fetch, with the models", "mgit fetch origin");

}  // namespace
}  // namespace mgit::cli
