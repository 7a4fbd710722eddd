// The difference of docs/formats.md, word by word and bit by bit: slow, and plain enough to be
// believed. What coding/difference writes and reads is compared with it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mgit/base.h"

namespace mgit::testing {

class ReferenceDifference {
 public:
  explicit ReferenceDifference(unsigned word) : word_(word), bits_(8 * word) {
    if (word == 2) leading_ = 4;
    if (word == 4) leading_ = 3;
    if (word == 8) leading_ = 2;
  }

  struct Taken {
    Buffer symbols;
    Buffer rest;
  };

  Taken take(Bytes words, Bytes base) const {
    Taken taken;
    std::vector<bool> rest;
    for (std::size_t at = 0; at < words.size(); at += word_) {
      const std::uint64_t difference =
          zigzag(wrapped(ordered(number(words, at)) - ordered(number(base, at))));
      unsigned below = 0;  // bits that the symbol does not hold
      if (word_ > 1)
        while (difference >> below >= std::uint64_t{2} << leading_) ++below;
      taken.symbols.push_back(
          static_cast<std::byte>((std::uint64_t{below} << leading_) + (difference >> below)));
      for (unsigned bit = 0; bit < below; ++bit) rest.push_back((difference >> bit & 1) != 0);
    }
    taken.rest.resize((rest.size() + 7) / 8);
    for (std::size_t i = 0; i < rest.size(); ++i)
      if (rest[i]) taken.rest[i / 8] |= std::byte{1} << (i % 8);
    return taken;
  }

  /// nullopt where symbols and rest cannot belong together.
  std::optional<Buffer> apply(Bytes base, Bytes symbols, Bytes rest) const {
    Buffer words;
    std::size_t position = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const auto symbol = static_cast<unsigned>(symbols[i]);
      unsigned below = 0;
      if (word_ > 1 && symbol >> leading_ > 1) below = (symbol >> leading_) - 1;
      if (word_ > 1 && below + leading_ + 1 > bits_) return std::nullopt;
      std::uint64_t difference = std::uint64_t{symbol - (below << leading_)} << below;
      for (unsigned bit = 0; bit < below; ++bit, ++position) {
        if (position / 8 >= rest.size()) return std::nullopt;
        if ((rest[position / 8] >> (position % 8) & std::byte{1}) != std::byte{0})
          difference |= std::uint64_t{1} << bit;
      }
      append(words, wrapped(ordered(number(base, i * word_)) + unzigzag(difference)));
    }
    if ((position + 7) / 8 != rest.size()) return std::nullopt;
    return words;
  }

  Buffer contexts(Bytes base) const {
    Buffer contexts;
    for (std::size_t at = 0; at < base.size(); at += word_) {
      const std::uint64_t below_sign = number(base, at) << (65 - bits_);
      contexts.push_back(static_cast<std::byte>(below_sign >> 56));
    }
    return contexts;
  }

 private:
  std::uint64_t number(Bytes bytes, std::size_t at) const {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < word_; ++i)
      value |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
    return value;
  }

  std::uint64_t wrapped(std::uint64_t value) const {
    return bits_ == 64 ? value : value & ((std::uint64_t{1} << bits_) - 1);
  }
  bool negative(std::uint64_t value) const { return (value >> (bits_ - 1) & 1) != 0; }

  /// Magnitude m for a positive float, -1 - m for a negative one; a byte is what it is.
  std::uint64_t ordered(std::uint64_t value) const {
    if (word_ == 1 || !negative(value)) return value;
    const std::uint64_t magnitude = value - (std::uint64_t{1} << (bits_ - 1));
    return wrapped(std::uint64_t{0} - 1 - magnitude);
  }
  std::uint64_t unordered(std::uint64_t value) const {
    if (word_ == 1 || !negative(value)) return value;
    const std::uint64_t magnitude = wrapped(std::uint64_t{0} - 1 - value);
    return magnitude + (std::uint64_t{1} << (bits_ - 1));
  }

  /// 0, -1, 1, -2, 2 … as 0, 1, 2, 3, 4 …
  std::uint64_t zigzag(std::uint64_t value) const {
    return negative(value) ? wrapped(2 * (std::uint64_t{0} - value) - 1) : wrapped(2 * value);
  }
  std::uint64_t unzigzag(std::uint64_t value) const {
    return value % 2 == 0 ? value / 2 : std::uint64_t{0} - value / 2 - 1;
  }

  void append(Buffer& words, std::uint64_t ordered_value) const {
    const std::uint64_t value = unordered(ordered_value);
    for (unsigned i = 0; i < word_; ++i) words.push_back(static_cast<std::byte>(value >> (8 * i)));
  }

  unsigned word_;
  unsigned bits_;
  unsigned leading_ = 0;  // bits below a difference's leading one that a symbol holds
};

}  // namespace mgit::testing
