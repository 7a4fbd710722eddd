#include "workflow/merge/stranded_adapters.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/shard_index.h"
#include "model/adapter_base.h"

namespace mgit {
namespace {

void check_side(const Repository& repository, const Oid& ours, const SidePlan& side) {
  std::vector<CommittedModel> models;
  std::vector<CommittedModel> adapters;
  ModelListing listing = repository.list_models(side.commit);  // without broken sets
  for (CommittedModel& model : listing.models)
    (is_adapter(model) ? adapters : models).push_back(std::move(model));
  for (const CommittedModel& adapter : adapters) {
    const auto here = repository.model_at(ours, adapter.path);
    if (here && same_weights(*here, adapter)) continue;  // for our model, which stays
    const AdapterBases bases = bases_of(repository, side.commit, adapter, models);
    const bool affected =
        bases.models.empty() ||
        std::any_of(bases.models.begin(), bases.models.end(),
                    [&](std::size_t base) { return models[base].path == side.model.path; });
    if (affected)
      throw Error(
          fmt::format("an adapter of {}'s {}, whose units the merge would put in another "
                      "order",
                      side.name, side.model.path),
          adapter.path,
          fmt::format("first 'mgit rebase {}' onto our branch, which carries it along", side.name));
  }
}

}  // namespace

void refuse_stranded_adapters(const Repository& repository, const std::vector<ModelPlan>& plans) {
  for (const ModelPlan& plan : plans)
    for (const SidePlan& side : plan.sides)
      if (moves(side)) check_side(repository, plan.sides.front().commit, side);
}

}  // namespace mgit
