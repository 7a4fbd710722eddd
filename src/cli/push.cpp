// mgit push: git push, with tensor objects, notes and origins.
#include "cli/git_arguments.h"
#include "cli/pass_through.h"
#include "cli/say.h"
#include "mgit/remote.h"
#include "workflow/exchange/exchange.h"

namespace mgit::cli {
namespace {

class Push : public PassThrough {
  std::string usage() const override { return "git push's options, remote and refs"; }
  void declare(Options& options) override {
    options.description(
        "Objects go before refs do, also with --no-verify, and also where refs are up to date: "
        "pushing again repairs a repository that lacks objects.");
    options.flag("--manifests-only", manifests_only_,
                 "send no objects; mgit.manifestsOnly in the configuration does so always");
  }
  int run_with(const std::vector<std::string>& arguments) override {
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    PushCall call;
    call.arguments = arguments;
    call.manifests_only = take_flag(call.arguments, "--manifests-only");
    call.dry_run = has_flag(arguments, "--dry-run", 'n');
    call.quiet = has_flag(arguments, "--quiet", 'q');
    if (const int status = push_models(repository, call, say); status != 0) return status;
    exec_git("push", call.arguments);
  }

  bool manifests_only_ = false;  // declared for --help; the arguments are read as git's are
};

const Registered<Push> kPush("push", "git push, after the models", "mgit push origin main");

}  // namespace
}  // namespace mgit::cli
