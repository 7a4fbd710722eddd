// git-merge-mgit: git calls it as `git-merge-mgit [--option…] <base>… -- <ours> <theirs>…`.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "cli/command.h"
#include "cli/weights.h"
#include "mgit/remote.h"
#include "workflow/merge/merge.h"

namespace mgit::cli {
namespace {

class RunMergeStrategy : public Command {
 public:
  void options(Options&) override {}
  std::optional<int> run_raw(const std::vector<std::string>& arguments) override {
    StrategyCall call;
    bool after_separator = false;
    for (const std::string& argument : arguments) {
      if (argument == "--") {
        after_separator = true;
      } else if (argument.starts_with("--")) {
        take_option(call, argument);
      } else if (!after_separator) {
        call.bases.push_back(argument);
      } else if (call.ours.empty()) {
        call.ours = argument;
      } else {
        call.theirs.push_back(argument);
      }
    }
    // Flushed line by line: git's own words follow on the same stream.
    call.say = [](const std::string& line) {
      fmt::print("{}\n", line);
      std::fflush(stdout);
    };
    Workspace repository = Workspace::discover();
    repository.set_fetcher(fetch_objects);
    return run_merge_strategy(repository, call);
  }
  int run() override { return 0; }

 private:
  static void take_option(StrategyCall& call, const std::string& argument) {
    MergeOptions& options = call.options;
    if (argument == "--weight=data") {
      options.weigh_by_data = true;
    } else if (argument.starts_with(kWeight)) {
      options.weights = parse_weights(argument.substr(kWeight.size()));
    } else if (argument.starts_with(kStrategy)) {
      options.strategy = argument.substr(kStrategy.size());
    } else if (const auto many = many_of(argument)) {
      options.many = *many;
    } else if (argument.starts_with(kMethod)) {
      options.matching.method = argument.substr(kMethod.size());
    } else if (argument.starts_with(kSteps)) {
      options.matching.options.steps = std::atoi(argument.c_str() + kSteps.size());
    } else if (const auto weighting = weighting_of(argument)) {
      options.matching.options.weighting = *weighting;
    } else if (argument == "--no-rebase") {
      options.rebase = false;
    } else if (argument == "--no-repair") {
      options.repair = false;
    } else if (argument == "--repair=data") {
      options.repair_with_data = true;
    } else if (argument.starts_with(kData)) {
      options.repair_data = options.matching.data.data = argument.substr(kData.size());
    } else if (argument.starts_with(kGraph)) {
      options.repair_graph = options.matching.data.graph = argument.substr(kGraph.size());
    } else if (argument == "--combine") {
      options.combine = true;
    } else if (argument == "--whole") {
      options.whole = true;
    } else if (argument == "--trust-spec") {
      options.trust_spec = true;
    } else if (argument == "--take=ours") {
      options.take = TakenSide::kOurs;
    } else if (argument == "--take=theirs") {
      options.take = TakenSide::kTheirs;
    } else {
      call.recursive_options.push_back(argument);
    }
  }

  static std::optional<ManyModels> many_of(const std::string& argument) {
    constexpr std::string_view kMany = "--many=";
    return argument.starts_with(kMany) ? many_from_name(argument.substr(kMany.size()))
                                       : std::nullopt;
  }

  static std::optional<Weighting> weighting_of(const std::string& argument) {
    constexpr std::string_view kWeighting = "--weighting=";
    return argument.starts_with(kWeighting)
               ? weighting_from_name(argument.substr(kWeighting.size()))
               : std::nullopt;
  }

  static constexpr std::string_view kSteps = "--steps=";
  static constexpr std::string_view kMethod = "--method=";
  static constexpr std::string_view kWeight = "--weight=";
  static constexpr std::string_view kData = "--repair-data=";
  static constexpr std::string_view kGraph = "--repair-graph=";
  static constexpr std::string_view kStrategy = "--strategy=";
};

const Registered<RunMergeStrategy> kMergeStrategy("merge-strategy",
                                                  "the strategy behind git merge -s mgit", "",
                                                  Visibility::kHidden);

}  // namespace
}  // namespace mgit::cli
