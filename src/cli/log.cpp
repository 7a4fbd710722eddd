// mgit log: git log; --all is all of the project's history, without mgit's own.
#include "base/process.h"
#include "cli/command.h"

namespace mgit::cli {
namespace {

class Log : public Command {
 public:
  void options(Options& options) override { options.as_git("git log's options and revisions"); }
  bool belongs_to_git(const std::vector<std::string>& arguments) const override {
    return all_of(arguments) == arguments.end();
  }
  std::optional<int> run_raw(const std::vector<std::string>& arguments) override {
    std::vector<std::string> command{"git", "log"};
    const auto all = all_of(arguments);
    command.insert(command.end(), arguments.begin(), all);
    command.insert(command.end(), {"--exclude=refs/notes/mgit/*", "--exclude=refs/mgit/*"});
    command.insert(command.end(), all, arguments.end());
    exec_process(command);
  }
  int run() override { return 0; }

 private:
  using Arguments = std::vector<std::string>;
  static Arguments::const_iterator all_of(const Arguments& arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const auto found = std::find(arguments.begin(), end, "--all");
    return found == end ? arguments.end() : found;
  }
};

const Registered<Log> kLog("log", "git log; --all leaves out notes and the originals of rebases",
                           "mgit log --all --graph --oneline");

}  // namespace
}  // namespace mgit::cli
