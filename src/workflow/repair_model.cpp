#include "workflow/repair_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/mapped_file.h"
#include "base/words.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"
#include "model/training_state.h"
#include "workflow/opened_model.h"
#include "workflow/trust.h"

namespace mgit {
namespace {

EvaluatorOptions setting_for(const Repository& repository, const std::string& path,
                             const RepairOptions& options) {
  const ModelConfig config = config_of_path(repository, path).value_or(ModelConfig{});
  EvaluatorOptions setting;
  setting.batch = options.batch;
  if (options.data.empty() && config.calibration.empty())
    throw Error("no data to repair it with", path,
                "name training inputs with --data, or in .mgitconfig: calibration = <file>");
  setting.data = options.data.empty() ? repository.work_dir() / config.calibration
                                      : std::filesystem::path(options.data);
  if (options.graph.empty() && config.graph.empty())
    throw Error("no network to run it in", path,
                "name one with --graph, or in .mgitconfig: graph = <file>");
  setting.graph = options.graph.empty() ? repository.work_dir() / config.graph
                                        : std::filesystem::path(options.graph);
  for (const auto* file : {&setting.data, &setting.graph})
    if (!std::filesystem::is_regular_file(*file))
      throw MissingError("no such file", file->string());
  if (options.graph.empty()) require_trusted(repository, setting.graph);
  return setting;
}

RepairMethod method_for(const RepairOptions& options, const std::string& path, bool parents) {
  if (options.method.empty())
    return parents ? RepairMethod::kLeastSquares : RepairMethod::kStatistics;
  const RepairMethod method = require_repair_method(options.method);
  if (method != RepairMethod::kStatistics && !parents)
    throw Error(
        fmt::format("{} fits to what was merged, and no merge made this model", options.method),
        path, fmt::format("--method {} needs none", repair_method_name(RepairMethod::kStatistics)));
  return method;
}

std::string method_text(RepairMethod method, const RepairedNetwork& network) {
  std::string text;
  if (network.layers > 0) text = fmt::format("{} {}", repair_method_name(method), network.layers);
  if (network.norms > 0)
    text += fmt::format("{}{} {}", text.empty() ? "" : " ",
                        repair_method_name(RepairMethod::kStatistics), network.norms);
  return text;
}

Manifest rewrite(const Workspace& repository, Store::Batch& batch, const Manifest& manifest,
                 const std::string& prefix, const TensorSource& repaired) {
  TensorRewrite rewrite;
  rewrite.content = [&](std::size_t tensor) -> std::optional<TensorData> {
    const std::string_view name = manifest.tensors[tensor].info.name;
    if (!name.starts_with(prefix)) return std::nullopt;
    const std::string_view weight = name.substr(prefix.size());
    if (repaired.find(weight) == nullptr) return std::nullopt;
    return repaired.read(weight);
  };
  rewrite.put = [&](std::size_t tensor, const Digest& object, Bytes data) {
    const TensorInfo& info = manifest.tensors[tensor].info;
    batch.put_as(object, data, std::max(1U, dtype_bits(info.dtype) / 8), hint_from(manifest, info));
  };
  return rewrite_checkpoint(repository.store(), batch, manifest, rewrite);
}

}  // namespace

void require_repair_setting(const Repository& repository, const std::string& path,
                            const RepairOptions& options) {
  setting_for(repository, path, options);
}

RepairedModel repair_model(const Workspace& repository, Store::Batch& batch, const Oid& commit,
                           const CommittedModel& model, const std::vector<RepairParent>& parents,
                           const RepairOptions& options) {
  const EvaluatorOptions setting = setting_for(repository, model.path, options);
  const RepairMethod method = method_for(options, model.path, !parents.empty());
  repository.need(model, model.path);
  const auto file = open_model(repository.store(), model);
  const std::string prefix = weights_prefix(&repository, commit, model.path, file->tensors());
  const WeightsModel weights(*file, prefix);
  RepairRequest request{weights, {}, method, setting, options.samples, options.progress};
  std::vector<std::unique_ptr<WeightsModel>> sides;
  if (method != RepairMethod::kStatistics)
    for (const RepairParent& parent : parents) {
      sides.push_back(std::make_unique<WeightsModel>(
          parent.file,
          weights_prefix(&repository, parent.commit, parent.path, parent.file.tensors())));
      request.sides.push_back({*sides.back(), parent.weight});
    }
  RepairedModel result;
  result.network = repair_network(request);
  for (const CommittedCheckpoint& part : model.parts)
    result.parts.push_back(
        rewrite(repository, batch, part.manifest, prefix, result.network.tensors));
  result.record = {model.path, method_text(method, result.network),
                   sha256(MappedFile(setting.data).bytes()), std::to_string(result.network.samples),
                   sha256(MappedFile(setting.graph).bytes())};
  result.data = setting.data.filename().string();
  return result;
}

std::string describe_repair(const RepairedModel& repaired) {
  const RepairedNetwork& network = repaired.network;
  std::string text;
  if (network.layers > 0)
    text = fmt::format(
        "{} fitted to {}", counted(network.layers, "layer"),
        repaired.record.method.starts_with(repair_method_name(RepairMethod::kLeastSquares))
            ? "the parents' mean features (least squares)"
            : "the parents' means and deviations (REPAIR)");
  if (network.norms > 0)
    text += fmt::format("{}statistics of {} taken anew", text.empty() ? "" : ", ",
                        counted(network.norms, "batch norm"));
  if (network.left > 0)
    text += fmt::format(", {} left as {}", counted(network.left, "layer"),
                        network.left == 1 ? "it is" : "they are");
  return text + fmt::format(", on {} of {}", counted(network.samples, "sample"), repaired.data);
}

bool can_be_repaired(const Repository& repository, const std::string& path) {
  const ModelConfig config = config_of_path(repository, path).value_or(ModelConfig{});
  if (config.graph.empty() || config.calibration.empty() ||
      !std::filesystem::is_regular_file(repository.work_dir() / config.calibration))
    return false;
  try {
    require_trusted(repository, repository.work_dir() / config.graph);
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace mgit
