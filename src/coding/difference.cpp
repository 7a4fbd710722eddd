#include "coding/difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/wire.h"

namespace mgit {
namespace {

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

constexpr std::size_t kBlock = 64;  // words; a known count lets the compiler use vectors

template <typename Word>
using Block = std::array<Word, kBlock>;

/// Of a number below 2^31; a comparison would become a branch.
std::uint32_t all_ones_if_zero(std::uint32_t value) { return 0U - ((value - 1) >> 31); }

/// A float has the bits in question on top: bit length in its exponent, leading ones after it. A
/// compiler makes vectors of this where it cannot of bit_width.
std::uint32_t symbol_of(std::uint32_t value, unsigned leading) {
  constexpr unsigned kMantissa = 23;
  constexpr std::uint32_t kBias = 127;
  const std::uint32_t rounded_off = ~all_ones_if_zero(value >> 24) & 0xffU;
  const auto half = static_cast<float>(static_cast<std::int32_t>((value & ~rounded_off) >> 1));
  const std::uint32_t top = std::bit_cast<std::uint32_t>(half) >> (kMantissa - leading);
  const std::uint32_t symbol = top - ((kBias + leading - 2) << leading);
  const std::uint32_t is_small = all_ones_if_zero(value >> (leading + 1));
  return (value & is_small) | (symbol & ~is_small);
}

template <typename Word>
void take_symbols(const Block<Word>& values, Block<std::byte>& symbols) {
  if constexpr (sizeof(Word) < 8) {
    Block<std::uint32_t> wide;
    for (std::size_t i = 0; i < kBlock; ++i) wide[i] = symbol_of(values[i], kLeading<Word>);
    for (std::size_t i = 0; i < kBlock; ++i) symbols[i] = static_cast<std::byte>(wide[i]);
  } else {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const auto length = static_cast<unsigned>(std::bit_width(values[i] | 1));
      const unsigned rest = std::max(length, kLeading<Word> + 1) - kLeading<Word> - 1;
      symbols[i] = static_cast<std::byte>((rest << kLeading<Word>)+(values[i] >> rest));
    }
  }
}

/// Word by word: a compiler makes vectors of this, but slow string instructions of one memcpy.
template <typename Word>
void copy_block(const void* from, void* to) {
  for (std::size_t i = 0; i < kBlock; ++i)
    std::memcpy(static_cast<std::byte*>(to) + i * sizeof(Word),
                static_cast<const std::byte*>(from) + i * sizeof(Word), sizeof(Word));
}

/// Words from `index` on, and zeros after the last.
template <typename Word>
Block<Word> block_at(Bytes words, std::size_t index) {
  const Bytes left = words.subspan(index * sizeof(Word));
  Block<Word> block;
  if (left.size() >= sizeof(block)) {
    copy_block<Word>(left.data(), block.data());
  } else {
    block.fill(Word{});
    std::memcpy(block.data(), left.data(), left.size());
  }
  return block;
}

/// Puts a block back in its place; what lies after the last word is left out.
template <typename Word>
void put_block(const Block<Word>& block, std::size_t index, std::span<std::byte> words) {
  const auto left = words.subspan(index * sizeof(Word));
  if (left.size() >= sizeof(block))
    copy_block<Word>(block.data(), left.data());
  else
    std::memcpy(left.data(), block.data(), left.size());
}

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

/// Words whose rests are written and read in one go, of 56 bits at most.
template <typename Word>
constexpr std::size_t kGroup = sizeof(Word) == 2   ? 4
                               : sizeof(Word) == 4 ? 2
                                                   : 1;
constexpr unsigned kHalf = 32;  // bits: the rest of a long word goes in two halves

template <typename Word>
void put_rests(const Word* values, const std::byte* symbols, BitWriter& out) {
  std::uint64_t together = 0;
  unsigned filled = 0;
  for (std::size_t i = 0; i < kGroup<Word>; ++i) {
    const Meaning<Word>& meaning = kMeanings<Word>[static_cast<std::size_t>(symbols[i])];
    const std::uint64_t rest = values[i] & meaning.mask;
    if constexpr (sizeof(Word) < 8) {
      together |= rest << filled;
      filled += meaning.bits;
    } else {
      out.put(rest & 0xffff'ffff, std::min<unsigned>(meaning.bits, kHalf));
      if (meaning.bits > kHalf) out.put(rest >> kHalf, meaning.bits - kHalf);
    }
  }
  out.put(together, filled);
}

template <typename Word>
void take_rests(const std::byte* symbols, BitReader& in, Word* values) {
  std::uint64_t held = in.peek();
  unsigned taken = 0;
  for (std::size_t i = 0; i < kGroup<Word>; ++i) {
    const Meaning<Word>& meaning = kMeanings<Word>[static_cast<std::size_t>(symbols[i])];
    if constexpr (sizeof(Word) < 8) {
      values[i] = static_cast<Word>(meaning.value + (held & meaning.mask));
      held >>= meaning.bits;
      taken += meaning.bits;
    } else {
      in.skip(std::min<unsigned>(meaning.bits, kHalf));
      if (meaning.bits > kHalf) {
        held = (held & 0xffff'ffff) | in.peek() << kHalf;
        in.skip(meaning.bits - kHalf);
      }
      values[i] = meaning.value + (held & meaning.mask);
    }
  }
  in.skip(taken);
}

template <typename Word>
void take(Bytes words, Bytes base, std::span<std::byte> symbols, Buffer& rest) {
  const std::size_t before = rest.size();
  rest.resize(before + words.size() + 2 * sizeof(std::uint64_t));
  BitWriter bits(rest.data() + before);
  for (std::size_t begin = 0; begin < symbols.size(); begin += kBlock) {
    Block<Word> values = block_at<Word>(words, begin);
    const Block<Word> from = block_at<Word>(base, begin);
    for (std::size_t i = 0; i < kBlock; ++i)
      values[i] = zigzag(static_cast<Word>(ordered(values[i]) - ordered(from[i])));
    Block<std::byte> block;
    take_symbols(values, block);
    const std::size_t count = std::min(kBlock, symbols.size() - begin);
    put_block(block, begin, symbols);
    std::fill(block.begin() + static_cast<std::ptrdiff_t>(count), block.end(), std::byte{0});
    for (std::size_t i = 0; i < count; i += kGroup<Word>)
      put_rests(values.data() + i, block.data() + i, bits);
  }
  rest.resize(static_cast<std::size_t>(bits.end() - rest.data()));
}

template <typename Word>
void apply(Bytes base, Bytes symbols, Bytes rest, std::span<std::byte> words) {
  BitReader bits(rest);
  auto largest = std::byte{0};
  for (std::size_t begin = 0; begin < symbols.size(); begin += kBlock) {
    const auto block = block_at<std::byte>(symbols, begin);
    for (const std::byte symbol : block) largest = std::max(largest, symbol);
    Block<Word> values;
    for (std::size_t i = 0; i < kBlock; i += kGroup<Word>)
      take_rests(block.data() + i, bits, values.data() + i);
    const Block<Word> from = block_at<Word>(base, begin);
    for (std::size_t i = 0; i < kBlock; ++i)
      values[i] = ordered(static_cast<Word>(ordered(from[i]) + unzigzag(values[i])));
    put_block(values, begin, words);
  }
  if (static_cast<unsigned>(largest) >= kSymbols<Word> || !bits.done())
    throw wire::Malformed("a difference does not add up");
}

template <typename Word>
void contexts_of(Bytes base, std::span<std::byte> contexts) {
  for (std::size_t begin = 0; begin < contexts.size(); begin += kBlock) {
    const Block<Word> from = block_at<Word>(base, begin);
    Block<std::byte> block;
    for (std::size_t i = 0; i < kBlock; ++i)
      block[i] = static_cast<std::byte>(static_cast<Word>(from[i] << 1) >> (kBits<Word> - 8));
    put_block(block, begin, contexts);
  }
}

void take_bytes(Bytes words, Bytes base, std::span<std::byte> symbols) {
  std::transform(words.begin(), words.end(), base.begin(), symbols.begin(),
                 [](std::byte word, std::byte from) {
                   return static_cast<std::byte>(zigzag(static_cast<std::uint8_t>(
                       static_cast<std::uint8_t>(word) - static_cast<std::uint8_t>(from))));
                 });
}

void apply_bytes(Bytes base, Bytes symbols, Bytes rest, std::span<std::byte> words) {
  if (!rest.empty()) throw wire::Malformed("a difference does not add up");
  std::transform(symbols.begin(), symbols.end(), base.begin(), words.begin(),
                 [](std::byte symbol, std::byte from) {
                   return static_cast<std::byte>(unzigzag(static_cast<std::uint8_t>(symbol)) +
                                                 static_cast<std::uint8_t>(from));
                 });
}

}  // namespace

unsigned difference_word(unsigned element_size) {
  return element_size == 2 || element_size == 4 || element_size == 8 ? element_size : 1;
}

void take_difference(Bytes words, Bytes base, unsigned word, std::span<std::byte> symbols,
                     Buffer& rest) {
  switch (word) {
    case 2:
      return take<std::uint16_t>(words, base, symbols, rest);
    case 4:
      return take<std::uint32_t>(words, base, symbols, rest);
    case 8:
      return take<std::uint64_t>(words, base, symbols, rest);
    default:
      return take_bytes(words, base, symbols);
  }
}

void take_contexts(Bytes base, unsigned word, std::span<std::byte> contexts) {
  switch (word) {
    case 2:
      return contexts_of<std::uint16_t>(base, contexts);
    case 4:
      return contexts_of<std::uint32_t>(base, contexts);
    case 8:
      return contexts_of<std::uint64_t>(base, contexts);
    default:
      return contexts_of<std::uint8_t>(base, contexts);
  }
}

void apply_difference(Bytes base, unsigned word, Bytes symbols, Bytes rest,
                      std::span<std::byte> words) {
  switch (word) {
    case 2:
      return apply<std::uint16_t>(base, symbols, rest, words);
    case 4:
      return apply<std::uint32_t>(base, symbols, rest, words);
    case 8:
      return apply<std::uint64_t>(base, symbols, rest, words);
    default:
      return apply_bytes(base, symbols, rest, words);
  }
}

}  // namespace mgit
