#include "cli/evaluation.h"

#include <fmt/format.h>

#include "mgit/remote.h"

namespace mgit::cli {

void add_evaluation_options(CLI::App& app, EvaluationRequest& request) {
  app.add_option("--graph", request.graph, "the network, as TorchScript");
  app.add_option("--data", request.data, "safetensors with \"input\" and \"target\"");
  app.add_option("--loss", request.loss, "cross_entropy or mse");
  app.add_option("--batch", request.batch, "samples at a time (default 1000)");
  app.add_option("--model", request.model, "its name in .mgitconfig, where there are several");
}

std::unique_ptr<Repository> find_repository() {
  try {
    auto repository = std::make_unique<Repository>(Repository::discover());
    repository->set_fetcher(fetch_objects);
    return repository;
  } catch (const Error&) {
    return nullptr;
  }
}

std::string accuracy_text(const Evaluation& evaluation) {
  return evaluation.accuracy ? fmt::format("{:.2f} %", *evaluation.accuracy * 100) : "-";
}

nlohmann::ordered_json evaluation_json(const Evaluation& evaluation) {
  nlohmann::ordered_json json{{"loss", evaluation.loss}};
  if (evaluation.accuracy) json["accuracy"] = *evaluation.accuracy;
  json["samples"] = evaluation.samples;
  return json;
}

nlohmann::ordered_json setting_json(const EvaluatorOptions& setting) {
  return {
      {"graph", setting.graph.string()}, {"data", setting.data.string()}, {"loss", setting.loss}};
}

}  // namespace mgit::cli
