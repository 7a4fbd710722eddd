// Which of the units that an assignment moved are worth moving.
#pragma once

#include <cstddef>
#include <vector>

#include "mgit/tensor.h"

namespace mgit {

/// `candidate` differs from `current` by cycles of rows. Those that do not gain more than
/// `smallest` a row go back to where they were. `gain_of(row)`: what its change gains. Returns the
/// gain of what is left.
template <typename GainOf>
double keep_gaining_cycles(const Gather& current, Gather& candidate, double smallest,
                           const GainOf& gain_of) {
  const Gather row_of = inverse(current);
  std::vector<bool> visited(current.size());
  double total = 0;
  for (std::size_t start = 0; start < current.size(); ++start) {
    std::vector<std::size_t> cycle;
    double gain = 0;
    for (std::size_t row = start; !visited[row]; row = row_of[candidate[row]]) {
      visited[row] = true;
      cycle.push_back(row);
      gain += gain_of(row);
    }
    if (gain > smallest * static_cast<double>(cycle.size())) {
      total += gain;
    } else {
      for (const std::size_t row : cycle) candidate[row] = current[row];
    }
  }
  return total;
}

}  // namespace mgit
