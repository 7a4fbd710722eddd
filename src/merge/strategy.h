// Merge strategies: how the tensors of several models become one. A strategy is one file and one
// row of the table in strategy.cpp.
//
// Pure: the same inputs give the same bytes on any machine with any number of threads.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

struct StrategyParameter {
  std::string_view name;
  double value = 0;  // the default
  std::string_view help;
};

/// One tensor of every side, and what a strategy may need beside it.
struct StrategyInput {
  std::string_view name;               // of the tensor
  std::span<const TensorView> sides;   // one shape and dtype; at least two
  std::span<const double> weights;     // one for each side; their sum is positive
  const TensorSource* base = nullptr;  // in the basin of the sides; nullptr: they share none
  std::map<std::string, double, std::less<>> parameters{};  // those given; else the defaults
};

struct MergeStrategy {
  std::string_view name;
  std::string_view summary;
  bool needs_base = false;
  std::span<const StrategyParameter> parameters;
  /// The merged elements, rounded once to the dtype. Throws Error on shapes or dtypes that differ.
  Buffer (*merge)(const StrategyInput& input);
};

std::span<const MergeStrategy> merge_strategies();
/// nullptr: there is none of that name.
const MergeStrategy* find_strategy(std::string_view name);
/// Throws UsageError that lists what there is.
const MergeStrategy& require_strategy(std::string_view name);

}  // namespace mgit
