// mgit merge: decides the route, then git runs the merge with our strategy.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/process.h"
#include "cli/command.h"
#include "cli/matching_options.h"
#include "cli/say.h"
#include "cli/weights.h"
#include "mgit/remote.h"
#include "workflow/adopt/adopt_on_merge.h"
#include "workflow/merge/merge.h"

namespace mgit::cli {
namespace {

class Merge : public Command {
 public:
  void options(Options& options) override {
    options.arguments("branches", branches_, "what to merge into the current branch").required();
    options
        .value("--weight,-w", weight_,
               "theirs' share (0.3), a weight for ours and each branch (2,1), or data: as many "
               "samples or tokens as each side's commits say that they trained on (Mgit-Trained); "
               "default: by the number of trainings each side holds")
        .value_name("weights");
    options.flag("--combine", merge_.combine,
                 "combine both models also where a merge would take one of them");
    options.flag("--ours", ours_, "where both changed a model, take ours as it is");
    options.flag("--theirs", theirs_, "where both changed a model, take theirs as it is");
    options.flag("--no-rebase", no_rebase_, "do not bring theirs into our basin first");
    options
        .value("--many", many_,
               "how several branches' models are brought into one basin: universe (each with the "
               "sum of all others, the default), hierarchical, pairwise (each with ours alone)")
        .value_name("how");
    method_.add(options, merge_.matching);
    options.flag("--no-repair", no_repair_,
                 "average the running variances of batch norms as well; by default they follow "
                 "from the weights");
    options
        .value("--repair", repair_,
               "weights (the default), none (--no-repair), or data: what was merged is fitted to "
               "data, as mgit repair does, in the merge commit itself")
        .value_name("how");
    options
        .value("--data", merge_.repair_data,
               "of --repair data, and of methods that run the networks: the file (default: "
               ".mgitconfig's)")
        .value_name("file");
    options
        .value("--graph", merge_.repair_graph,
               "of these, too: the network (default: .mgitconfig's)")
        .value_name("file");
    options.flag("--trust-spec", merge_.trust_spec,
                 "bring it there by a spec of your own, which nothing proves");
    options.flag("--ff", fast_forward_, "take theirs where git could fast-forward, as git would");
    options.flag("--no-ff", no_fast_forward_, "make a merge commit even where ours is contained");
    options.flag("--squash", squash_, "stage the result only: no commit, no second parent");
    options.flag("--autostash", autostash_, "stash local changes before, and apply them after");
    options.flag("--no-autostash", no_autostash_,
                 "do not, also where merge.autostash is configured");
    options
        .value("-s,--strategy", merge_.strategy,
               "how models are combined (mean), or a strategy of git's for everything (ort, ours)")
        .value_name("strategy");
    declare_git_options(options);
    options
        .values("-X,--strategy-option", strategy_options_,
                "for ordinary files, as git's; whole: combine tensors that one side changed, too")
        .value_name("option");
    options.footer(
        "Example:\n  mgit merge feature-branch\n\n"
        "  mgit merge --abort | --continue | --quit   a merge that stopped, as git's");
  }

  void declare_git_options(Options& options) {
    const auto git = [&](const char* spelled, const char* help) {
      options.git(spelled, for_git_, help);
    };
    git("-m,--message <message>", "the merge commit's message");
    git("-F,--file <file>", "take the message from a file");
    git("--into-name <name>", "name of the target branch in the message");
    git("--log[=<n>]", "list the merged commits in the message");
    git("--no-log", "do not");
    git("-e,--edit", "edit the message before the commit");
    git("--no-edit", "accept the message that git proposes");
    git("--cleanup <mode>", "how to strip spaces and comments from the message");
    git("--signoff", "add a Signed-off-by trailer");
    git("--no-signoff", "do not");
    git("-S,--gpg-sign[<key-id>]", "sign the merge commit");
    git("--no-gpg-sign", "do not");
    git("--commit", "commit the result, also where --no-commit is configured");
    git("--no-commit", "stop before the commit");
    git("--verify", "run the hooks pre-merge-commit and commit-msg (the default)");
    git("--no-verify", "leave them out");
    git("--verify-signatures", "refuse tips without a valid signature");
    git("--no-verify-signatures", "do not");
    git("--stat,--summary", "show a diffstat at the end of the merge");
    git("-n,--no-stat,--no-summary", "show none");
    git("-v,--verbose", "say more");
    git("-q,--quiet", "say less");
    git("--progress", "show progress even if stderr is not a terminal");
    git("--no-progress", "show none");
    git("--rerere-autoupdate", "stage what rerere resolved");
    git("--no-rerere-autoupdate", "do not");
    git("--overwrite-ignore", "overwrite ignored files (the default)");
    git("--no-overwrite-ignore", "stop before an ignored file is overwritten");
    git("--allow-unrelated-histories", "merge histories without a common commit");
  }

