// What methods of matching are given besides the weights.
#pragma once

#include <optional>
#include <string>

#include "match/method.h"
#include "mgit/workspace.h"

namespace mgit {

/// What networks are run on; what is empty comes from .mgitconfig.
struct MatchingData {
  std::string graph{};
  std::string data{};
  std::string model{};  // the name in .mgitconfig, where there are several
};

/// How alike the units of two models are on data, if the method wants to know. `path` is of the
/// model in the repository, which may be null. Throws Error where there is no network or data, or
/// none that may run; and as evaluating does.
std::optional<UnitSimilarity> similarity_for(const MatchingMethod& method,
                                             const Repository* repository, const std::string& path,
                                             const MatchingData& data, const Spec& spec,
                                             const TensorSource& a, const TensorSource& b);

}  // namespace mgit
