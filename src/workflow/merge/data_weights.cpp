#include "workflow/merge/data_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "model/data_seen.h"
#include "model/model_line.h"

namespace mgit {
namespace {

constexpr const char* kHint =
    "whoever trains says it: git commit --trailer 'Mgit-Trained: samples 20000' (or tokens); or "
    "give the weights here: --weight 2,1";

/// git's merge base, where the sides have one in common.
std::optional<Oid> common_base(const Repository& repository, const std::vector<ModelLine>& sides) {
  std::optional<Oid> common;
  for (std::size_t i = 1; i < sides.size(); ++i) {
    const auto bases = repository.merge_bases(sides.front().commit, sides[i].commit);
    if (bases.empty() || (common && *common != bases.front())) return std::nullopt;
    common = bases.front();
  }
  return common;
}

DataSeen seen_by(const Repository& repository, const Oid& id, const std::string& path) {
  const Commit commit = repository.commit(id);
  const std::string where = fmt::format("{} ({})", id.brief(), commit.subject());
  const auto claim = data_claim(commit.message, path);
  if (!claim)
    throw Error(fmt::format("--weight data: it trained {} and does not say on how much", path),
                where, kHint);
  const auto seen = parse_data_seen(*claim);
  if (!seen)
    throw Error(
        fmt::format("--weight data: '{}:{}' is no count of samples or tokens", kTrainedKey, *claim),
        where, kHint);
  return *seen;
}

}  // namespace

DataWeights weights_by_data(const Repository& repository, const std::vector<ModelLine>& sides) {
  // Beyond the base little is left to walk. A commit there may be one that the base holds rebased.
  const auto base = common_base(repository, sides);
  const std::set<Oid> held_by_base =
      base ? trained_since(repository, std::nullopt, *base, sides.front().path) : std::set<Oid>();
  std::map<Oid, std::vector<std::size_t>> holders;
  for (std::size_t i = 0; i < sides.size(); ++i)
    for (const Oid& commit : trained_since(repository, base, sides[i].commit, sides[i].path))
      holders[commit].push_back(i);

  DataWeights result{std::vector<double>(sides.size()), ""};
  for (const auto& [commit, held] : holders) {
    if (held.size() == sides.size() || held_by_base.contains(commit)) continue;
    const DataSeen seen = seen_by(repository, commit, sides[held.front()].path);
    if (!result.unit.empty() && result.unit != seen.unit)
      throw Error(
          fmt::format("--weight data: it counts {}, other commits {}", seen.unit, result.unit),
          commit.brief(), kHint);
    result.unit = seen.unit;
    for (const std::size_t side : held)
      result.weights[side] += static_cast<double>(seen.count) / static_cast<double>(held.size());
  }
  return result;
}

}  // namespace mgit
