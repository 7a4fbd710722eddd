#include "workflow/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <sstream>

#include "base/mapped_file.h"
#include "base/process.h"
#include "merge/batch_norms.h"
#include "merge/norm_repair.h"
#include "mgit/lineage.h"
#include "mgit/merge.h"
#include "model/model_spec.h"
#include "model/training_state.h"
#include "workflow/opened_model.h"
#include "workflow/trust.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

/// The section whose path this is, else the one that is meant.
std::optional<ModelConfig> config_for(const Repository* repository, const std::string& path,
                                      const EvaluationRequest& request) {
  if (repository != nullptr && request.model.empty())
    if (auto config = config_of_path(*repository, path)) return config;
  return configured_model(repository, request.model);
}

bool has_model(const Repository& repository, const Oid& commit, const std::string& path) {
  return path.empty() ? !repository.checkpoints_at(commit).empty()
                      : repository.model_at(commit, path).has_value();
}

/// With the weights in memory.
NamedModel find_model(const Workspace* repository, const std::string& name,
                      const std::string& model_name) {
  const OpenedModel opened = open_named_model(repository, name, model_name);
  NamedModel model{opened.name, opened.commit, opened.path, opened.checkpoint, {}};
  const WeightsModel source(*opened.file, opened.prefix);
  for (const TensorInfo& info : source.tensors()) {
    const TensorData tensor = source.read(info.name);
    model.weights.set(info, Buffer(tensor.view.data.begin(), tensor.view.data.end()));
  }
  if (!opened.prefix.empty() && source.tensors().size() < opened.file->tensors().size())
    model.weights_in = opened.prefix.substr(0, opened.prefix.size() - 1);
  return model;
}

std::string require_setting(const std::string& value, const char* what) {
  if (value.empty())
    throw Error(fmt::format("no {} to evaluate with", what), "",
                fmt::format("name one with --{0}, or in .mgitconfig: {0} = <file>", what));
  return value;
}

bool same_setting(const EvaluatorOptions& a, const EvaluatorOptions& b) {
  return a.graph == b.graph && a.data == b.data && a.loss == b.loss && a.batch == b.batch;
}

void record(Workspace& repository, const EvaluatedModel& evaluated, const Digest& data) {
  const NamedModel& model = evaluated.model;
  Lineage lineage(repository);
  lineage.record(repository, {.commit = *model.commit,
                              .path = model.path,
                              .checkpoint = *model.checkpoint,
                              .data = data,
                              .data_name = evaluated.setting.data.filename().string(),
                              .loss_name = evaluated.setting.loss,
                              .result = {evaluated.result.loss, evaluated.result.accuracy,
                                         evaluated.result.samples},
                              .recorded = std::time(nullptr)});
}

/// With the model's name where an error speaks of one of its tensors.
Evaluation evaluate(Evaluator& evaluator, const NamedModel& model) {
  try {
    return evaluator.evaluate(model.weights);
  } catch (const Error& error) {
    throw Error(error.what(), model.name + ": " + error.where(), error.hint());
  }
}

Spec spec_of(const Workspace* repository, const NamedModel& model) {
  return choose_weights_spec(repository, model.commit, model.path, model.weights.tensors());
}

