// Exact linear assignment, for matching and for its tests.
//
// Method: Jonker and Volgenant's shortest augmenting paths (Computing 38, 1987), started from
// prices that an epsilon-scaled auction (Bertsekas 1979) finds when the cheap reduction leaves many
// rows unassigned: heterogeneous matrices are slow otherwise. Scores are float, prices double.
#pragma once

#include <span>
#include <vector>

#include "match/kernels.h"
#include "mgit/match.h"

namespace mgit {

/// sum over rows of max_j(score_ij - price_j) - (score_i,p[i] - price_p[i]): zero proves that
/// `assignment` is optimal; the score is at most this far from the optimum.
double duality_gap(std::span<const float> score, std::span<const double> price,
                   std::span<const std::uint32_t> assignment);

/// solve_assignment with a given instruction set.
std::vector<std::uint32_t> solve_assignment_with(const Kernels& kernels,
                                                 std::span<const float> score, std::size_t n,
                                                 AssignmentDuals* duals);

}  // namespace mgit
