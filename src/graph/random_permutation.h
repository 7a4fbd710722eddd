// Random numbers, and random permutations of the groups of a spec.
#pragma once

#include <cstdint>

#include "mgit/perm.h"

namespace mgit {

/// Steele, Lea, Flood: SplitMix64. Equal numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// Below `bound`, which is not 0.
  std::uint64_t below(std::uint64_t bound);
  /// In [0, 1).
  double uniform();
  /// Normally distributed.
  double normal();

 private:
  std::uint64_t state_;
};

/// Of every group that can move, and of every member of a family; none the identity where there is
/// another.
Permutation random_permutation(const Spec& spec, Random& random);
/// What a permutation does to one group: its families move along and keep their order inside.
Permutation only(const Spec& spec, const Permutation& permutation, std::uint32_t group);

}  // namespace mgit
