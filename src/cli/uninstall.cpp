// mgit uninstall: takes away what mgit install put in place.
#include <fmt/format.h>

#include "base/words.h"
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
    const Repository repository = Repository::discover();
    for (const std::string& warning : uninstall(repository)) say("warning: " + warning);
    say_what_stays(repository);
    return 0;
  }

 private:
  static void say_what_stays(const Repository& repository) {
    const auto head = repository.head();
    const std::size_t models = head ? repository.checkpoints_at(*head).size() : 0;
    if (models == 0 || repository.work_dir().empty()) return;
    say(fmt::format("note: {} of HEAD {} in git; the tensors stay in {}",
                    counted(models, "checkpoint"), models == 1 ? "is a manifest" : "are manifests",
                    repository.mgit_dir().lexically_relative(repository.work_dir()).string()));
    say("hint: 'mgit migrate export' puts the files themselves into git; 'mgit install' takes this "
        "back");
  }

  bool global_ = false;
};

const Registered<Uninstall> kUninstall("uninstall", "undo mgit install, byte for byte",
                                       "mgit uninstall");

}  // namespace
}  // namespace mgit::cli
