#include "match/assignment/reduction.h"

namespace mgit {

bool take_first_choice(Market& market, std::uint32_t i, float highest) {
  const auto take = [&](std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j) {
      j += market.kernels.first_worth(market.row(i) + j, market.price.data() + j, highest, end - j);
      if (j == end) return false;
      if (market.row_of[j] != Market::kNone) continue;
      market.give(i, j);
      return true;
    }
    return false;
  };
  return take(i, market.columns) || take(0, i);  // many rows may want the same few columns
}

std::size_t reduce(Market& market, Shortlists& lists, std::vector<std::uint32_t> waiting,
                   std::span<const double> increments) {
  // After so many turns a look at what they brought: paths through small matrices are short.
  const std::size_t stretch = (market.columns <= 128 ? 1 : 4) * market.rows;
  constexpr std::size_t kStretches = 64;   // in about so many all rows have to be done
  constexpr std::size_t kOneStretch = 32;  // of columns: then paths are as short as bids
  while (!waiting.empty()) {
    std::size_t taken = 0;
    for (std::size_t turns = stretch; turns > 0 && !waiting.empty(); --turns) {
      const std::uint32_t i = waiting.back();
      waiting.pop_back();
      const BestTwo top = lists.best_two(i);
      const double raise = top.best - top.second + (increments.empty() ? 0 : increments[i]);
      std::size_t j = top.index;
      const bool held = market.row_of[j] != Market::kNone;
      if (raise > 0) {
        if (held && market.columns > 1) market.price[j] += raise;
      } else if (held && (j = lists.free_column_worth(i, top.best)) == market.columns) {
        continue;
      }
      const std::uint32_t displaced = market.give(i, j);
      if (displaced != Market::kNone) {
        waiting.push_back(displaced);
      } else {
        ++taken;
      }
    }
    if (market.columns <= kOneStretch || taken * kStretches < waiting.size()) break;
  }
  return waiting.size();
}

}  // namespace mgit
