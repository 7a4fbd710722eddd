// Matching methods: how the permutation that brings one model closest to another is found. A method
// is one file and one row of the table in method.cpp; its name is what an operation records.
//
// Pure: the same inputs give the same permutation on any machine with any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/match.h"

namespace mgit {

/// What a method has to be given of each of the two models.
enum class MatchingNeeds : std::uint8_t { kWeights, kActivations, kLoss };

/// How alike units of A are to units of B, of each group: row-major, A's unit by B's; empty where
/// nothing shows it.
using UnitSimilarity = std::vector<std::vector<double>>;

/// Numbers of tensors, by their names, row-major.
using Gradient = std::map<std::string, std::vector<float>, std::less<>>;

/// The mean of A and B permuted, as a network that is run on data.
class MidpointLoss {
 public:
  MidpointLoss() = default;
  MidpointLoss(const MidpointLoss&) = delete;
  MidpointLoss& operator=(const MidpointLoss&) = delete;
  virtual ~MidpointLoss() = default;
  /// Mean loss on training batch number `step`, of as many as are asked for, and its gradient by
  /// the midpoint's tensors.
  virtual double gradient(const Permutation& permutation, int step, Gradient& gradient) = 0;
  /// Mean loss on samples that are in no training batch.
  virtual double held_out(const Permutation& permutation) = 0;
};

struct MatchingInput {
  const Spec& spec;       // bound to both sources
  const TensorSource& a;  // stays
  const TensorSource& b;  // is to move
  const MatchOptions& options;
  const UnitSimilarity* similarity = nullptr;  // of kActivations: parallel to Spec::groups
  MidpointLoss* midpoint = nullptr;            // of kLoss
};

struct MatchingMethod {
  std::string_view name;  // one word: trailers hold it
  std::string_view summary;
  MatchingNeeds needs = MatchingNeeds::kWeights;
  /// Throws Error if shapes differ or a matched tensor is not finite.
  MatchResult (*match)(const MatchingInput& input);
};

/// What is used where nobody asks for another.
inline constexpr std::string_view kDefaultMethod = "weights";

std::span<const MatchingMethod> matching_methods();
/// nullptr: there is none of that name.
const MatchingMethod* find_method(std::string_view name);
/// Throws UsageError that lists what there is.
const MatchingMethod& require_method(std::string_view name);

}  // namespace mgit
