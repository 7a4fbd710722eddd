// Exact linear assignment of dense matrices: which column each row takes so that the sum of the
// scores is largest. Stands alone: copy the room `match` or link it, nothing else of mgit appears
// here.
//
//   std::vector<float> score = ...;                       // rows * columns, row-major
//   auto column = mgit::solve_assignment(score, rows, columns);
//   score[i * columns + column[i]]                        // what row i gets
//
// Every answer is proved before it is returned: prices p_j of the columns, in double, that bound
// the optimum from above by sum_i max_j(score_ij - p_j) + sum_j p_j, no further away than rounding.
// Pure functions: safe to call from several threads, each runs on one. The same input gives the
// same answer on every processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mgit {

/// Prices of a finished assignment, to start the next one from: useful where the next matrix is
/// like the last one. One per column; empty means a cold start.
struct AssignmentDuals {
  std::vector<double> column;
};

/// The column of each row, all different, that maximise sum_i score[i * columns + result[i]].
/// `score` is rows * columns, row-major, finite; rows <= columns. Throws Error (a
/// std::runtime_error) otherwise, and then `duals` is as it was. The duality gap, computed in
/// double, is at most rows * 1e-12 * max|score|. `duals`, if given, is read as a warm start and
/// replaced; whatever it holds, the answer is optimal, though of equal ones it may be another.
/// To minimise, negate the scores. Takes memory for about 20 numbers per row and column besides
/// the matrix, and none of the size of the matrix.
std::vector<std::uint32_t> solve_assignment(std::span<const float> score, std::size_t rows,
                                            std::size_t columns, AssignmentDuals* duals = nullptr);

/// The same for a square matrix: a permutation.
std::vector<std::uint32_t> solve_assignment(std::span<const float> score, std::size_t n,
                                            AssignmentDuals* duals = nullptr);

/// How far `assignment` (its size is the number of rows) is from the optimum at most, as these
/// prices (their number is that of the columns) prove it: sum_i of max_j(score_ij - p_j) -
/// (score_i,a[i] - p_a[i]), and of each column left over how much its price is above the lowest.
/// Any prices prove something; those that solve_assignment leaves prove optimality.
double duality_gap(std::span<const float> score, std::span<const double> price,
                   std::span<const std::uint32_t> assignment);

}  // namespace mgit
