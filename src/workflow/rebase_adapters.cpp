#include "workflow/rebase_adapters.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "format/shard_index.h"
#include "model/adapter_base.h"
#include "model/continuation.h"
#include "model/model_spec.h"
#include "model/rewrite_checkpoint.h"
#include "model/training_state.h"
#include "workflow/rebase.h"

namespace mgit {
namespace {

constexpr const char* kLeave = "--leave-adapters leaves every adapter as it is";

/// The one of the rebased models, of those that move, at this path.
std::optional<std::size_t> moving(const std::vector<RebasedModel>& rebased,
                                  const std::string& path) {
  for (std::size_t i = 0; i < rebased.size(); ++i)
    if (rebased[i].path == path && !rebased[i].in_basin) return i;
  return std::nullopt;
}

}  // namespace

std::vector<MovedAdapter> moved_adapters(const Repository& repository, const Oid& tip,
                                         const Oid& target,
                                         const std::vector<CommittedModel>& adapters,
                                         const std::vector<CommittedModel>& models,
                                         const std::vector<RebasedModel>& rebased) {
  std::vector<MovedAdapter> result;
  for (const CommittedModel& adapter : adapters) {
    const AdapterBases bases = bases_of(repository, tip, adapter, models);
    if (bases.models.empty())
      throw Error(
          fmt::format("an adapter of which it is not known whether its model moves; {}", bases.why),
          adapter.path, kLeave);
    std::optional<std::size_t> base;
    std::size_t home = 0;
    for (const std::size_t each : bases.models) {
      const auto found = moving(rebased, models[each].path);
      if (!found) continue;
      base = found;
      home = each;
    }
    if (!base) continue;
    if (bases.models.size() > 1)
      throw Error(fmt::format("an adapter that fits {} and {}", models[bases.models[0]].path,
                              models[bases.models[1]].path),
                  adapter.path,
                  fmt::format("name the folder of its model in adapter_config.json, as "
                              "base_model_name_or_path; {}",
                              kLeave));
    const auto ours = repository.model_at(target, adapter.path);
    if (ours && same_weights(*ours, adapter))
      throw Error(fmt::format("an adapter that is the same on both sides, whose models {} are "
                              "independent: it fits one of them alone",
                              models[home].path),
                  adapter.path,
                  fmt::format("remove it on the side whose model it is not for; {}", kLeave));
    if (!std::all_of(adapter.parts.begin(), adapter.parts.end(),
                     [](const auto& part) { return can_be_rewritten(part.manifest); }))
      throw Error("an npz archive, whose checksums a rebase would leave wrong", adapter.path,
                  "keep the adapter as safetensors");
    const NamedWeights named = named_weights(repository, tip, models[home]);
    const RebasedModel& model = rebased[*base];
    try {
      CarriedAdapter carried = carry_adapter(
          infos_of(adapter.manifest), named.weights,
          spec_of_weights(model.spec, named.prefix, named.weights), model.match.permutation);
      if (!carried.spec.tensors.empty()) result.push_back({adapter, *base, std::move(carried)});
    } catch (const Error& error) {
      throw Error(fmt::format("an adapter of {} that cannot move with it; {}: {}", model.path,
                              error.where(), error.what()),
                  adapter.path, kLeave);
    }
  }
  return result;
}

}  // namespace mgit
