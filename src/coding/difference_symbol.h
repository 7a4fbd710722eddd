// What one word's difference is as a number, and how that number is a symbol and a rest: the
// arithmetic of difference.cpp, in forms that a compiler makes vectors of. No bytes, no streams.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace mgit {

/// Bits of a difference below its leading one that a symbol holds: as many as let all symbols fit
/// a byte.
template <typename Word>
constexpr unsigned kLeading = sizeof(Word) == 8   ? 2
                              : sizeof(Word) == 4 ? 3
                                                  : 4;

template <typename Word>
constexpr unsigned kBits = std::numeric_limits<Word>::digits;

/// The sign of `word` in every bit but the top one. The map to ordered integers is its own inverse.
template <typename Word>
Word ordered(Word word) {
  using Signed = std::make_signed_t<Word>;
  const auto sign = static_cast<Word>(static_cast<Signed>(word) >> (kBits<Word> - 1));
  return static_cast<Word>(word ^ (sign >> 1));
}

template <typename Word>
Word zigzag(Word value) {
  using Signed = std::make_signed_t<Word>;
  const auto sign = static_cast<Word>(static_cast<Signed>(value) >> (kBits<Word> - 1));
  return static_cast<Word>((value << 1) ^ sign);
}

template <typename Word>
Word unzigzag(Word value) {
  return static_cast<Word>((value >> 1) ^ static_cast<Word>(-static_cast<Word>(value & 1)));
}

template <typename Word>
constexpr unsigned kLongestRest = kBits<Word> - kLeading<Word> - 1;
/// Symbols from here on mean nothing.
template <typename Word>
constexpr unsigned kSymbols = (kLongestRest<Word> + 2) << kLeading<Word>;

/// What a symbol says.
template <typename Word>
struct Meaning {
  Word value = 0;  // the difference with its rest at zero
  Word mask = 0;   // of the rest
  std::uint8_t bits = 0;
};

template <typename Word>
constexpr std::array<Meaning<Word>, 256> meanings() {
  std::array<Meaning<Word>, 256> table{};
  for (unsigned symbol = 0; symbol < kSymbols<Word>; ++symbol) {
    const unsigned step = symbol >> kLeading<Word>;
    const unsigned bits = step > 1 ? step - 1 : 0;
    const std::uint64_t lead = symbol - (bits << kLeading<Word>);
    table[symbol] = {static_cast<Word>(lead << bits),
                     static_cast<Word>((std::uint64_t{1} << bits) - 1),
                     static_cast<std::uint8_t>(bits)};
  }
  return table;
}

template <typename Word>
constexpr std::array<Meaning<Word>, 256> kMeanings = meanings<Word>();

/// Of a number below 2^31; a comparison would become a branch.
inline std::uint32_t all_ones_if_zero(std::uint32_t value) { return 0U - ((value - 1) >> 31); }

/// The symbol of a difference whose word has this many leading bits. A float has the bits in
/// question on top: bit length in its exponent, leading ones after it. A
/// compiler makes vectors of this where it cannot of bit_width.
inline std::uint32_t symbol_of(std::uint32_t value, unsigned leading) {
  constexpr unsigned kMantissa = 23;
  constexpr std::uint32_t kBias = 127;
  const std::uint32_t rounded_off = ~all_ones_if_zero(value >> 24) & 0xffU;
  const auto half = static_cast<float>(static_cast<std::int32_t>((value & ~rounded_off) >> 1));
  const std::uint32_t top = std::bit_cast<std::uint32_t>(half) >> (kMantissa - leading);
  const std::uint32_t symbol = top - ((kBias + leading - 2) << leading);
  const std::uint32_t is_small = all_ones_if_zero(value >> (leading + 1));
  return (value & is_small) | (symbol & ~is_small);
}

/// The symbol of a difference of long words.
inline std::uint32_t symbol_of(std::uint64_t value) {
  constexpr unsigned kLead = kLeading<std::uint64_t>;
  const auto length = static_cast<unsigned>(std::bit_width(value | 1));
  const unsigned rest = std::max(length, kLead + 1) - kLead - 1;
  return static_cast<std::uint32_t>((rest << kLead) + (value >> rest));
}

}  // namespace mgit
