// How two specs of one network relate: whether one allows all that the other does.
#pragma once

#include <optional>
#include <string>

#include "mgit/perm.h"

namespace mgit {

/// Why `claim` reorders something that `spec` does not allow: the first of its groups that does, in
/// words; nullopt if every permutation of the claim is one of the spec. Both are of one network
/// (else Error). Decided on random permutations of each group: a group that is not allowed passes
/// one of them with probability of at most a half, and there are 24. Deterministic.
std::optional<std::string> beyond(const Spec& spec, const Spec& claim);

}  // namespace mgit
