// mgit fetch: git fetch, with tensor objects, notes and origins.
#include "cli/fetch_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"

namespace mgit::cli {
namespace {

class Fetch : public PassThrough {
  std::string usage() const override { return "git fetch's options, remote and refs"; }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    return fetch(repository, parse_fetch(arguments), say);
  }
};

const Registered<Fetch> kFetch("fetch", "git fetch, with the models", "mgit fetch origin");

}  // namespace
}  // namespace mgit::cli
