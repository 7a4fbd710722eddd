// Frank-Wolfe over all groups at once (Crisostomi et al., C2M3, arXiv 2405.17897): matching relaxed
// to doubly stochastic matrices. It starts undecided, from their barycentre, and so a poor start of
// one group does not lead the others astray: what residual streams need, of whose terms nearly none
// is known beforehand.
#pragma once

#include "match/similarities.h"

namespace mgit {

/// Moves the groups that are solved by themselves to permutations near a stationary point of the
/// relaxed objective, a start for a descent; groups in trees stay where they are. Stops before
/// `max_steps` when a step gains less than `gain` of the objective. Of `similarities`, every sum is
/// complete and of positions near by. A tensor with groups on three axes, whose part of the
/// objective is not quadratic, is taken as if it were.
void relax(const MatchProblem& problem, double gain, int max_steps, Positions& positions,
           Similarities& similarities);

}  // namespace mgit
