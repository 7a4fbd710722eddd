#include "match/assignment.h"

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace mgit {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Prices only ever rise, and whatever they are, row i may claim max_j(score_ij - price_j): every
/// price vector is dual feasible. Rows that hold a column hold one of their best.
class Solver {
 public:
  Solver(const Kernels& kernels, std::span<const float> score, std::size_t n)
      : kernels_(kernels),
        score_(score),
        n_(n),
        price_(n),
        column_of_(n, kNone),
        row_of_(n, kNone) {}

  void start_from(std::span<const double> price) { price_.assign(price.begin(), price.end()); }

  /// Prices at which every column is worth nothing to the row that values it most.
  void start_cold() {
    for (std::size_t j = 0; j < n_; ++j) price_[j] = score_[j];
    for (std::size_t i = 1; i < n_; ++i)
      for (std::size_t j = 0; j < n_; ++j)
        price_[j] = std::max(price_[j], static_cast<double>(score_[i * n_ + j]));
  }

  /// Auctions when more than this many rows stay free after the reduction.
  void solve(std::size_t tolerated) {
    reduce();
    if (free_rows().size() > tolerated) {
      auction();
      reduce();
    }
    augment_all();
  }

  const std::vector<std::uint32_t>& assignment() const { return column_of_; }
  const std::vector<double>& prices() const { return price_; }

 private:
  const float* row(std::size_t i) const { return score_.data() + i * n_; }

  std::vector<std::uint32_t> free_rows() const {
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i < n_; ++i)
      if (column_of_[i] == kNone) rows.push_back(static_cast<std::uint32_t>(i));
    return rows;
  }

  void clear() {
    std::fill(column_of_.begin(), column_of_.end(), kNone);
    std::fill(row_of_.begin(), row_of_.end(), kNone);
  }

  /// Gives column j to row i; returns the row that had it.
  std::uint32_t give(std::uint32_t i, std::size_t j) {
    const std::uint32_t previous = row_of_[j];
    if (previous != kNone) column_of_[previous] = kNone;
    row_of_[j] = i;
    column_of_[i] = static_cast<std::uint32_t>(j);
    return previous;
  }

  /// Augmenting row reduction: a row takes its best column and raises the price to where its second
  /// best is as good; who held the column looks again. Steps are limited: prices may creep.
  void reduce() {
    clear();
    std::vector<std::uint32_t> waiting(n_);
    std::iota(waiting.rbegin(), waiting.rend(), 0U);
    for (std::size_t steps = 4 * n_; !waiting.empty() && steps > 0; --steps) {
      const std::uint32_t i = waiting.back();
      waiting.pop_back();
      const BestTwo top = kernels_.best_two(row(i), price_.data(), n_);
      std::size_t j = top.index;
      if (top.best > top.second) {
        if (n_ > 1 && row_of_[j] != kNone) price_[j] += top.best - top.second;
      } else if (row_of_[j] != kNone && (j = free_column_worth(i, top.best)) == n_) {
        continue;
      }
      const std::uint32_t displaced = give(i, j);
      if (displaced != kNone) waiting.push_back(displaced);
    }
  }

  /// A free column that is worth `value` to row i; n if there is none.
  std::size_t free_column_worth(std::size_t i, double value) const {
    const float* scores = row(i);
    for (std::size_t j = 0; j < n_; ++j)
      if (row_of_[j] == kNone && static_cast<double>(scores[j]) - price_[j] == value) return j;
    return n_;
  }

  /// Finds good prices: phases of bidding with ever smaller increments. The assignment is only a
  /// by-product. Bids are limited, so ties cannot hold it up.
  void auction() {
    const auto [low, high] = std::minmax_element(score_.begin(), score_.end());
    const double range = static_cast<double>(*high) - static_cast<double>(*low);
    for (double step = range / 16; step > range / 16384; step /= 4) {
      clear();
      std::vector<std::uint32_t> waiting(n_);
      std::iota(waiting.rbegin(), waiting.rend(), 0U);
      for (std::size_t bids = 40 * n_; !waiting.empty() && bids > 0; --bids) {
        const std::uint32_t i = waiting.back();
        waiting.pop_back();
        const BestTwo top = kernels_.best_two(row(i), price_.data(), n_);
        price_[top.index] += top.best - top.second + step;
        const std::uint32_t displaced = give(i, top.index);
        if (displaced != kNone) waiting.push_back(displaced);
      }
    }
  }

  void augment_all() {
    free_columns_.clear();
    for (std::size_t j = 0; j < n_; ++j)
      if (row_of_[j] == kNone) free_columns_.push_back(static_cast<std::uint32_t>(j));
    distance_.resize(n_);
    from_.resize(n_);
    open_price_.resize(n_);
    for (const std::uint32_t i : free_rows()) augment(i);
  }

  /// Dijkstra from a free row to the nearest free column, over reduced costs.
  void augment(std::uint32_t start) {
    std::fill(distance_.begin(), distance_.end(), kInfinity);
    open_price_ = price_;
    closed_.clear();
    std::uint32_t i = start;
    double base = kernels_.best_two(row(i), price_.data(), n_).best;
    std::size_t end = n_;
    double length = 0;
    for (;;) {
      const Nearest nearest =
          kernels_.relax(row(i), open_price_.data(), base, i, distance_.data(), from_.data(), n_);
      length = nearest.distance;
      end = free_column_at(length);
      if (end != n_) break;
      const std::size_t j = nearest.index;
      closed_.emplace_back(j, length);
      distance_[j] = kInfinity;
      open_price_[j] = kInfinity;
      i = row_of_[j];
      base = length + (static_cast<double>(row(i)[j]) - price_[j]);
    }
    for (const auto& [j, at] : closed_) price_[j] += length - at;
    flip(start, end);
  }

  /// Among equally near columns a free one ends the search at once.
  std::size_t free_column_at(double length) const {
    for (const std::uint32_t j : free_columns_)
      if (distance_[j] <= length) return j;
    return n_;
  }

  void flip(std::uint32_t start, std::size_t end) {
    std::erase(free_columns_, static_cast<std::uint32_t>(end));
    for (std::size_t j = end;;) {
      const auto i = static_cast<std::uint32_t>(from_[j]);
      const std::uint32_t previous = column_of_[i];
      column_of_[i] = static_cast<std::uint32_t>(j);
      row_of_[j] = i;
      if (i == start) return;
      j = previous;
    }
  }

  const Kernels& kernels_;
  std::span<const float> score_;
  std::size_t n_;
  std::vector<double> price_;
  std::vector<std::uint32_t> column_of_;
  std::vector<std::uint32_t> row_of_;

  // Of the search under way.
  std::vector<std::uint32_t> free_columns_;
  std::vector<double> distance_;
  std::vector<std::int64_t> from_;
  std::vector<double> open_price_;
  std::vector<std::pair<std::size_t, double>> closed_;
};

