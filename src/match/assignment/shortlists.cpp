#include "match/assignment/shortlists.h"

#include <algorithm>

namespace mgit {
namespace {

constexpr std::size_t kLookedThrough = 128;       // looking through so many is as fast as a list
constexpr std::size_t kGroups = 4 * kListLength;  // so few columns share one with a better one

/// A value that kListLength of the peaks reach, and not many more.
double passed_by_enough(const std::vector<double>& peaks) {
  constexpr std::size_t kMost = kListLength + kListLength / 8;
  const auto [lowest, highest] = std::minmax_element(peaks.begin(), peaks.end());
  double low = *lowest;
  double high = *highest;
  for (int step = 0; step < 12; ++step) {
    const double middle = (low + high) * 0.5;
    std::size_t count = 0;
    for (const double peak : peaks) count += peak >= middle ? 1 : 0;
    if (count < kListLength) {
      high = middle;
    } else {
      low = middle;
      if (count <= kMost) break;
    }
  }
  return low;
}

}  // namespace

Shortlists::Shortlists(const Market& market, bool eager)
    : market_(market),
      length_(market.columns > kLookedThrough ? kListLength : 0),
      column_(market.rows * length_),
      score_(market.rows * length_),
      bound_(market.rows, Market::kInfinity),
      seen_(market.rows, eager ? kListed - 1 : 0),
      found_(market.columns) {}

BestTwo Shortlists::best_two(std::uint32_t i) {
  const auto& price = market_.price;
  if (length_ == 0 || seen_[i] == 0) {
    seen_[i] = 1;
    return market_.kernels.best_two(market_.row(i), price.data(), market_.columns);
  }
  for (;;) {
    if (!fresh(i)) {
      const std::size_t first = i * length_;
      BestTwo top = market_.kernels.best_two_listed(&score_[first], &column_[first], price.data());
      if (top.best >= bound_[i]) {
        top.index = column_[first + top.index];
        top.second = std::max(top.second, bound_[i]);
        return top;
      }
    }
    make(i);
  }
}

std::size_t Shortlists::free_column_worth(std::uint32_t i, double value) {
  std::size_t last = market_.columns;
  for (const std::uint32_t j : columns_worth(i, value)) {
    if (market_.row_of[j] != Market::kNone) continue;
    if (j >= i) return j;
    if (last == market_.columns) last = j;
  }
  return last;
}

Shortlist Shortlists::list(std::uint32_t i) {
  if (length_ == 0) return {};
  if (fresh(i)) make(i);
  return {{&column_[i * length_], length_}, {&score_[i * length_], length_}, bound_[i]};
}

std::span<const std::uint32_t> Shortlists::columns_worth(std::uint32_t i, double least) {
  const std::size_t count = market_.kernels.collect(market_.row(i), market_.price.data(), least,
                                                    market_.columns, found_.data());
  return {found_.data(), count};
}

void Shortlists::forget() {
  std::fill(bound_.begin(), bound_.end(), Market::kInfinity);
  for (unsigned char& seen : seen_) seen = std::min<unsigned char>(seen, kListed - 1);
}

void Shortlists::make(std::uint32_t i) {
  const std::size_t n = market_.columns;
  const std::size_t group = n / kGroups;
  peaks_.resize((n / kPeakLanes + group - 1) / group * kPeakLanes);
  market_.kernels.peaks(market_.row(i), market_.price.data(), n, group, peaks_.data());
  bound_[i] = passed_by_enough(peaks_);
  candidates_.clear();
  for (const std::uint32_t j : columns_worth(i, bound_[i]))
    candidates_.push_back({market_.worth(i, j), j});
  if (candidates_.size() > kListLength) bound_[i] = keep_best(i);
  for (std::size_t k = 0; k < kListLength; ++k) {
    column_[i * kListLength + k] = candidates_[k].column;
    score_[i * kListLength + k] = market_.row(i)[candidates_[k].column];
  }
  seen_[i] = kListed;
}

/// Leaves kListLength candidates, ascending, of those worth the same such that differ from row to
/// row. Returns what the best of the others is worth.
double Shortlists::keep_best(std::uint32_t i) {
  const std::size_t n = market_.columns;
  const auto better = [&](const Candidate& a, const Candidate& b) {
    const auto turned = [&](std::uint32_t j) { return j >= i ? j - i : j + n - i; };
    return a.worth != b.worth ? a.worth > b.worth : turned(a.column) < turned(b.column);
  };
  if (candidates_.size() > 2 * kListLength) {
    const auto end = candidates_.begin() + kListLength + 1;
    std::nth_element(candidates_.begin(), end - 1, candidates_.end(), better);
    candidates_.erase(end, candidates_.end());
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& a, const Candidate& b) { return a.column < b.column; });
  }
  double dropped = 0;
  while (candidates_.size() > kListLength) {
    const auto worst = std::max_element(candidates_.begin(), candidates_.end(), better);
    dropped = worst->worth;
    candidates_.erase(worst);
  }
  return dropped;
}

}  // namespace mgit
