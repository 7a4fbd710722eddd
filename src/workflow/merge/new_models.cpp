#include "workflow/merge/new_models.h"

#include <fmt/format.h>

#include <map>

#include "model/model_line.h"

namespace mgit {
namespace {

/// Of the models that the side has: neither ours nor the base has it, under this or another name.
bool is_new(const Repository& repository, const Oid& ours, const MergeSide& side,
            const std::string& path) {
  return !past_model(repository, ours, path) &&
         !(side.base && path_before(repository, side.commit, *side.base, path));
}

}  // namespace

void refuse_rival_models(const Repository& repository, const Oid& ours,
                         const std::vector<MergeSide>& sides) {
  if (sides.size() < 2) return;
  std::map<std::string, std::pair<const MergeSide*, CommittedModel>> brought;
  for (const MergeSide& side : sides) {
    for (const CommittedModel& model : repository.list_models(side.commit).models) {
      if (!is_new(repository, ours, side, model.path)) continue;
      const auto [first, alone] = brought.try_emplace(model.path, &side, model);
      if (alone || same_weights(first->second.second, model)) continue;
      const std::string& other = first->second.first->name;
      throw Error(
          fmt::format("{} and {} each bring one, and here is none to combine them with", other,
                      side.name),
          model.path,
          fmt::format("one after the other: mgit merge {}, then mgit merge {}", other, side.name));
    }
  }
}

}  // namespace mgit
