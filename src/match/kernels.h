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

struct Kernels {
  const char* name;
  /// Top two of row[j] - price[j], j < n, n >= 1.
  BestTwo (*best_two)(const float* row, const double* price, std::size_t n);
  /// distance[j] = min(distance[j], base + price[j] - row[j]); where it got smaller, from[j] = tag.
  /// Returns the minimum. n >= 1.
  Nearest (*relax)(const float* row, const double* price, double base, std::int64_t tag,
                   double* distance, std::int64_t* from, std::size_t n);
  /// out[i * kRightPanel + j] = sum over k of left[k * kLeftPanel + i] * right[k * kRightPanel +
  /// j].
  void (*multiply)(const float* left, const float* right, std::size_t k, float* out);
};

/// The best that this processor runs.
const Kernels& kernels();
/// Every version that this processor runs, the generic one first. For tests.
std::vector<const Kernels*> all_kernels();

}  // namespace mgit
