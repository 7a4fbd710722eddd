// Numbers of a few bits each, one after the other, in bytes. Here, in full, because the loops that
// use them are as fast as these are inlined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mgit/base.h"

namespace mgit {

/// Appends bits, low ones first. Room for eight bytes more than all of them is the caller's.
class BitWriter {
 public:
  explicit BitWriter(std::byte* out) : out_(out) {}
  void put(std::uint64_t value, unsigned bits) {  // up to 56
    held_ |= value << fill_;
    fill_ += bits;
    std::memcpy(out_, &held_, sizeof(held_));
    out_ += fill_ / 8;
    held_ >>= fill_ & ~7U;
    fill_ %= 8;
  }
  std::byte* end() const { return out_ + (fill_ > 0 ? 1 : 0); }

 private:
  std::byte* out_;
  std::uint64_t held_ = 0;
  unsigned fill_ = 0;
};

/// Bits past the end are zero.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}
  std::uint64_t peek() const {  // 56 of them, and whatever
    std::uint64_t held = 0;
    const std::size_t at = position_ / 8;
    if (at + sizeof(held) <= bytes_.size())
      std::memcpy(&held, bytes_.data() + at, sizeof(held));
    else if (at < bytes_.size())
      std::memcpy(&held, bytes_.data() + at, bytes_.size() - at);
    return held >> (position_ % 8);
  }
  void skip(unsigned bits) { position_ += bits; }
  /// Whether all bytes were read, and no more.
  bool done() const { return (position_ + 7) / 8 == bytes_.size(); }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

}  // namespace mgit
