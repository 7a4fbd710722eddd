#include "match/settled.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "match/unfolding.h"

namespace mgit {
namespace {

/// Of the bound on the objective: less, and B has not enough in common with A.
constexpr double kInCommon = 0.5;

/// Columns are taken until units of A and B that have nothing in common would be so many times
/// farther apart in them than units are from their own in all columns; where that does not do,
/// more.
constexpr double kMargin = 2.5;
constexpr double kMoreMargin = 4;
constexpr double kFewestColumns = 64;
/// What has fewer is much alike for all units, as a norm's weights are.
constexpr std::size_t kTellingColumns = 16;
/// Of a group's columns; beyond, a sweep is as good.
constexpr double kLargestPart = 0.5;
/// Errors of sums of products of floats, as part of the squares.
constexpr double kSumRounding = 2e-5;
constexpr std::size_t kBlockRows = 240;
/// Pairs of units that are compared in full, for each unit.
constexpr std::size_t kMostClose = 16;

/// `count` of a list, in runs of neighbours that are spread over it.
std::vector<std::size_t> spread(const std::vector<std::size_t>& list, std::size_t count,
                                std::size_t runs) {
  if (count >= list.size()) return list;
  runs = std::min(runs, count);
  std::vector<std::size_t> kept;
  for (std::size_t run = 0; run < runs; ++run) {
    const std::size_t length = count * (run + 1) / runs - count * run / runs;
    const std::size_t first = (list.size() - count) * run / runs + count * run / runs;
    kept.insert(kept.end(), list.begin() + static_cast<std::ptrdiff_t>(first),
                list.begin() + static_cast<std::ptrdiff_t>(first + length));
  }
  return kept;
}

/// About `count` columns, neighbours together as far as may be.
Unfolding some_columns(const Unfolding& all, std::size_t count) {
  Unfolding some = all;
  const std::size_t outer = std::clamp<std::size_t>(
      count / all.inner.size(), std::min<std::size_t>(4, all.outer.size()), all.outer.size());
  some.inner = spread(all.inner, (count + outer - 1) / outer, 4);
  if (outer == all.outer.size()) return some;
  std::vector<std::size_t> kept(all.outer.size());
  std::iota(kept.begin(), kept.end(), std::size_t{0});
  kept = spread(kept, outer, outer);
  some.outer.clear();
  some.places.clear();
  for (const std::size_t x : kept) {
    some.outer.push_back(all.outer[x]);
    if (!all.places.empty()) {
      const auto first = all.places.begin() + static_cast<std::ptrdiff_t>(x * all.rows);
      some.places.insert(some.places.end(), first, first + static_cast<std::ptrdiff_t>(all.rows));
    }
  }
  return some;
}

Unfolding some_rows(const Unfolding& all, std::size_t first, std::size_t count) {
  Unfolding some = all;
  some.rows = count;
  for (std::size_t& offset : some.outer) offset += first * all.row_stride;
  some.places.clear();
  for (std::size_t x = 0; x < all.outer.size() && !all.places.empty(); ++x) {
    const auto from = all.places.begin() + static_cast<std::ptrdiff_t>(x * all.rows + first);
    some.places.insert(some.places.end(), from, from + static_cast<std::ptrdiff_t>(count));
  }
  return some;
}

struct Pair {
  std::size_t i;
  std::size_t j;
};

/// Units that stand at some places side by side: does each like its own best?
class Units {
 public:
  explicit Units(const std::vector<UnitPlace>& places)
      : places_(places), n_(places.front().rows.rows), own_(n_) {
    for (const UnitPlace& place : places)
      for (std::size_t i = 0; i < n_; ++i) own_[i] += place.distances[i];
  }

  bool stay() {
    if (std::all_of(own_.begin(), own_.end(), [](double own) { return own == 0; })) return true;
    for (double margin = kMargin; choose_columns(margin); margin *= kMoreMargin)
      if (compare()) return decide();
    return false;
  }

 private:
  struct Chosen {
    TensorData a;
    TensorData b;
    Unfolding columns;
  };

  /// False: they are too many, or no more than before.
  bool choose_columns(double margin) {
    chosen_.clear();
    close_.clear();
    std::vector<const UnitPlace*> order;
    double all = 0;
    for (const UnitPlace& place : places_) {
      order.push_back(&place);
      all += static_cast<double>(place.rows.columns());
    }
    const auto squares = [](const UnitPlace* place) {
      return place->pair->products.aa + place->pair->products.bb;
    };
    const auto telling = [](const UnitPlace* place) {
      return place->rows.columns() >= kTellingColumns;
    };
    std::stable_sort(order.begin(), order.end(), [&](const UnitPlace* x, const UnitPlace* y) {
      return telling(x) != telling(y) ? telling(x) : squares(x) > squares(y);
    });
    double wanted = margin * std::accumulate(own_.begin(), own_.end(), 0.0);
    double fewest = kFewestColumns * margin / kMargin;
    double taken = 0;
    for (const UnitPlace* place : order) {
      if (wanted <= 0 && fewest <= 0) break;
      const auto columns = static_cast<double>(place->rows.columns());
      const double enough = wanted > 0 ? wanted / (squares(place) + wanted / columns) : 0;
      const double part = std::min(1.0, std::max(enough, fewest / columns));
      Chosen chosen{place->pair->a.read(), place->pair->b.read(),
                    some_columns(place->rows, static_cast<std::size_t>(part * columns + 1))};
      const auto got = static_cast<double>(chosen.columns.columns());
      chosen_.push_back(std::move(chosen));
      taken += got;
      fewest -= got;
      wanted -= squares(place) * got / columns;
    }
    const bool more = taken > taken_;
    taken_ = taken;
    return more && taken <= std::max(kLargestPart * all, 4 * kFewestColumns);
  }

