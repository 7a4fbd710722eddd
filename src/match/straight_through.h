// Matching that is learned: the straight-through estimator of Git Re-Basin (Ainsworth, Hayase,
// Srinivasa, arXiv 2209.04836, section 3.3).
#pragma once

#include "match/method.h"

namespace mgit {

/// A copy of A goes where the loss of the midpoint of A and B permuted falls; after each step B is
/// matched with that copy by weights, from the order that it has, and the midpoint follows. Of the
/// orders on the way, the first one (match_weights) and none at all, the one whose midpoint has the
/// smallest loss on held-out samples counts. MatchOptions::steps of them. The result says what that
/// order is worth by weights, and the losses. Throws Error without a midpoint; as match_weights;
/// and as the midpoint does.
MatchResult match_straight_through(const MatchingInput& input);

}  // namespace mgit
