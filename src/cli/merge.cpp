// mgit merge: decides the route, then git runs the merge with our strategy.
#include <fmt/format.h>

#include <set>

#include "base/process.h"
#include "cli/command.h"
#include "cli/weights.h"
#include "mgit/remote.h"
#include "workflow/merge/merge.h"

namespace mgit::cli {
namespace {

class Merge : public Command {
 public:
  void options(Options& options) override {
    options.arguments("branches", branches_, "what to merge into the current branch").required();
    options.value(
        "--weight,-w", weight_,
        "theirs' share (0.3), or a weight for ours and each branch (2,1); default: by the "
        "number of trainings each side holds");
    options.flag("--no-rebase", no_rebase_, "do not bring theirs into our basin first");
    options.flag("--ff", fast_forward_, "take theirs where git could fast-forward, as git would");
    options.flag("--no-ff", no_fast_forward_, "make a merge commit even where ours is contained");
    options.flag("--no-commit", no_commit_, "stop before the commit");
    options.flag("--no-edit", no_edit_, "accept the message that git proposes");
    options.flag("--allow-unrelated-histories", unrelated_, "as git's");
    options.value("-m,--message", message_, "the merge commit's message");
    options.value("-X,--strategy-option", strategy_options_, "for ordinary files, as git's");
    options.footer(
        "Example:\n  mgit merge feature-branch\n\n"
        "  mgit merge --abort | --continue | --quit   a merge that stopped, as git's");
  }

  /// --abort, --continue, --squash, -s ort …: git's own.
  bool belongs_to_git(const std::vector<std::string>& arguments) const override {
    static const std::set<std::string> kGits{"--abort",   "--continue", "--quit",    "--squash",
                                             "--ff-only", "-s",         "--strategy"};
    return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
      return kGits.contains(argument.substr(0, argument.find('=')));
    });
  }

  int run() override {
    const std::vector<double> weights =
        weight_.empty() ? std::vector<double>{} : parse_weights(weight_);
    if (!weights.empty() && weights.size() != branches_.size() + 1)
      throw UsageError(
          fmt::format("{} weights for {} models", weights.size(), branches_.size() + 1),
          "--weight " + weight_, "one for ours, then one for each branch");
    Repository repository = Repository::discover();
    repository.set_fetcher(fetch_objects);
    switch (choose_merge_route(repository, branches_)) {
      case MergeRoute::kUpToDate:
        fmt::print("Already up to date.\n");
        return 0;
      case MergeRoute::kFastForward:
        if (!no_fast_forward_) exec_process(git_merge({"-c", "merge.ff=true"}, {"--ff"}));
        break;
      case MergeRoute::kCombine:
        break;
    }
    if (fast_forward_) exec_process(git_merge({"-c", "merge.ff=true"}, {"--ff"}));
    std::vector<std::string> strategy{"--no-ff", "-s", "mgit"};
    if (!weight_.empty()) strategy.push_back("-Xweight=" + weight_);
    if (no_rebase_) strategy.emplace_back("-Xno-rebase");
    exec_process(git_merge({}, strategy));
  }

 private:
  std::vector<std::string> git_merge(const std::vector<std::string>& configuration,
                                     const std::vector<std::string>& strategy) const {
    std::vector<std::string> command{"git"};
    command.insert(command.end(), configuration.begin(), configuration.end());
    command.emplace_back("merge");
    command.insert(command.end(), strategy.begin(), strategy.end());
    for (const std::string& option : strategy_options_) command.push_back("-X" + option);
    if (no_commit_) command.emplace_back("--no-commit");
    if (no_edit_) command.emplace_back("--no-edit");
    if (unrelated_) command.emplace_back("--allow-unrelated-histories");
    if (!message_.empty()) command.insert(command.end(), {"-m", message_});
    command.insert(command.end(), branches_.begin(), branches_.end());
    return command;
  }

  std::vector<std::string> branches_;
  std::string weight_;
  bool no_rebase_ = false;
  bool fast_forward_ = false;
  bool no_fast_forward_ = false;
  bool no_commit_ = false;
  bool no_edit_ = false;
  bool unrelated_ = false;
  std::string message_;
  std::vector<std::string> strategy_options_;
};

const Registered<Merge> kMerge("merge", "combine models, and merge files as git does", "");

}  // namespace
}  // namespace mgit::cli
