#include "cli/evaluation.h"

#include <fmt/format.h>

#include "mgit/remote.h"

namespace mgit::cli {

void add_evaluation_options(Options& options, EvaluationRequest& request) {
  options
      .value("--graph", request.graph,
             "the network: TorchScript, a .pt2 file of torch.export, or an ONNX model")
      .value_name("file");
  options.value("--data", request.data, "safetensors with \"input\" and \"target\"")
      .value_name("file");
  options.value("--loss", request.loss, "cross_entropy or mse").value_name("name");
  options.value("--batch", request.batch, "samples at a time (default 1000)");
  options.value("--model", request.model, "its name in .mgitconfig, where there are several")
      .value_name("name");
}

std::unique_ptr<Workspace> find_repository() {
  try {
    auto repository = std::make_unique<Workspace>(Workspace::discover());
    repository->set_fetcher(fetch_objects);
    return repository;
  } catch (const Error&) {
    return nullptr;
  }
}

std::string accuracy_text(const Evaluation& evaluation) {
  return evaluation.accuracy ? fmt::format("{:.2f} %", *evaluation.accuracy * 100) : "-";
}

Json evaluation_json(const Evaluation& evaluation) {
  Json json{{"loss", evaluation.loss}};
  if (evaluation.accuracy) json["accuracy"] = *evaluation.accuracy;
  json["samples"] = evaluation.samples;
  return json;
}

Json setting_json(const EvaluatorOptions& setting) {
  return {
      {"graph", setting.graph.string()}, {"data", setting.data.string()}, {"loss", setting.loss}};
}

}  // namespace mgit::cli
