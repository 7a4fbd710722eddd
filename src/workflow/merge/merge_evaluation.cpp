#include "workflow/merge/merge_evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/shard_index.h"
#include "workflow/evaluate.h"

namespace mgit {
namespace {

bool is_configured(const Repository& repository, const std::string& path) {
  if (!evaluates_merges(repository)) return false;
  const std::vector<ModelConfig> models = repository.models(std::nullopt);
  return std::any_of(models.begin(), models.end(), [&](const ModelConfig& model) {
    return same_model_path(model.path, path) && !model.graph.empty() && !model.data.empty();
  });
}

std::string line_of(const std::string& name, std::size_t width, const Evaluation& result) {
  std::string line = fmt::format("  {:<{}}  loss {:.4f}", name, width, result.loss);
  if (result.accuracy) line += fmt::format("  accuracy {:.2f} %", *result.accuracy * 100);
  return line;
}

/// False for a loss that is no number.
bool is_better(const Evaluation& a, const Evaluation& b) { return a.loss <= b.loss; }

std::vector<std::string> table(const ModelPlan& plan, const std::string& path,
                               const std::vector<EvaluatedModel>& results) {
  std::vector<std::string> names;
  for (const SidePlan& side : plan.sides) names.push_back(side.name);
  names.emplace_back("merged");
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::vector<std::string> lines{
      fmt::format("{}, on {}:", path, results.front().setting.data.filename().string())};
  for (std::size_t i = 0; i < results.size(); ++i)
    lines.push_back(line_of(names[i], width, results[i].result));
  const Evaluation& merged = results.back().result;
  if (std::none_of(results.begin(), results.end() - 1,
                   [&](const EvaluatedModel& parent) { return is_better(merged, parent.result); }))
    lines.push_back(
        fmt::format("warning: {}: the merged model is worse than each of those it was "
                    "made of; mgit undo takes the merge back",
                    path));
  return lines;
}

}  // namespace

bool evaluates_merges(const Repository& repository) {
  return repository.config("mgit.evaluateMerges").value_or("true") != "false";
}

std::vector<std::string> evaluate_merged(Workspace& repository, const ModelPlan& plan,
                                         const std::string& path) {
  try {
    if (!is_configured(repository, path)) return {};
    std::vector<std::string> names;
    for (const SidePlan& side : plan.sides)
      names.push_back(side.commit.hex() + ":" + side.model.path);
    names.push_back((repository.work_dir() / path).string());
    return table(plan, path, evaluate_models(&repository, names, {}));
  } catch (const Error& error) {
    return {fmt::format("note: {}: not evaluated: {}{}{}", path,
                        error.where().empty() ? "" : error.where() + ": ", error.what(),
                        error.hint().empty() ? "" : " (" + error.hint() + ")")};
  }
}

}  // namespace mgit
