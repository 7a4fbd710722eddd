// solve_assignment, for an instruction set of one's choice.
//
// Method: prices start at zero. If the rows' first choices collide, they bid for columns, those
// whose scores are spread widest first, with increments of a small part of that spread; then again,
// at the prices found, without (reduction.h). That solves nearly every matrix. What stays free is
// assigned along shortest augmenting paths (augmentation.h; Jonker and Volgenant, Computing 38,
// 1987). Where bidding creeps, an epsilon-scaled auction (auction.h; Bertsekas 1979) finds the
// prices. Rows look at short lists of their best columns with a bound for the others
// (shortlists.h).
#pragma once

#include "match/kernels.h"
#include "mgit/assignment.h"

namespace mgit {

std::vector<std::uint32_t> solve_assignment_with(const Kernels& kernels,
                                                 std::span<const float> score, std::size_t rows,
                                                 std::size_t columns, AssignmentDuals* duals);

}  // namespace mgit