/// To rebase by, or to tell by what batch norms follow. nullopt: neither is wanted, or there is
/// none to tell by. Throws Error where there is none to rebase by.
std::optional<Spec> spec_for(const Workspace* repository, const BarrierRequest& request,
                             const NamedModel& model) {
  if (request.rebase) return spec_of(repository, model);
  if ((!request.repair && !request.per_layer) || !model.has_running_statistics())
    return std::nullopt;
  try {
    return spec_of(repository, model);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Draws the lines between models, with one evaluator.
class Judge {
 public:
  Judge(const BarrierRequest& request, Evaluator& evaluator, std::size_t pairs)
      : request_(request), evaluator_(evaluator), lines_(pairs * (request.rebase ? 2 : 1)) {}

  BarrierReport between(const Workspace* repository, const NamedModel& a, const NamedModel& b,
                        const EvaluatorOptions& setting) {
    BarrierReport report;
    report.a = a.name;
    report.b = b.name;
    report.setting = setting;
    report.running_statistics = a.has_running_statistics();
    const std::optional<Spec> spec = spec_for(repository, request_, b);
    std::vector<BatchNorm> norms;
    if (spec) norms = batch_norms(*spec, b.weights.tensors());
    report.repaired = request_.repair ? norms.size() : 0;
    report.before = line(a.weights, b.weights, norms, setting);
    if (!request_.rebase) return report;
    report.spec = describe_spec(*spec);
    report.match = match_by(request_.matching, {repository, b.path, *spec, a.weights, b.weights});
    report.rebased =
        line(a.weights, PermutedModel(b.weights, *spec, report.match->permutation), norms, setting);
    return report;
  }

 private:
  JudgedCurve line(const TensorSource& a, const TensorSource& b,
                   const std::vector<BatchNorm>& norms, const EvaluatorOptions& setting) {
    const NormRepair repair(request_.repair ? norms : std::vector<BatchNorm>{}, a, b);
    const std::vector<ModelLayer> layers =
        request_.per_layer ? model_layers(a, b, norms) : std::vector<ModelLayer>{};
    const std::uint64_t evaluations =
        lines_ * (static_cast<std::uint64_t>(request_.points) + layers.size());
    const auto advance = [&] {
      if (request_.progress) request_.progress(1, evaluations);
    };
    JudgedCurve result;
    std::vector<SampleScores> scores;
    const bool sampled = request_.resamples > 0;
    result.curve = barrier_curve(
        evaluator_, a, b, request_.points, [&](int, int) { advance(); }, &repair,
        sampled ? &scores : nullptr);
    if (sampled) result.intervals = bootstrap(result.curve.lambda, scores, request_.resamples);
    const InterpolatedModel average(a, b, 0.5, &repair);
    result.average = request_.points % 2 == 1 ? result.curve.points[result.curve.points.size() / 2]
                                              : evaluator_.evaluate(average);
    if (setting.loss == "cross_entropy") result.calibrated = calibrate(evaluator_, average);
    const double ends = (result.curve.points.front().loss + result.curve.points.back().loss) / 2;
    result.layers = layer_barriers(evaluator_, a, b, layers, norms, request_.repair, ends, advance);
    return result;
  }

  const BarrierRequest& request_;
  Evaluator& evaluator_;
  std::uint64_t lines_;
};

}  // namespace

EvaluatorOptions evaluation_setting(const Repository* repository, const std::string& path,
                                    const EvaluationRequest& request) {
  EvaluatorOptions setting;
  setting.batch = request.batch;
  const ModelConfig config = config_for(repository, path, request).value_or(ModelConfig{});
  setting.loss = request.loss.empty() ? config.loss : request.loss;
  if (!request.data.empty())
    setting.data = request.data;
  else
    setting.data = repository == nullptr
                       ? fs::path(require_setting("", "data"))
                       : repository->work_dir() / require_setting(config.data, "data");
  if (!request.graph.empty()) {
    setting.graph = request.graph;
    return setting;
  }
  const std::string graph = require_setting(config.graph, "graph");
  setting.graph = repository->work_dir() / graph;
  require_trusted(*repository, setting.graph);
  return setting;
}

std::vector<std::string> without_ranges(const Repository* repository,
                                        const std::vector<std::string>& names,
                                        const EvaluationRequest& request) {
  std::vector<std::string> result;
  for (const std::string& name : names) {
    const std::size_t colon = std::min(name.find(':'), name.size());
    const bool range = name.find("..") < colon && name != ".." && !name.starts_with("../");
    if (repository == nullptr || !range || fs::exists(name)) {
      result.push_back(name);
      continue;
    }
    const std::string path = path_in_commit(*repository, name, request.model);
    std::istringstream commits(run_checked(
        {"git", "rev-list", "--reverse", "--abbrev-commit", name.substr(0, colon), "--"}));
    const std::size_t before = result.size();
    for (std::string commit; std::getline(commits, commit);)
      if (has_model(*repository, repository->require(commit), path))
        result.push_back(commit + name.substr(colon));
    if (result.size() == before)
      throw MissingError("no commit with a checkpoint in this range", name);
  }
  return result;
}

bool NamedModel::has_running_statistics() const {
  return std::any_of(weights.tensors().begin(), weights.tensors().end(),
                     [](const TensorInfo& info) { return is_running_statistic(info.name); });
}

std::vector<EvaluatedModel> evaluate_models(Workspace* repository,
                                            const std::vector<std::string>& names,
                                            const EvaluationRequest& request) {
  std::vector<EvaluatedModel> results;
  std::optional<NamedModel> against;
  if (!request.against.empty()) against = find_model(repository, request.against, request.model);
  std::unique_ptr<Evaluator> evaluator;
  Digest data;
  for (const std::string& name : names) {
    NamedModel model = find_model(repository, name, request.model);
    const EvaluatorOptions setting = evaluation_setting(repository, model.path, request);
    if (evaluator == nullptr || !same_setting(setting, results.back().setting)) {
      evaluator = open_evaluator(setting);
      data = sha256(MappedFile(setting.data).bytes());
    }
    const Evaluation result = evaluate(*evaluator, model);
    results.push_back({std::move(model), setting, result, std::nullopt});
    if (against)
      results.back().largest_output_change =
          evaluator->largest_output_change(against->weights, results.back().model.weights);
    if (results.back().model.commit) record(*repository, results.back(), data);
    results.back().model.weights = {};  // of a range of commits, not all fit in memory
  }
  return results;
}

std::vector<BarrierReport> barriers(Workspace* repository, const BarrierRequest& request) {
  std::vector<NamedModel> models;
  for (const std::string& name : request.models)
    models.push_back(find_model(repository, name, request.evaluation.model));
  const EvaluatorOptions setting =
      evaluation_setting(repository, models.front().path, request.evaluation);
  const std::unique_ptr<Evaluator> evaluator = open_evaluator(setting);
  for (const NamedModel& model : models) evaluate(*evaluator, model);
  Judge judge(request, *evaluator, models.size() * (models.size() - 1) / 2);
  std::vector<BarrierReport> reports;
  for (std::size_t i = 0; i < models.size(); ++i)
    for (std::size_t j = i + 1; j < models.size(); ++j)
      reports.push_back(judge.between(repository, models[i], models[j], setting));
  return reports;
}

}  // namespace mgit
