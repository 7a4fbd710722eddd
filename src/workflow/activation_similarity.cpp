#include "workflow/activation_similarity.h"

#include "eval/graph_network.h"
#include "eval/unit_correlations.h"
#include "mgit/graph.h"
#include "workflow/evaluate.h"

namespace mgit {

std::optional<UnitSimilarity> similarity_for(const MatchingMethod& method,
                                             const Repository* repository, const std::string& path,
                                             const MatchingData& data, const Spec& spec,
                                             const TensorSource& a, const TensorSource& b) {
  constexpr std::uint64_t kBatch = 250;  // every value of a batch that shows units is kept
  if (method.needs != MatchingNeeds::kActivations) return std::nullopt;
  EvaluationRequest request;
  request.model = data.model;
  request.graph = data.graph;
  request.data = data.data;
  request.batch = kBatch;
  GraphNetwork network(evaluation_setting(repository, path, request));
  return unit_correlations(network, a, b, [&](const Graph& graph, const std::string& prefix) {
    return unit_axes(graph, spec, prefix);
  });
}

}  // namespace mgit
