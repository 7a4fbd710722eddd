#include "coding/difference.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/wire.h"
#include "coding/bit_stream.h"
#include "coding/difference_symbol.h"

namespace mgit {
namespace {

constexpr std::size_t kBlock = 64;  // words; a known count lets the compiler use vectors

template <typename Word>
using Block = std::array<Word, kBlock>;

template <typename Word>
void take_symbols(const Block<Word>& values, Block<std::byte>& symbols) {
  if constexpr (sizeof(Word) < 8) {
    Block<std::uint32_t> wide;
    for (std::size_t i = 0; i < kBlock; ++i) wide[i] = symbol_of(values[i], kLeading<Word>);
    for (std::size_t i = 0; i < kBlock; ++i) symbols[i] = static_cast<std::byte>(wide[i]);
  } else {
    for (std::size_t i = 0; i < kBlock; ++i)
      symbols[i] = static_cast<std::byte>(symbol_of(values[i]));
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
