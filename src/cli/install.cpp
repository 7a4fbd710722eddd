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
    options.flag("--keep-ff", options_.keep_fast_forward,
                 "let plain git fast-forward, which replaces a model instead of combining it");
    options.flag("--global", global_,
                 "filter and drivers in your own configuration, so that a plain git clone gets "
                 "checkpoints");
  }
  int run() override {
    if (global_) {
      install_globally();
      return 0;
    }
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    set_up(repository, options_, say);
    return 0;
  }

 private:
  InstallOptions options_;
  bool global_ = false;
};

const Registered<Install> kInstall("install",
                                   "set up filters, drivers and hooks in this repository",
                                   "mgit install");

}  // namespace
}  // namespace mgit::cli