/// Largest magnitude. Throws Error on NaN and infinities.
double checked_magnitude(std::span<const float> score, std::size_t n) {
  if (score.size() != n * n) throw Error("assignment scores are not a square matrix");
  // Magnitudes order as their bits do, and this loop is vectorised without -ffast-math.
  std::uint32_t largest = 0;
  for (const float value : score)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7fffffffU);
  if (largest >= 0x7f800000U) throw Error("assignment scores are not finite");
  return std::bit_cast<float>(largest);
}

/// Prices far above the scores would drown them in rounding, the certificate included.
bool usable(const std::vector<double>& price, std::size_t n, double magnitude) {
  return price.size() == n && std::all_of(price.begin(), price.end(), [&](double p) {
           return std::fabs(p) <= 1000 * magnitude;
         });
}

}  // namespace

double duality_gap(std::span<const float> score, std::span<const double> price,
                   std::span<const std::uint32_t> assignment) {
  const std::size_t n = assignment.size();
  double gap = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float* row = score.data() + i * n;
    const std::size_t j = assignment[i];
    gap += kernels().best_two(row, price.data(), n).best - (static_cast<double>(row[j]) - price[j]);
  }
  return gap;
}

std::vector<std::uint32_t> solve_assignment_with(const Kernels& kernels,
                                                 std::span<const float> score, std::size_t n,
                                                 AssignmentDuals* duals) {
  const double magnitude = checked_magnitude(score, n);
  const double allowed = magnitude * static_cast<double>(n) * 1e-12;
  const auto attempt = [&](bool warm) -> std::optional<std::vector<std::uint32_t>> {
    Solver solver(kernels, score, n);
    if (warm) {
      solver.start_from(duals->column);
    } else if (n > 0) {
      solver.start_cold();
    }
    // Good prices leave ties, and ties leave rows free: that is no reason to start afresh.
    solver.solve(warm ? n / 2 : n / 20 + 4);
    if (!(duality_gap(score, solver.prices(), solver.assignment()) <= allowed)) return {};
    if (duals != nullptr) duals->column = solver.prices();
    return solver.assignment();
  };
  if (duals != nullptr && usable(duals->column, n, magnitude))
    if (auto assignment = attempt(true)) return *std::move(assignment);
  if (auto assignment = attempt(false)) return *std::move(assignment);
  throw Error("assignment could not be certified");
}

std::vector<std::uint32_t> solve_assignment(std::span<const float> score, std::size_t n,
                                            AssignmentDuals* duals) {
  return solve_assignment_with(kernels(), score, n, duals);
}

}  // namespace mgit
