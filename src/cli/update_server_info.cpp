// mgit update-server-info: git update-server-info, and the same for the objects.
#include "cli/git_arguments.h"
#include "cli/pass_through.h"
#include "mgit/workspace.h"
#include "remote/server_info.h"

namespace mgit::cli {
namespace {

class UpdateServerInfo : public PassThrough {
  std::string usage() const override { return "git update-server-info's options"; }
  void declare(Options& options) override {
    options.description(
        "For a repository that a plain web server hands out: writes mgit/pack-index, which says "
        "what "
        "the packs hold. From then on mgit keeps it up to date.");
  }
  int run_with(const std::vector<std::string>& arguments) override {
    write_server_info(Workspace::discover().store());
    exec_git("update-server-info", arguments);
  }
};

const Registered<UpdateServerInfo> kUpdateServerInfo("update-server-info",
                                                     "let a plain web server hand out the models",
                                                     "mgit update-server-info");

}  // namespace
}  // namespace mgit::cli