  /// Finds the pairs of units that the chosen columns do not keep apart. False: too many.
  bool compare() {
    std::vector<double> a_squares(n_);
    std::vector<double> b_squares(n_);
    for (const Chosen& each : chosen_) {
      add_squares(each.a.view, each.columns, a_squares);
      add_squares(each.b.view, each.columns, b_squares);
    }
    std::vector<double> sum;
    for (std::size_t first = 0; first < n_; first += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, n_ - first);
      sum.assign(count * n_, 0);
      for (const Chosen& each : chosen_)
        add_products(each.a.view, some_rows(each.columns, first, count), each.b.view, each.columns,
                     sum);
      std::vector<std::vector<Pair>> close(count);
      parallel_for(count, [&](std::size_t row) {
        const std::size_t i = first + row;
        for (std::size_t j = 0; j < n_; ++j) {
          const double squares = a_squares[i] + b_squares[j];
          if (squares * (1 - kSumRounding) - 2 * sum[row * n_ + j] <= own_[i] && i != j)
            close[row].push_back({i, j});
        }
      });
      for (const std::vector<Pair>& row : close)
        close_.insert(close_.end(), row.begin(), row.end());
      if (close_.size() > kMostClose * n_) return false;
    }
    return true;
  }

  /// Computes those in full.
  bool decide() const {
    std::vector<double> apart(close_.size());
    double squares = 0;
    for (const UnitPlace& place : places_) {
      squares += place.pair->products.aa + place.pair->products.bb;
      if (close_.empty()) continue;
      const TensorData a = place.pair->a.read();
      const TensorData b = place.pair->b.read();
      parallel_for(close_.size(), [&](std::size_t k) {
        apart[k] += squared_distance(a.view, some_rows(place.rows, close_[k].i, 1), b.view,
                                     some_rows(place.rows, close_[k].j, 1));
      });
    }
    const double rounding = kTolerance * squares / static_cast<double>(n_);
    for (std::size_t k = 0; k < close_.size(); ++k)
      if (apart[k] < own_[close_[k].i] - rounding) return false;
    return true;
  }

  const std::vector<UnitPlace>& places_;
  std::size_t n_;
  std::vector<double> own_;  // squared distances of the units of A from their own in B
  std::vector<Chosen> chosen_;
  double taken_ = 0;  // columns of chosen_
  std::vector<Pair> close_;
};

bool all_stay(const std::vector<UnitPlace>& places) {
  return places.empty() || Units(places).stay();
}

/// The places of a group that is solved by itself.
std::vector<UnitPlace> places_of(const MatchProblem& problem, std::size_t group) {
  std::vector<UnitPlace> places;
  for (const std::size_t index : problem.terms_of[group]) {
    const MatchProblem::Term& term = problem.terms[index];
    const TensorPair& pair = problem.pairs[term.pair];
    const Occurrence& at = term.occurrence;
    const std::size_t n = problem.spec.groups[group].size;
    const std::vector<Gather> still(pair.spec->axes.size());
    UnitPlace place{&pair, unfold(*pair.spec, term.axis, at, n, still), std::vector<double>(n)};
    for (std::size_t o = 0; o < at.outer; ++o)
      for (std::size_t unit = 0; unit < n; ++unit)
        for (std::size_t i = 0; i < at.inner; ++i)
          place.distances[unit] +=
              pair.distances[term.axis][at.offset + (o * n + unit) * at.inner + i];
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace

bool is_settled(const MatchProblem& problem) {
  double similar = 0;
  for (const TensorPair& pair : problem.pairs) similar += pair.products.ab;
  if (similar < kInCommon * problem.bound()) return false;
  for (const MatchProblem::Tree& tree : problem.trees)
    for (const std::vector<UnitPlace>& places :
         units_within(problem.spec, tree.groups, tree.places))
      if (!all_stay(places)) return false;
  for (std::size_t group = 0; group < problem.spec.groups.size(); ++group)
    if (!problem.tree_of[group] && !all_stay(places_of(problem, group))) return false;
  return true;
}

}  // namespace mgit
