#include "workflow/match_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "model/model_spec.h"
#include "model/training_state.h"
#include "workflow/opened_model.h"

namespace mgit {

MatchReport match_models(const Workspace* repository, const MatchRequest& request) {
  require_method(request.matching.method);
  const OpenedModel ours = open_named_model(repository, request.a, request.model_name);
  const OpenedModel theirs = open_named_model(repository, request.b, request.model_name);
  const WeightsModel a(*ours.file, ours.prefix);
  const WeightsModel b(*theirs.file, theirs.prefix);
  require_same_network({request.a, a.tensors()}, {request.b, b.tensors()}, theirs.path);
  MatchReport report;
  report.path = theirs.path;
  report.spec = choose_spec(repository, theirs.commit, theirs.path, theirs.file->tensors());
  const Spec weights = spec_of_weights(report.spec, theirs.prefix, b.tensors());
  MatchingChoice matching = request.matching;
  matching.data.model = request.model_name;
  if (request.progress) matching.options.progress = [&](int, double) { request.progress(); };
  report.match = match_by(matching, {repository, theirs.path, weights, a, b});
  const Spec matched = matched_spec(weights, matching.options.weighting);
  report.norms_left_out = matched != weights;
  report.cosines = report.match.cosines ? *report.match.cosines
                                        : cosines(matched, a, b, report.match.permutation);
  if (request.agreement) report.agreement = agreement(matched, a, b, report.match.permutation);
  report.in_basin = report.match.permutation.identity() || !worth_moving(report.match);
  return report;
}

std::vector<std::size_t> MatchReport::by_cosine() const {
  std::vector<std::size_t> order(match.groups.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return cosines.groups[left].after < cosines.groups[right].after;
  });
  return order;
}

std::string MatchReport::permutation() const {
  const Digest digest = sha256(as_bytes(spec_text(spec)));
  return permutation_text({{path, digest, spec.groups, match.permutation}});
}

void require_same_network(const ComparedNetwork& ours, const ComparedNetwork& theirs,
                          const std::string& path) {
  if (ours.weights == theirs.weights) return;
  constexpr const char* kHint = "only models of one architecture share a basin";
  for (const TensorInfo& info : theirs.weights) {
    const auto other = std::find_if(ours.weights.begin(), ours.weights.end(),
                                    [&](const TensorInfo& each) { return each.name == info.name; });
    if (other != ours.weights.end() && *other == info) continue;
    const std::string there =
        other == ours.weights.end()
            ? "not there"
            : fmt::format("{} {}", dtype_name(other->dtype), shape_text(other->shape));
    throw Error(
        fmt::format("different networks: {} is {} {} in {}, {} in {}", info.name,
                    dtype_name(info.dtype), shape_text(info.shape), theirs.name, there, ours.name),
        path, kHint);
  }
  throw Error(fmt::format("different networks: {} has {} tensors, {} has {}", ours.name,
                          ours.weights.size(), theirs.name, theirs.weights.size()),
              path, kHint);
}

}  // namespace mgit
