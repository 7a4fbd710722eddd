// Barriers of losses along a line.
#pragma once

#include <vector>

namespace mgit {

/// The largest rise over the straight line between the ends, and over their mean. A loss that is
/// not a number is worse than any other.
double barrier_over_line(const std::vector<double>& lambda, const std::vector<double>& losses);
double barrier_over_mean(const std::vector<double>& losses);

}  // namespace mgit
