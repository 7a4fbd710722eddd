#include "match/assignment/augmentation.h"

#include <algorithm>

namespace mgit {
namespace {

constexpr std::size_t kDense = 256;

/// What both searches do with the path they find.
class Search {
 public:
  explicit Search(Market& market)
      : market_(market), distance_(market.columns, Market::kInfinity), from_(market.columns) {
    free_columns_.reserve(market.columns);
    closed_.reserve(market.columns);
    for (std::size_t j = 0; j < market.columns; ++j)
      if (market.row_of[j] == Market::kNone) free_columns_.push_back(static_cast<std::uint32_t>(j));
  }

 protected:
  /// Row `start` takes the first column on the path to `end`, which is `length` long.
  void flip(std::uint32_t start, std::uint32_t end, double length) {
    for (const auto& [j, at] : closed_) market_.price[j] += length - at;
    std::erase(free_columns_, end);
    for (std::uint32_t j = end;;) {
      const auto i = static_cast<std::uint32_t>(from_[j]);
      const std::uint32_t previous = market_.column_of[i];
      market_.column_of[i] = j;
      market_.row_of[j] = i;
      if (i == start) return;
      j = previous;
    }
  }

  Market& market_;
  std::vector<std::uint32_t> free_columns_;

  // Of the search under way.
  std::vector<double> distance_;
  std::vector<std::int64_t> from_;  // by column: the row it was reached from
  std::vector<std::pair<std::uint32_t, double>> closed_;
};

/// Looks at all columns of each row: for matrices that fit a cache.
class DenseSearch : Search {
 public:
  explicit DenseSearch(Market& market) : Search(market) {}

  void run(std::uint32_t start) {
    std::fill(distance_.begin(), distance_.end(), Market::kInfinity);
    open_price_ = market_.price;
    closed_.clear();
    double base = market_.best(start);
    for (std::uint32_t i = start;;) {
      const Nearest nearest =
          market_.kernels.relax(market_.row(i), open_price_.data(), base, i, distance_.data(),
                                from_.data(), market_.columns);
      const auto free =
          std::find_if(free_columns_.begin(), free_columns_.end(), [&](std::uint32_t j) {
            return distance_[j] <= nearest.distance;  // of equally near ones it ends the search
          });
      if (free != free_columns_.end()) return flip(start, *free, nearest.distance);
      const auto j = static_cast<std::uint32_t>(nearest.index);
      closed_.emplace_back(j, nearest.distance);
      distance_[j] = open_price_[j] = Market::kInfinity;
      i = market_.row_of[j];
      base = nearest.distance + market_.worth(i, j);
    }
  }

 private:
  std::vector<double> open_price_;  // infinite for columns that were closed
};

/// Looks at shortlists first, and beyond them only where the search gets as far as their bound.
class ListSearch : Search {
 public:
  ListSearch(Market& market, Shortlists& lists)
      : Search(market), lists_(lists), base_(market.rows) {}

  void run(std::uint32_t start) {
    length_ = Market::kInfinity;
    for (const std::uint32_t j : touched_) distance_[j] = Market::kInfinity;
    touched_.clear();
    closed_.clear();
    queue_.clear();
    const double best = market_.best(start);
    for (const std::uint32_t j : free_columns_) reach(j, best - market_.worth(start, j), start);
    leave(start, best);
    while (!queue_.empty() && queue_.front().distance < length_) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Entry entry = queue_.back();
      queue_.pop_back();
      if (entry.node >= market_.columns) {
        leave_beyond(static_cast<std::uint32_t>(entry.node - market_.columns));
      } else if (entry.distance == distance_[entry.node]) {
        close(static_cast<std::uint32_t>(entry.node), entry.distance);
      }
    }
    flip(start, end_, length_);
  }

 private:
  /// A column that was reached; or, counted on from the columns, a row whose columns beyond its
  /// list are no nearer than this.
  struct Entry {
    double distance;
    std::size_t node;
    /// The nearest comes first out of a heap; of equally near ones a row, that may see a free
    /// column, before columns that are held.
    bool operator<(const Entry& other) const {
      return distance != other.distance ? distance > other.distance : node < other.node;
    }
  };

  void push(double distance, std::size_t node) {
    queue_.push_back({distance, node});
    std::push_heap(queue_.begin(), queue_.end());
  }

  void reach(std::uint32_t j, double distance, std::uint32_t i) {
    if (!(distance < distance_[j] && distance < length_)) return;
    if (distance_[j] == Market::kInfinity) touched_.push_back(j);
    distance_[j] = distance;
    from_[j] = i;
    if (market_.row_of[j] == Market::kNone) {
      length_ = distance;
      end_ = j;
    } else {
      push(distance, j);
    }
  }

  /// On from row i, whose best column is as far as `base` less what it is worth.
  void leave(std::uint32_t i, double base) {
    base_[i] = base;
    const Shortlist list = lists_.list(i);
    if (list.columns.empty()) return leave_beyond(i);
    for (std::size_t k = 0; k < list.columns.size(); ++k) {
      const std::uint32_t j = list.columns[k];
      reach(j, base - (static_cast<double>(list.scores[k]) - market_.price[j]), i);
    }
    const double beyond = base - list.bound;
    if (beyond < length_) push(beyond, market_.columns + i);
  }

  void leave_beyond(std::uint32_t i) {
    for (const std::uint32_t j : lists_.columns_worth(i, base_[i] - length_))
      reach(j, base_[i] - market_.worth(i, j), i);
  }

  void close(std::uint32_t j, double distance) {
    closed_.emplace_back(j, distance);
    distance_[j] = -Market::kInfinity;  // nothing is nearer
    const std::uint32_t i = market_.row_of[j];
    leave(i, distance + market_.worth(i, j));
  }

  Shortlists& lists_;

  // Of the search under way.
  std::vector<double> base_;  // by row
  std::vector<std::uint32_t> touched_;
  std::vector<Entry> queue_;
  double length_ = Market::kInfinity;  // of the shortest path to a free column so far
  std::uint32_t end_ = 0;
};

}  // namespace

void augment(Market& market, Shortlists& lists) {
  const std::vector<std::uint32_t> free_rows = market.free_rows();
  if (free_rows.empty()) return;
  const auto run = [&](auto search) {
    for (std::size_t k = free_rows.size(); k-- > 0;) search.run(free_rows[k]);
  };
  if (market.columns <= kDense) {
    run(DenseSearch(market));
  } else {
    run(ListSearch(market, lists));
  }
}

}  // namespace mgit
