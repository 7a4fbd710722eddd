#include "match/method.h"

#include <fmt/format.h>

#include <array>

#include "match/activation_matching.h"
#include "match/mixed_matching.h"
#include "match/straight_through.h"

namespace mgit {
namespace {

MatchResult by_weights(const MatchingInput& input) {
  return match_weights(input.spec, input.a, input.b, input.options);
}

MatchResult by_frank_wolfe(const MatchingInput& input) {
  return match_frank_wolfe(input.spec, input.a, input.b, input.options);
}

constexpr std::array kMethods{
    MatchingMethod{"weights", "the largest sum of products of the weights", MatchingNeeds::kWeights,
                   by_weights},
    MatchingMethod{"activations", "units that are active together on data",
                   MatchingNeeds::kActivations, match_activations},
    MatchingMethod{"mixed", "products of weights and activity on data, in equal shares",
                   MatchingNeeds::kActivations, match_mixed},
    MatchingMethod{"ste", "learned: the midpoint's loss on labelled data", MatchingNeeds::kLoss,
                   match_straight_through},
    MatchingMethod{"frank-wolfe", "the same sum, relaxed over all groups at once",
                   MatchingNeeds::kWeights, by_frank_wolfe},
};

}  // namespace

std::span<const MatchingMethod> matching_methods() { return kMethods; }

const MatchingMethod* find_method(std::string_view name) {
  for (const MatchingMethod& method : kMethods)
    if (method.name == name) return &method;
  return nullptr;
}

const MatchingMethod& require_method(std::string_view name) {
  if (const MatchingMethod* found = find_method(name)) return *found;
  std::string names;
  for (const MatchingMethod& method : kMethods)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", method.name);
  throw UsageError("no such method of matching", std::string(name), "there is: " + names);
}

}  // namespace mgit
