// mgit rebase: parse both forms, print what happened.
#include <fmt/format.h>

#include <array>
#include <set>

#include "base/process.h"
#include "cli/command.h"
#include "cli/matching_options.h"
#include "mgit/remote.h"
#include "model/model_spec.h"
#include "workflow/rebase.h"

namespace mgit::cli {
namespace {

using Outcome = RebaseResult::Outcome;

std::string short_name(const std::string& ref) {
  return ref.starts_with("refs/heads/") ? ref.substr(11) : ref;
}

void print_moved_groups(const RebasedModel& model) {
  fmt::print("  {:<24} {:>6} {:>6} {:>14} {:>14}\n", "group", "units", "move", "before", "after");
  for (const GroupMatch& group : model.match.groups)
    fmt::print("  {:<24} {:>6} {:>6} {:>14.4f} {:>14.4f}\n", group.name, group.size, group.moved,
               group.before, group.after);
}

void print_model(const RebasedModel& model, bool details) {
  if (!model.moves_with.empty()) {
    fmt::print("{}: an adapter, which moves with {}\n", model.path, model.moves_with);
    return;
  }
  if (model.in_basin && !details) {
    fmt::print("{}: already in this basin (objective {:.2f}, best found {:.2f})\n", model.path,
               model.match.objective_before, model.match.objective_after);
    return;
  }
  const UnitCount units = count_units(model.match);
  fmt::print("{}: {} of {} hidden units move, objective {:.2f} -> {:.2f} ({} sweeps, {})\n",
             model.path, units.moved, units.all, model.match.objective_before,
             model.match.objective_after, model.match.sweeps, describe_spec(model.spec));
  if (details) print_moved_groups(model);
}

class RebaseCommand : public Command {
 public:
  void options(Options& options) override {
    options.arguments("arguments", arguments_, "[<branch> onto] <target>").at_most(3);
    options.flag("--dry-run,-n", options_.dry_run,
                 "show per group what would move; change nothing");
    matching_.add(options, options_.matching);
    options.flag("--trust-spec", options_.trust_spec, "use a spec that was not proved");
    options.flag("--leave-adapters", options_.leave_adapters,
                 "adapters stay as they are, also where their model moves");
    for (Step& step : steps_)
      options.flag(step.option, step.wanted, "of a rebase of git's that stopped");
  }

  /// -i, --onto …: git's own rebase, where the merge driver keeps models apart.
  bool belongs_to_git(const std::vector<std::string>& arguments) const override {
    static const std::set<std::string> kOurs{
        "--dry-run", "-n",      "--seed",     "--restarts", "--method",    "--trust-spec",
        "--help",    "--data",  "--graph",    "-h",         "--weighting", "--steps",
        "--order",   "--abort", "--continue", "--skip",     "--quit",      "--leave-adapters"};
    return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
      return argument.starts_with("-") && !kOurs.contains(argument.substr(0, argument.find('=')));
    });
  }

  int run() override {
    Workspace repository = Workspace::discover();
    for (const Step& step : steps_)
      if (step.wanted) go_on(repository, step);
    matching_.read(options_.matching);
    parse_arguments();
    if (in_gits_order_)
      options_.before_rewriting = [this](const RebaseResult& result) { ask_which_moves(result); };
    repository.set_fetcher(fetch_objects);
    const RebaseResult result = rebase(repository, options_);
    if (result.outcome == Outcome::kNoModels && in_gits_order_) ask_which_moves(result);
    if (result.outcome == Outcome::kNoModels)
      exec_process({"git", "rebase", options_.onto, short_name(result.branch)});
    print(result);
    return 0;
  }

 private:
  struct Step {
    const char* option;
    bool wanted = false;
  };

  /// mgit's own rebase is done in one step: only git's can have stopped.
  static void go_on(const Repository& repository, const Step& step) {
    if (repository.operation_under_way() == "rebase") exec_process({"git", "rebase", step.option});
    throw Error("no rebase has stopped here", std::string("mgit rebase ") + step.option,
                "a finished one is taken back by: mgit undo");
  }

  /// `<branch> onto <target>`, or git's `<upstream> [<branch>]`.
  void parse_arguments() {
    if (arguments_.size() == 3 && arguments_[1] == "onto") {
      options_.branch = arguments_[0];
      options_.onto = arguments_[2];
    } else if (arguments_.size() == 2 && arguments_[0] == "onto") {
      options_.onto = arguments_[1];
    } else if (arguments_.size() == 1) {
      options_.onto = arguments_[0];
    } else if (arguments_.size() == 2) {
      options_.onto = arguments_[0];
      options_.branch = arguments_[1];
      in_gits_order_ = true;
    } else if (arguments_.empty()) {
      options_.onto = "@{upstream}";
    } else {
      throw UsageError("three arguments that are not '<branch> onto <target>'", "mgit rebase",
                       "mgit rebase feature-branch onto main");
    }
  }

  /// git's `rebase <upstream> <branch>` moves the second; without the word "onto" many mean the
  /// first.
  void ask_which_moves(const RebaseResult& result) const {
    const std::string branch = short_name(result.branch);
    throw UsageError(
        fmt::format("which model is to move? In git's order this rewrites {}", branch),
        "mgit rebase " + options_.onto + " " + branch,
        fmt::format("mgit rebase {0} onto {1} moves {0}; mgit rebase {1} onto {0} moves {1}",
                    options_.onto, branch));
  }

  void print(const RebaseResult& result) const {
    const std::string branch = short_name(result.branch);
    if (result.outcome == Outcome::kUpToDate) {
      fmt::print("Current branch {} is up to date.\n", branch);
      return;
    }
    for (const RebasedModel& model : result.models)
      print_model(model, result.outcome == Outcome::kDryRun);
    for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
    if (result.outcome == Outcome::kAlreadyInBasin)
      fmt::print("{} is already in the basin of {}; nothing was rewritten.\n", branch,
                 options_.onto);
    if (result.outcome == Outcome::kRewritten)
      fmt::print("Successfully rebased {} onto {}: {} commit{} rewritten, {} -> {}.\n", branch,
                 options_.onto, result.rewritten, result.rewritten == 1 ? "" : "s",
                 result.old_tip.brief(), result.new_tip.brief());
    if (result.outcome == Outcome::kRewritten) fmt::print("To take it back: mgit undo\n");
  }

  RebaseOptions options_;
  MatchingOptions matching_;
  std::vector<std::string> arguments_;
  std::array<Step, 4> steps_{{{"--abort"}, {"--continue"}, {"--skip"}, {"--quit"}}};
  bool in_gits_order_ = false;
};

const Registered<RebaseCommand> kRebase("rebase", "bring a branch's model into another's basin",
                                        "mgit rebase feature-branch onto main");

}  // namespace
}  // namespace mgit::cli
