// The few best columns of each row, with a bound for all others.
//
// A list is made from the prices of the moment. As long as prices only rise, what it left out is
// worth no more than its bound, so the list answers for the whole row while its best column is
// worth as much; then it is made anew. In small matrices a row is looked through instead.
#pragma once

#include "match/assignment/market.h"

namespace mgit {

/// Columns to look at first, ascending, and their scores. What the others are worth is at most
/// `bound`.
struct Shortlist {
  std::span<const std::uint32_t> columns;
  std::span<const float> scores;
  double bound = 0;
};

class Shortlists {
 public:
  /// Refers to `market`. A row's list is made when the row is looked at the second time, with
  /// `eager` the first time.
  Shortlists(const Market& market, bool eager);

  /// Best column at the prices of now. `second` is an upper bound of the second best, which equals
  /// it unless that is not in the list.
  BestTwo best_two(std::uint32_t i);

  /// A column that nobody holds and that is worth `value`, which no column exceeds, to row i; of
  /// several, one that differs from row to row. `columns` of the market if there is none.
  std::size_t free_column_worth(std::uint32_t i, double value);

  /// Made if there is none. Empty in small matrices.
  Shortlist list(std::uint32_t i);

  /// All columns worth at least `least` to row i, ascending. Valid until the next call.
  std::span<const std::uint32_t> columns_worth(std::uint32_t i, double least);

  /// Prices fell: no list holds any more.
  void forget();

 private:
  struct Candidate {
    double worth;
    std::uint32_t column;
  };

  bool fresh(std::uint32_t i) const { return seen_[i] < kListed; }
  void make(std::uint32_t i);
  double keep_best(std::uint32_t i);

  static constexpr unsigned char kListed = 2;

  const Market& market_;
  std::size_t length_;  // of each list; 0: none are made
  std::vector<std::uint32_t> column_;
  std::vector<float> score_;
  std::vector<double> bound_;
  std::vector<unsigned char> seen_;

  // Memory that is used again and again.
  std::vector<double> peaks_;
  std::vector<std::uint32_t> found_;
  std::vector<Candidate> candidates_;
};

}  // namespace mgit
