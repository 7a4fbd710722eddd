// Random numbers that are the same with every compiler and library: splitmix64 (Steele, Lea, Flood
// 2014). For orders, not for cryptography.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace mgit {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
  }

  /// 0..bound-1; the bias of the remainder is far below anything that shows.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// A random order of 0..count-1.
  std::vector<std::size_t> order(std::size_t count) {
    std::vector<std::size_t> result(count);
    std::iota(result.begin(), result.end(), std::size_t{0});
    for (std::size_t i = count; i > 1; --i) std::swap(result[i - 1], result[below(i)]);
    return result;
  }

 private:
  std::uint64_t state_;
};

}  // namespace mgit
