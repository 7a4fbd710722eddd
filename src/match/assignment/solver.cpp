#include "match/assignment/solver.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "match/assignment/auction.h"
#include "match/assignment/augmentation.h"
#include "match/assignment/certificate.h"
#include "match/assignment/reduction.h"
#include "mgit/base.h"

namespace mgit {
namespace {

constexpr std::uint32_t kInfinityBits = 0x7f800000U;

/// Prices far above the scores would drown them in rounding, the certificate included.
bool usable(const std::vector<double>& price, std::size_t columns, double magnitude) {
  return price.size() == columns && std::all_of(price.begin(), price.end(), [&](double p) {
           return std::fabs(p) <= 1000 * magnitude;
         });
}

/// What all rows span together, and each by itself.
struct Extent {
  double magnitude = 0;
  double range = 0;
  std::vector<float> highest;  // by row
  std::vector<double> spread;  // by row: highest less lowest
};

/// One attempt at the whole.
class Attempt {
 public:
  Attempt(const Kernels& kernels, std::span<const float> score, std::size_t rows,
          std::size_t columns)
      : market_(kernels, score, rows, columns) {}

  /// False, and nothing is assigned, if the prices are of no use.
  bool run_warm(const std::vector<double>& price) {
    market_.price = price;
    Shortlists lists(market_, false);
    if (reduce(market_, lists, market_.free_rows()) > market_.rows / 2) return false;
    settle(lists);
    augment(market_, lists);
    return true;
  }

  void run_cold(const Extent& extent) {
    if (market_.columns > kTiny)
      for (std::uint32_t i = 0; i < market_.rows; ++i)
        take_first_choice(market_, i, extent.highest[i]);
    std::vector<std::uint32_t> waiting = market_.free_rows();
    const bool many = waiting.size() > market_.rows / 8;
    Shortlists lists(market_, many);
    if (many) {
      market_.release_all();
      waiting = start(extent);
      if (market_.columns > kTiny) {
        bid_about(lists, std::move(waiting), extent);
        waiting = market_.free_rows();
      }
    }
    reduce(market_, lists, std::move(waiting));
    settle(lists);
    augment(market_, lists);
  }

  const Market& market() const { return market_; }

 private:
  static constexpr std::size_t kTiny = 128;  // paths cost next to nothing, bids as little as a look
  static constexpr std::size_t kSmall = 256;

  /// Free columns at other prices than the lowest, which auctions and warm starts leave, fall to
  /// it, and who wants them now bids.
  void settle(Shortlists& lists) {
    if (!level_free_columns(market_)) return;
    lists.forget();
    reduce(market_, lists, market_.free_rows());
  }

  /// Good prices by bids with small increments, or by an auction where those creep.
  void bid_about(Shortlists& lists, std::vector<std::uint32_t> waiting, const Extent& extent) {
    constexpr double kIncrement = 1.0 / 32768;  // in parts of a row's spread
    std::vector<double> increments = extent.spread;
    for (double& increment : increments) increment *= kIncrement;
    const std::size_t left = reduce(market_, lists, std::move(waiting), increments);
    if (left > market_.rows / 20) auction(market_, extent.range);
    market_.release_all();
  }

  /// Prices to start from and the order of bidding, last first. Those who have most to lose set the
  /// prices, the others take what is left; where all have about as much, columns of small matrices
  /// rather start at their highest score, which saves some bidding.
  std::vector<std::uint32_t> start(const Extent& extent) {
    std::vector<std::uint32_t> order = market_.free_rows();
    const double widest = *std::max_element(extent.spread.begin(), extent.spread.end());
    const double sum = std::accumulate(extent.spread.begin(), extent.spread.end(), 0.0);
    if (market_.columns <= kSmall && market_.columns == market_.rows &&
        widest * static_cast<double>(market_.rows) < 3 * sum) {
      start_from_columns();
    } else {
      std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return extent.spread[a] < extent.spread[b];
      });
    }
    return order;
  }

  void start_from_columns() {
    market_.price.assign(market_.row(0), market_.row(0) + market_.columns);
    for (std::size_t i = 1; i < market_.rows; ++i) {
      const float* row = market_.row(i);
      for (std::size_t j = 0; j < market_.columns; ++j) {
        const double score = row[j];
        market_.price[j] = market_.price[j] < score ? score : market_.price[j];
      }
    }
  }

  Market market_;
};

/// Throws Error on NaN and infinities.
Extent survey(const Kernels& kernels, std::span<const float> score, std::size_t rows,
              std::size_t columns) {
  Extent extent;
  extent.highest.resize(rows);
  extent.spread.resize(rows);
  Survey all = {score[0], score[0], 0};
  for (std::size_t i = 0; i < rows; ++i) {
    const Survey row = kernels.survey(score.data() + i * columns, columns);
    extent.highest[i] = row.highest;
    extent.spread[i] = static_cast<double>(row.highest) - static_cast<double>(row.lowest);
    all.highest = std::max(all.highest, row.highest);
    all.lowest = std::min(all.lowest, row.lowest);
    all.largest = std::max(all.largest, row.largest);
  }
  if (all.largest >= kInfinityBits) throw Error("assignment scores are not finite");
  extent.magnitude = static_cast<double>(std::bit_cast<float>(all.largest));
  extent.range = static_cast<double>(all.highest) - static_cast<double>(all.lowest);
  return extent;
}

}  // namespace

std::vector<std::uint32_t> solve_assignment_with(const Kernels& kernels,
                                                 std::span<const float> score, std::size_t rows,
                                                 std::size_t columns, AssignmentDuals* duals) {
  if (rows > columns) throw Error("an assignment of more rows than columns");
  if (columns > Market::kNone || (rows > 0 && score.size() / rows != columns) ||
      score.size() != rows * columns)
    throw Error("assignment scores are not a matrix of that size");
  if (rows == 0) {
    if (duals != nullptr) duals->column.assign(columns, 0);
    return {};
  }
  const Extent extent = survey(kernels, score, rows, columns);
  const double allowed = extent.magnitude * static_cast<double>(rows) * 1e-12;
  const auto attempt = [&](bool warm) -> std::optional<std::vector<std::uint32_t>> {
    Attempt run(kernels, score, rows, columns);
    if (!warm) {
      run.run_cold(extent);
    } else if (!run.run_warm(duals->column)) {
      return {};
    }
    const Market& market = run.market();
    if (!(duality_gap_with(kernels, score, market.price, market.column_of) <= allowed)) return {};
    if (duals != nullptr) duals->column = market.price;
    return market.column_of;
  };
  if (duals != nullptr && usable(duals->column, columns, extent.magnitude))
    if (auto assignment = attempt(true)) return *std::move(assignment);
  if (auto assignment = attempt(false)) return *std::move(assignment);
  throw Error("assignment could not be certified");
}

std::vector<std::uint32_t> solve_assignment(std::span<const float> score, std::size_t rows,
                                            std::size_t columns, AssignmentDuals* duals) {
  return solve_assignment_with(kernels(), score, rows, columns, duals);
}

std::vector<std::uint32_t> solve_assignment(std::span<const float> score, std::size_t n,
                                            AssignmentDuals* duals) {
  return solve_assignment(score, n, n, duals);
}

}  // namespace mgit
