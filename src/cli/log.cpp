// mgit log: git log; --all is all of the project's history, without mgit's own.
#include <algorithm>

#include "base/process.h"
#include "cli/pass_through.h"

namespace mgit::cli {
namespace {

class Log : public PassThrough {
  std::string usage() const override { return "git log's options and revisions"; }
  int run_with(const std::vector<std::string>& arguments) override {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const auto all = std::find(arguments.begin(), end, "--all");
    std::vector<std::string> command{"git", "log"};
    command.insert(command.end(), arguments.begin(), all);
    if (all != end)
      command.insert(command.end(), {"--exclude=refs/notes/mgit/*", "--exclude=refs/mgit/*"});
    command.insert(command.end(), all, arguments.end());
    exec_process(command);
  }
};

const Registered<Log> kLog("log", "git log; --all leaves out notes and the originals of rebases",
                           "mgit log --all --graph --oneline");

}  // namespace
}  // namespace mgit::cli
