#include "match/assignment/auction.h"

#include <algorithm>

namespace mgit {

void auction(Market& market, double range) {
  constexpr double kCoarsest = 1.0 / 16;
  constexpr int kPhases = 5;         // each with steps a quarter of those before
  constexpr std::size_t kBids = 40;  // per row and phase
  double step = kCoarsest;
  for (int phase = 0; phase < kPhases; ++phase, step /= 4) {
    market.release_all();
    std::vector<std::uint32_t> waiting = market.free_rows();
    for (std::size_t bids = kBids * market.rows; !waiting.empty() && bids > 0; --bids) {
      const std::uint32_t i = waiting.back();
      waiting.pop_back();
      const BestTwo top =
          market.kernels.best_two(market.row(i), market.price.data(), market.columns);
      market.price[top.index] += top.best - top.second + step * range;
      const std::uint32_t displaced = market.give(i, top.index);
      if (displaced != Market::kNone) waiting.push_back(displaced);
    }
  }
  market.release_all();
}

bool level_free_columns(Market& market) {
  if (market.rows == market.columns) return false;
  const double lowest = *std::min_element(market.price.begin(), market.price.end());
  bool any = false;
  for (bool fell = true; fell;) {
    fell = false;
    for (std::size_t j = 0; j < market.columns; ++j)
      if (market.row_of[j] == Market::kNone && market.price[j] > lowest) {
        market.price[j] = lowest;
        fell = any = true;
      }
    for (std::size_t i = 0; fell && i < market.rows; ++i) {
      const std::uint32_t j = market.column_of[i];
      if (j == Market::kNone || market.worth(i, j) >= market.best(i)) continue;
      market.row_of[j] = Market::kNone;
      market.column_of[i] = Market::kNone;
    }
  }
  return any;
}

}  // namespace mgit
