// Rows, columns, what columns cost and who holds them: the state that the steps of the assignment
// solver work on.
//
// Whatever the prices, row i may claim max_j(score_ij - price_j): every price vector is dual
// feasible. Between steps, a row that holds a column holds one of its best, and where there are
// more columns than rows, those that nobody holds have the lowest price of all.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "match/kernels.h"

namespace mgit {

class Market {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  /// `score` stays the caller's.
  Market(const Kernels& with, std::span<const float> score, std::size_t row_count,
         std::size_t column_count)
      : kernels(with),
        rows(row_count),
        columns(column_count),
        price(column_count),
        column_of(row_count, kNone),
        row_of(column_count, kNone),
        score_(score.data()) {}

  const float* row(std::size_t i) const { return score_ + i * columns; }
  double worth(std::size_t i, std::size_t j) const {
    return static_cast<double>(row(i)[j]) - price[j];
  }
  double best(std::size_t i) const { return kernels.best(row(i), price.data(), columns); }

  /// Gives column j to row i; returns the row that had it.
  std::uint32_t give(std::uint32_t i, std::size_t j) {
    const std::uint32_t previous = row_of[j];
    if (previous != kNone) column_of[previous] = kNone;
    row_of[j] = i;
    column_of[i] = static_cast<std::uint32_t>(j);
    return previous;
  }

  void release_all() {
    column_of.assign(rows, kNone);
    row_of.assign(columns, kNone);
  }

  /// Rows without a column, the last one first.
  std::vector<std::uint32_t> free_rows() const {
    std::vector<std::uint32_t> result;
    result.reserve(rows);
    for (std::size_t i = rows; i-- > 0;)
      if (column_of[i] == kNone) result.push_back(static_cast<std::uint32_t>(i));
    return result;
  }

  const Kernels& kernels;
  const std::size_t rows;
  const std::size_t columns;
  std::vector<double> price;
  std::vector<std::uint32_t> column_of;
  std::vector<std::uint32_t> row_of;

 private:
  const float* score_;
};

}  // namespace mgit
