// The proof that an assignment is optimal: mgit/assignment.h, duality_gap.
#pragma once

#include "match/kernels.h"
#include "mgit/assignment.h"

namespace mgit {

double duality_gap_with(const Kernels& kernels, std::span<const float> score,
                        std::span<const double> price, std::span<const std::uint32_t> assignment);

}  // namespace mgit
