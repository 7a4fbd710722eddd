// Finding the matrix of low rank by which a tensor moved (coding/low_rank.h).
//
// Subspace iteration from random directions: Halko, Martinsson and Tropp, arXiv:0909.4061. On all
// cores; needs memory for the difference in float32. Any answer is as good as another to a reader,
// so nothing here has to be the same on every machine.
#pragma once

#include <optional>

#include "coding/low_rank.h"

namespace mgit {

/// The rank at which the move and what it leaves to code are expected to be smallest together;
/// nullopt if that is none. `base` and `data` have rows of `columns` elements.
std::optional<LowRank> fit_low_rank(Bytes base, Bytes data, DType dtype, std::size_t columns);

}  // namespace mgit
