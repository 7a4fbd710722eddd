// The inner loops of the room, compiled for several instruction sets and chosen at run time.
//
// All versions give the same bits: every output element is computed by the same operations in the
// same order (the matrix kernel with one fused multiply-add per k), whatever the vector width.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mgit {

/// Rows of the left and of the right operand that one call of the matrix kernel covers.
inline constexpr std::size_t kLeftPanel = 12;
inline constexpr std::size_t kRightPanel = 32;

/// Columns in a shortlist of a row's best.
inline constexpr std::size_t kListLength = 16;

/// Sums over elements: element i goes to sum i % kSumLanes, so that the order is the same
/// everywhere.
inline constexpr std::size_t kSumLanes = 16;

/// Groups of elements whose maxima `peaks` finds side by side.
inline constexpr std::size_t kPeakLanes = 8;

/// What a row of scores spans. `largest` are the bits of the largest magnitude: as many as those of
/// infinity or more if the row is not finite, and then the others say nothing.
struct Survey {
  float highest;
  float lowest;
  std::uint32_t largest;
};

/// Best and second best of a row, by value - price. Ties: the lowest index is `index`, and then
/// `second` equals `best`. `second` is -infinity if there is one column only.
struct BestTwo {
  double best;
  double second;
  std::size_t index;
};

/// Smallest distance and the lowest index that has it.
struct Nearest {
  double distance;
  std::size_t index;
};

/// A column's value to a row is row[j] - price[j], in double. n >= 1.
struct Kernels {
  const char* name;
  Survey (*survey)(const float* row, std::size_t n);
  /// Largest value.
  double (*best)(const float* row, const double* price, std::size_t n);
  /// First column of that value; n if there is none.
  std::size_t (*first_worth)(const float* row, const double* price, double worth, std::size_t n);
  BestTwo (*best_two)(const float* row, const double* price, std::size_t n);
  /// The same of kListLength columns; `index` counts them.
  BestTwo (*best_two_listed)(const float* score, const std::uint32_t* column, const double* price);
  /// Largest values of groups: kPeakLanes groups, interleaved, of `length` elements each, then the
  /// next; elements that fill no lane row are left out.
  void (*peaks)(const float* row, const double* price, std::size_t n, std::size_t length,
                double* out);
  /// The columns of at least that value, ascending; returns how many.
  std::size_t (*collect)(const float* row, const double* price, double least, std::size_t n,
                         std::uint32_t* out);
  /// distance[j] = min(distance[j], base - value); where it got smaller, from[j] = tag. Returns the
  /// minimum.
  Nearest (*relax)(const float* row, const double* price, double base, std::int64_t tag,
                   double* distance, std::int64_t* from, std::size_t n);
  /// out[i * kRightPanel + j] = sum over k of left[k * kLeftPanel + i] * right[k * kRightPanel +
  /// j].
  void (*multiply)(const float* left, const float* right, std::size_t k, float* out);
  /// Floats of F16 and BF16, exactly; `from` need not be aligned.
  void (*widen_half)(const std::byte* from, std::size_t n, float* to);
  void (*widen_bfloat)(const std::byte* from, std::size_t n, float* to);
  /// sums += a b, kSumLanes of them; in double, where products of floats are exact.
  void (*add_dot)(const float* a, const float* b, std::size_t n, double* sums);
  /// sums += a b, then kSumLanes more += a a, and as many += b b.
  void (*add_products)(const float* a, const float* b, std::size_t n, double* sums);
  /// Squares of a - b, a float: each to its element of `each`, and to `sums`.
  void (*add_distances)(const float* a, const float* b, std::size_t n, double* each, double* sums);
};

/// The best that this processor runs.
const Kernels& kernels();
/// Every version that this processor runs, the generic one first. For tests.
std::vector<const Kernels*> all_kernels();

}  // namespace mgit
