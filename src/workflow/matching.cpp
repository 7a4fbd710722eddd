#include "workflow/matching.h"

#include "eval/graph_network.h"
#include "eval/unit_correlations.h"
#include "mgit/graph.h"
#include "workflow/evaluate.h"
#include "workflow/midpoint_loss.h"

namespace mgit {
namespace {

constexpr std::uint64_t kBatch = 250;  // every value of a batch that shows units is kept

EvaluatorOptions setting_for(const MatchingChoice& choice, const ModelsToMatch& models,
                             std::uint64_t batch) {
  EvaluationRequest request;
  request.model = choice.data.model;
  request.graph = choice.data.graph;
  request.data = choice.data.data;
  request.batch = batch;
  return evaluation_setting(models.repository, models.path, request);
}

UnitSimilarity similarity(const MatchingChoice& choice, const ModelsToMatch& models) {
  GraphNetwork network(setting_for(choice, models, kBatch));
  return unit_correlations(network, models.a, models.b,
                           [&](const Graph& graph, const std::string& prefix) {
                             return unit_axes(graph, models.spec, prefix);
                           });
}

}  // namespace

MatchResult match_by(const MatchingChoice& choice, const ModelsToMatch& models) {
  const MatchingMethod& method = require_method(choice.method);
  MatchingInput input{.spec = models.spec, .a = models.a, .b = models.b, .options = choice.options};
  UnitSimilarity alike;
  if (method.needs == MatchingNeeds::kActivations) {
    alike = similarity(choice, models);
    input.similarity = &alike;
  }
  std::optional<DataMidpoint> midpoint;
  if (method.needs == MatchingNeeds::kLoss) {
    midpoint.emplace(setting_for(choice, models, kBatch), models.spec, models.a, models.b,
                     choice.options.seed);
    input.midpoint = &*midpoint;
  }
  return method.match(input);
}

}  // namespace mgit
