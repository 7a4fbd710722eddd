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
    options.flag("--global", global_,
                 "filter and drivers in your own configuration, so that a plain git clone gets "
                 "checkpoints");
  }
  int run() override {
    if (keep_fast_forward_ && options_.no_fast_forward)
      throw UsageError("they exclude each other", "--no-ff, --keep-ff");
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
  bool global_ = false;
};

const Registered<Install> kInstall("install",
                                   "set up filters, drivers and hooks in this repository",
                                   "mgit install");

}  // namespace
}  // namespace mgit::cli