  /// --abort, --continue, -s ort …: git's own.
  bool belongs_to_git(const std::vector<std::string>& arguments) const override {
    static const std::set<std::string> kGits{"--abort", "--continue", "--quit", "--ff-only"};
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      if (argument == "--") break;
      if (kGits.contains(argument.substr(0, argument.find('=')))) return true;
      if (const auto strategy = named_strategy(arguments, i); strategy && !find_strategy(*strategy))
        return true;
    }
    return false;
  }

  int run() override {
    check_options();
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    take_in_raw_sides(repository);
    const MergeRoute route = choose_merge_route(repository, branches_, merge_, stashes(repository));
    switch (route) {
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
    refuse_squashed_fast_forward(repository, route);
    // git knows no --squash with --no-ff, which may be configured.
    std::vector<std::string> configuration;
    std::vector<std::string> strategy{"-s", "mgit"};
    if (squash_)
      configuration = {"-c", "merge.ff=true"};
    else
      strategy.emplace_back("--no-ff");
    for (const std::string& option : model_options()) strategy.push_back("-X" + option);
    exec_process(git_merge(configuration, strategy));
  }

 private:
  /// The value of -s or --strategy, if the argument at `i` is that.
  static std::optional<std::string> named_strategy(const std::vector<std::string>& arguments,
                                                   std::size_t i) {
    constexpr std::string_view kLong = "--strategy=";
    const std::string& argument = arguments[i];
    if (argument == "-s" || argument == "--strategy")
      return i + 1 < arguments.size() ? std::optional(arguments[i + 1]) : std::nullopt;
    if (argument.starts_with(kLong)) return argument.substr(kLong.size());
    if (argument.starts_with("-s") && argument.size() > 2) return argument.substr(2);
    return std::nullopt;
  }

  void check_options() {
    method_.read(merge_.matching);
    check_repair();
    merge_.weigh_by_data = weight_ == "data";
    if (!weight_.empty() && !merge_.weigh_by_data) merge_.weights = parse_weights(weight_);
    if (!merge_.weights.empty() && merge_.weights.size() != branches_.size() + 1)
      throw UsageError(
          fmt::format("{} weights for {} models", merge_.weights.size(), branches_.size() + 1),
          "--weight " + weight_, "one for ours, then one for each branch");
    if (!many_.empty() && !many_from_name(many_))
      throw UsageError("no such way to match many models", "--many " + many_,
                       fmt::format("there is: {}", kManyNames));
    if (ours_ && theirs_) throw UsageError("they exclude each other", "--ours, --theirs");
    if (ours_) merge_.take = TakenSide::kOurs;
    if (theirs_) merge_.take = TakenSide::kTheirs;
    const bool combines = merge_.combine || merge_.weighs();
    const char* const asked = merge_.combine ? "--combine" : "--weight";
    if (combines && fast_forward_)
      throw UsageError(fmt::format("a fast-forward takes theirs, {} combines", asked), "--ff",
                       fmt::format("leave --ff or {} out", asked));
    if (combines && (ours_ || theirs_))
      throw UsageError(fmt::format("it takes one model, {} combines them", asked),
                       ours_ ? "--ours" : "--theirs");
  }

  /// What came from somebody without mgit: the commits that took it in are what is merged.
  void take_in_raw_sides(Workspace& repository) {
    if (!stashes(repository) && !repository.is_clean()) return;  // refused below
    std::vector<MergeHead> heads;
    for (const std::string& name : branches_) heads.push_back({name, repository.require(name)});
    adopt_before_merge(repository, heads, say);
    if (std::ranges::none_of(heads, &MergeHead::adopted)) return;
    for (std::size_t i = 0; i < heads.size(); ++i) branches_[i] = heads[i].commit.hex();
    const auto has_message = [](const std::string& word) {
      return word.starts_with("-m") || word.starts_with("--message") || word.starts_with("-F") ||
             word.starts_with("--file");
    };
    if (std::ranges::none_of(for_git_, has_message))
      for_git_.push_back("--message=" + merge_message(repository, heads));
  }

  void check_repair() {
    if (!repair_.empty() && repair_ != "weights" && repair_ != "data" && repair_ != "none")
      throw UsageError("there is: weights, data, none", "--repair " + repair_);
    if (no_repair_ && !repair_.empty() && repair_ != "none")
      throw UsageError("it repairs nothing, --repair " + repair_ + " does", "--no-repair");
    no_repair_ = no_repair_ || repair_ == "none";
    merge_.repair_with_data = repair_ == "data";
    if (!merge_.repair_with_data && !runs_networks() &&
        !(merge_.repair_data.empty() && merge_.repair_graph.empty()))
      throw UsageError("nothing is repaired or matched with it",
                       merge_.repair_data.empty() ? "--graph" : "--data", "--repair data");
  }

  bool runs_networks() const {
    return require_method(merge_.matching.method).needs != MatchingNeeds::kWeights;
  }

  /// git squashes a fast-forward without asking a strategy.
  void refuse_squashed_fast_forward(const Repository& repository, MergeRoute route) const {
    if (!squash_ || route != MergeRoute::kCombine || branches_.size() != 1) return;
    if (repository.is_ancestor(repository.require("HEAD"), repository.require(branches_.front())))
      throw UsageError("git would fast-forward here, and a squash would take theirs", "--squash",
                       "leave --squash out: the models are combined in a merge commit");
  }

  /// What the strategy is told by -X.
  std::vector<std::string> model_options() const {
    std::vector<std::string> options;
    if (!weight_.empty()) options.push_back("weight=" + weight_);
    if (merge_.strategy != MergeOptions().strategy)
      options.push_back("strategy=" + merge_.strategy);
    if (no_rebase_) options.emplace_back("no-rebase");
    const MatchingChoice& matching = merge_.matching;
    if (matching.method != kDefaultMethod) options.push_back("method=" + matching.method);
    if (matching.options.weighting != MatchOptions().weighting)
      options.push_back(fmt::format("weighting={}", weighting_name(matching.options.weighting)));
    if (!many_.empty()) options.push_back("many=" + many_);
    if (matching.options.steps != MatchOptions().steps)
      options.push_back(fmt::format("steps={}", matching.options.steps));
    if (no_repair_) options.emplace_back("no-repair");
    if (merge_.repair_with_data) options.emplace_back("repair=data");
    // git calls the strategy elsewhere.
    if (!merge_.repair_data.empty())
      options.push_back("repair-data=" + std::filesystem::absolute(merge_.repair_data).string());
    if (!merge_.repair_graph.empty())
      options.push_back("repair-graph=" + std::filesystem::absolute(merge_.repair_graph).string());
    if (merge_.combine) options.emplace_back("combine");
    if (merge_.trust_spec) options.emplace_back("trust-spec");
    if (ours_) options.emplace_back("take=ours");
    if (theirs_) options.emplace_back("take=theirs");
    return options;
  }

  bool stashes(const Repository& repository) const {
    if (autostash_ || no_autostash_) return autostash_ && !no_autostash_;
    return repository.config("merge.autostash").value_or("false") == "true";
  }

  std::vector<std::string> git_merge(const std::vector<std::string>& configuration,
                                     const std::vector<std::string>& strategy) const {
    std::vector<std::string> command{"git"};
    command.insert(command.end(), configuration.begin(), configuration.end());
    command.emplace_back("merge");
    command.insert(command.end(), strategy.begin(), strategy.end());
    for (const std::string& option : strategy_options_) command.push_back("-X" + option);
    if (squash_) command.emplace_back("--squash");
    if (autostash_) command.emplace_back("--autostash");
    if (no_autostash_) command.emplace_back("--no-autostash");
    command.insert(command.end(), for_git_.begin(), for_git_.end());
    command.insert(command.end(), branches_.begin(), branches_.end());
    return command;
  }

  std::vector<std::string> branches_;
  MergeOptions merge_;
  MethodOptions method_;
  std::string weight_;
  std::string many_;
  bool ours_ = false;
  bool theirs_ = false;
  bool no_rebase_ = false;
  bool no_repair_ = false;
  std::string repair_;
  bool fast_forward_ = false;
  bool no_fast_forward_ = false;
  bool squash_ = false;
  bool autostash_ = false;
  bool no_autostash_ = false;
  std::vector<std::string> for_git_;
  std::vector<std::string> strategy_options_;
};

const Registered<Merge> kMerge("merge", "combine models, and merge files as git does", "");

}  // namespace
}  // namespace mgit::cli
