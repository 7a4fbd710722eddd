// Matching units by what they compute.
#pragma once

#include "match/method.h"

namespace mgit {

/// One assignment for each group on the given similarities; the objective is their sum over units.
/// Units that would change places for nothing stay. Throws Error for a spec with families (heads),
/// and for a group that no similarity is given for.
MatchResult match_activations(const MatchingInput& input);

}  // namespace mgit
