// mgit fsck: every object read and compared with its name.
#include <fmt/format.h>

#include "cli/command.h"
#include "mgit/repo.h"

namespace mgit::cli {
namespace {

class Fsck : public Command {
 public:
  void options(CLI::App& app) override {
    app.add_flag("--rebuild", rebuild_, "index all packs again first; forgets damaged objects");
  }

  int run() override {
    const Repository repository = Repository::discover();
    Store& store = repository.store();
    if (rebuild_) store.rebuild();
    const FsckReport report = store.fsck();
    for (const std::string& problem : report.problems) fmt::print("{}\n", problem);
    fmt::print(stderr, "{} objects, {} bytes, {} problems\n", report.objects, report.bytes,
               report.problems.size());
    return report.problems.empty() ? 0 : 1;
  }

 private:
  bool rebuild_ = false;
};

const Registered<Fsck> kFsck("fsck", "verify every tensor object of the store",
                             "mgit fsck\nmgit fsck --rebuild");

}  // namespace
}  // namespace mgit::cli
