// A 64-bit checksum at memory speed, against decay. Not against an adversary: SHA-256 is for that.
#pragma once

#include <array>
#include <cstdint>

#include "mgit/base.h"

namespace mgit {

/// Four lanes of xor, multiply, rotate. Every step is a bijection of the state and of the word, so
/// a single damaged word always changes the sum. Pieces may be cut anywhere.
class Checksum {
 public:
  void update(Bytes data);
  std::uint64_t finish();

 private:
  void blocks(const std::byte* data, std::size_t count);

  std::array<std::uint64_t, 4> lanes_{1, 2, 3, 4};
  std::array<std::byte, 32> partial_{};
  std::size_t partial_size_ = 0;
  std::uint64_t total_ = 0;
};

std::uint64_t checksum(Bytes data);

}  // namespace mgit
