// mgit install: filters, drivers and hooks for this repository.
#include "git/install.h"

#include "cli/command.h"
#include "cli/say.h"
#include "mgit/remote.h"
#include "workflow/set_up.h"

namespace mgit::cli {
namespace {

class Install : public Command {
 public:
  void options(Options& options) override {
    options.flag("--no-ff", options_.no_fast_forward,
                 "plain git merge combines also where it could fast-forward; git then refuses "
                 "--squash");
    options.flag("--keep-ff", keep_fast_forward_, "leave merge.ff as it is (the default)");
    options.flag(
        "--server", server_,
        "for a repository that is pushed to: a pre-receive hook that refuses what 'mgit "
        "verify' refutes, objects that did not come, and checkpoints that are no manifests");
    options.flag("--per-ref", per_ref_,
                 "with --server: an update hook, which refuses one ref and takes the others");
    options.flag("--global", global_,
                 "filter and drivers in your own configuration, so that a plain git clone gets "
                 "checkpoints");
  }
  int run() override {
    if (keep_fast_forward_ && options_.no_fast_forward)
      throw UsageError("they exclude each other", "--no-ff, --keep-ff");
    if (per_ref_ && !server_) throw UsageError("says how --server refuses", "--per-ref");
    if (server_)
      options_.server =
          per_ref_ ? InstallOptions::Server::kUpdate : InstallOptions::Server::kPreReceive;
    if (global_) {
      install_globally();
      return 0;
    }
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    set_up(repository, options_, say);
    return 0;
  }

 private:
  InstallOptions options_;
  bool keep_fast_forward_ = false;
  bool server_ = false;
  bool per_ref_ = false;
  bool global_ = false;
};

const Registered<Install> kInstall("install",
                                   "set up filters, drivers and hooks in this repository",
                                   "mgit install\nmgit install --server");

}  // namespace
}  // namespace mgit::cli
