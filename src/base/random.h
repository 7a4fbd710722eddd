// Random numbers that are the same on every machine, with every compiler and library. For orders
// and proofs, not for cryptography.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

namespace mgit {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
    return z ^ z >> 31U;
  }

  /// Below `bound`, which is not 0; the bias of the remainder is far below anything that shows.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

  /// Normally distributed, with mean 0 and variance 1.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  /// A random order of 0..count-1, each as likely as any other.
  template <class Index = std::size_t>
  std::vector<Index> order(std::size_t count) {
    std::vector<Index> result(count);
    std::iota(result.begin(), result.end(), Index{0});
    for (std::size_t i = count; i > 1; --i) std::swap(result[i - 1], result[below(i)]);
    return result;
  }

 private:
  std::uint64_t state_;
};

}  // namespace mgit
