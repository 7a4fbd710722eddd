// mgit push: git push, with tensor objects, notes and origins.
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"
#include "workflow/exchange/exchange.h"

namespace mgit::cli {
namespace {

class Push : public PassThrough {
  std::string usage() const override { return "git push's options, remote and refs"; }
  int run_with(const std::vector<std::string>& arguments) override {
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    return push(repository, arguments, say);
  }
};

const Registered<Push> kPush("push", "git push, after the models", "mgit push origin main");

}  // namespace
}  // namespace mgit::cli
