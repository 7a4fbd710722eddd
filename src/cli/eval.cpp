// mgit eval: loss and accuracy of models.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/words.h"
#include "cli/command.h"
#include "cli/evaluation.h"

namespace mgit::cli {
namespace {

class Eval : public Command {
 public:
  void options(Options& options) override {
    options.description(
        "The network, the data and the loss come from .mgitconfig or from the options. Of several "
        "models the best, the one with the least loss, is printed first.\n\n"
        "--json prints one object for one model, else a list in the order of the command line: "
        "model, path, commit, weights_in (the key of a training state), loss, accuracy (of a "
        "classifier), samples, largest_output_change (with --against), setting (graph, data, "
        "loss).");
    options.arguments("models", names_,
                      "revisions (rev or rev:path), ranges (rev..rev, rev..rev:path) or checkpoint "
                      "files; default HEAD");
    add_evaluation_options(options, request_);
    options
        .value("--against", request_.against,
               "also the largest change of any output against this model's")
        .value_name("model");
    options.flag("--json", json_, "one JSON document");
  }

  int run() override {
    const std::unique_ptr<Workspace> repository = find_repository();
    std::vector<EvaluatedModel> results = evaluate_models(
        repository.get(), without_ranges(repository.get(), names_, request_), request_);
    if (json_) {
      print_json(results);
      return 0;
    }
    std::stable_sort(results.begin(), results.end(),
                     [](const EvaluatedModel& a, const EvaluatedModel& b) {
                       return a.result.loss < b.result.loss ||
                              (!std::isnan(a.result.loss) && std::isnan(b.result.loss));
                     });
    print_table(results);
    return 0;
  }

 private:
  static void print_table(const std::vector<EvaluatedModel>& results) {
    std::size_t width = 0;
    for (const EvaluatedModel& each : results) width = std::max(width, each.model.name.size());
    for (const EvaluatedModel& each : results) {
      fmt::print("{:<{}}  loss {:.4f}", each.model.name, width, each.result.loss);
      if (each.result.accuracy) fmt::print("  accuracy {}", accuracy_text(each.result));
      fmt::print("  ({} of {}{})\n", counted(each.result.samples, "sample"),
                 each.setting.data.filename().string(),
                 each.model.weights_in.empty()
                     ? ""
                     : fmt::format(", weights in '{}'", each.model.weights_in));
      if (each.largest_output_change)
        fmt::print("{:<{}}  largest change of an output {:.3g}\n", "", width,
                   *each.largest_output_change);
    }
  }

  static Json result_json(const EvaluatedModel& each) {
    Json json{{"model", each.model.name}, {"path", each.model.path}};
    if (each.model.commit) json["commit"] = each.model.commit->hex();
    if (!each.model.weights_in.empty()) json["weights_in"] = each.model.weights_in;
    json.update(evaluation_json(each.result));
    if (each.largest_output_change) json["largest_output_change"] = *each.largest_output_change;
    json["setting"] = setting_json(each.setting);
    return json;
  }

  static void print_json(const std::vector<EvaluatedModel>& results) {
    Json all = Json::array();
    for (const EvaluatedModel& each : results) all.push_back(result_json(each));
    fmt::print("{}\n", (results.size() == 1 ? all.elements().front() : all).dump());
  }

  std::vector<std::string> names_{"HEAD"};
  EvaluationRequest request_;
  bool json_ = false;
};

const Registered<Eval> kEval("eval", "loss and accuracy of a model",
                             "mgit eval main feature-branch\nmgit eval main~5..main");

}  // namespace
}  // namespace mgit::cli
