// Random permutations of the groups of a spec, as proofs and tests need them.
#pragma once

#include <cstdint>

#include "mgit/perm.h"

namespace mgit {

class Random;

/// A permutation of every group that can move: none stays as it is, and no family moves the units
/// of all its members alike, which a single group would do as well.
Permutation random_permutation(const Spec& spec, Random& random);
/// A random order of one group, in each of its members, each as likely as any other; its families
/// are carried along.
Permutation random_order(const Spec& spec, std::uint32_t group, Random& random);
/// What a permutation does to one group: its families move along and keep their order inside.
Permutation restricted_to(const Spec& spec, const Permutation& permutation, std::uint32_t group);

}  // namespace mgit
