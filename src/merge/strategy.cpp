#include "merge/strategy.h"

#include <fmt/format.h>

#include <array>

#include "mgit/merge.h"

namespace mgit {
namespace {

Buffer mean(const StrategyInput& input) { return weighted_mean(input.sides, input.weights); }

constexpr std::array kStrategies{
    MergeStrategy{"mean", "the weighted mean of the models", false, {}, mean},
};

}  // namespace

std::span<const MergeStrategy> merge_strategies() { return kStrategies; }

const MergeStrategy* find_strategy(std::string_view name) {
  for (const MergeStrategy& strategy : kStrategies)
    if (strategy.name == name) return &strategy;
  return nullptr;
}

const MergeStrategy& require_strategy(std::string_view name) {
  if (const MergeStrategy* found = find_strategy(name)) return *found;
  std::string names;
  for (const MergeStrategy& strategy : kStrategies)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", strategy.name);
  throw UsageError("no such strategy for models", std::string(name), "there is: " + names);
}

}  // namespace mgit
