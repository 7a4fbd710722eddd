// mgit uninstall: takes away what mgit install put in place.
#include "cli/command.h"
#include "cli/say.h"
#include "git/install.h"

namespace mgit::cli {
namespace {

class Uninstall : public Command {
 public:
  void options(Options& options) override {
    options.flag("--global", global_, "what mgit install --global wrote");
  }
  int run() override {
    if (global_) {
      uninstall_globally();
      return 0;
    }
    for (const std::string& warning : uninstall(Repository::discover())) say("warning: " + warning);
    return 0;
  }

 private:
  bool global_ = false;
};

const Registered<Uninstall> kUninstall("uninstall", "undo mgit install, byte for byte",
                                       "mgit uninstall");

}  // namespace
}  // namespace mgit::cli
