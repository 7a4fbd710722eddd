// Many models brought into one basin.
//
// Each model has one permutation, into the order of the first model's units, and nothing between
// two of them is stored: so going round any cycle of models is the identity, exactly. What is
// sought is the largest sum over all pairs of <A, B> (C2M3, arXiv 2405.17897, equation 4), by
// descent over the models: with the others in place, the best permutation of one is the one that
// matches it with their sum, and any method that matches two models finds it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "match/method.h"

namespace mgit {

/// How more than two models are brought together.
enum class ManyModels : std::uint8_t {
  kUniverse,      // each with the sum of all others, in turns, until no turn gains anything
  kHierarchical,  // two by two, then the sums of two by two
  kPairwise,      // each with the first alone
};
std::string_view many_name(ManyModels many);
std::optional<ManyModels> many_from_name(std::string_view name);
/// "universe, hierarchical, pairwise"
inline constexpr std::string_view kManyNames = "universe, hierarchical, pairwise";

struct ManyInput {
  const Spec& spec;
  std::vector<const TensorSource*> fixed;  // share a basin, and stay; the first of them is ours
  std::vector<const TensorSource*> moving;
  const MatchingMethod& method;  // needs nothing but weights
  const MatchOptions& options;
};

struct ManyResult {
  std::vector<Permutation> permutations;  // parallel to ManyInput::moving
  double objective_before = 0;  // sum over all pairs of <A, B> under the permutations given
  double objective_after = 0;
  int rounds = 0;  // of kUniverse
};

/// `start`: the permutation that matches each moving model with the first fixed one; what kPairwise
/// gives back. kUniverse never ends below it. Deterministic as the method is. Holds two models and
/// a tensor of each other one at a time. Throws as the method does.
ManyResult match_many(ManyModels many, const ManyInput& input, std::vector<Permutation> start);

/// What a permutation that was not found by one matching of A and B does to them, reported as
/// match_weights reports its own. Throws as match_weights does of shapes.
MatchResult report_of(const Spec& spec, const TensorSource& a, const TensorSource& b,
                      Permutation permutation);

}  // namespace mgit
