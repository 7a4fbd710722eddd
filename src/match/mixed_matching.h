// Matching by weights and by what units compute, both at once.
#pragma once

#include "match/method.h"

namespace mgit {

/// As match_weights, with the units' correlations added to each group's similarities: all n
/// of them, were they 1, would count as much as the tensors that carry the group, were B a copy of
/// A. So both have equal shares. Groups for which no similarity is given are matched by weights
/// alone. Throws Error where no similarity is given for any group; and as match_weights.
MatchResult match_mixed(const MatchingInput& input);

}  // namespace mgit
