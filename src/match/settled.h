// Whether B is where matching would leave it, found out without matching: one look at every weight
// and products of a few.
#pragma once

#include "match/problem.h"

namespace mgit {

/// True only if B has more than half of the similarity to A that any order could have, and no group
/// gains by an assignment of its own while the others stay: then a descent from the identity ends
/// where it begins. Units' distances to others than their own are bounded from below by those over
/// some of the columns, as many as it takes where A and B are so close; what is not decided so is
/// computed in full. False also where that would cost much of a sweep.
bool is_settled(const MatchProblem& problem);

}  // namespace mgit
