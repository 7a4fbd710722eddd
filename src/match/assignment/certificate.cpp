#include "match/assignment/certificate.h"

#include <algorithm>

namespace mgit {

double duality_gap_with(const Kernels& kernels, std::span<const float> score,
                        std::span<const double> price, std::span<const std::uint32_t> assignment) {
  const std::size_t columns = price.size();
  double gap = 0;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    const float* row = score.data() + i * columns;
    const std::size_t j = assignment[i];
    gap += kernels.best(row, price.data(), columns) - (static_cast<double>(row[j]) - price[j]);
  }
  if (assignment.size() == columns) return gap;
  std::vector<bool> taken(columns);
  for (const std::uint32_t j : assignment) taken[j] = true;
  const double lowest = *std::min_element(price.begin(), price.end());
  for (std::size_t j = 0; j < columns; ++j)
    if (!taken[j]) gap += price[j] - lowest;
  return gap;
}

double duality_gap(std::span<const float> score, std::span<const double> price,
                   std::span<const std::uint32_t> assignment) {
  return duality_gap_with(kernels(), score, price, assignment);
}

}  // namespace mgit
