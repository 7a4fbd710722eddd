#include "store/difference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "format/wire.h"

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
unsigned rest_bits(Word value) {
  const auto length = static_cast<unsigned>(std::bit_width(static_cast<Word>(value | 1)));
  return length > kLeading<Word> + 1 ? length - kLeading<Word> - 1 : 0;
}

/// What a symbol says.
struct Meaning {
  std::uint64_t value = 0;  // the difference with its rest at zero
  std::uint8_t bits = 0;    // length of the rest
  bool valid = false;
};

template <typename Word>
constexpr std::array<Meaning, 256> meanings() {
  std::array<Meaning, 256> table{};
  constexpr unsigned kLongest = kBits<Word> - kLeading<Word> - 1;
  for (unsigned symbol = 0; symbol < table.size(); ++symbol) {
    const unsigned step = symbol >> kLeading<Word>;
    const unsigned bits = step > 1 ? step - 1 : 0;
    if (bits > kLongest) continue;
    const std::uint64_t lead = symbol - (bits << kLeading<Word>);
    table[symbol] = {lead << bits, static_cast<std::uint8_t>(bits), true};
  }
  return table;
}

template <typename Word>
Word load(Bytes bytes, std::size_t index) {
  Word word;
  std::memcpy(&word, bytes.data() + index * sizeof(Word), sizeof(Word));
  return word;
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
  std::uint64_t take(unsigned bits) {  // up to 56
    std::uint64_t held = 0;
    const Bytes left = bytes_.subspan(position_ / 8);
    if (left.size() >= sizeof(held))
      std::memcpy(&held, left.data(), sizeof(held));
    else
      std::memcpy(&held, left.data(), left.size());
    const std::uint64_t value = held >> (position_ % 8) & ((std::uint64_t{1} << bits) - 1);
    position_ += bits;
    return value;
  }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

constexpr unsigned kOneGo = 32;  // bits; longer rests are written and read in two

template <typename Word>
void take(Bytes words, Bytes base, std::span<std::byte> symbols, Buffer& rest) {
  const std::size_t before = rest.size();
  rest.resize(before + words.size() + 2 * sizeof(std::uint64_t));
  BitWriter bits(rest.data() + before);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto value =
        zigzag(static_cast<Word>(ordered(load<Word>(words, i)) - ordered(load<Word>(base, i))));
    const unsigned length = rest_bits(value);
    symbols[i] = static_cast<std::byte>((length << kLeading<Word>)+(value >> length));
    const std::uint64_t low = value & ((std::uint64_t{1} << length) - 1);
    if constexpr (sizeof(Word) == 8) {
      bits.put(low & 0xffff'ffff, std::min(length, kOneGo));
      if (length > kOneGo) bits.put(low >> kOneGo, length - kOneGo);
    } else {
      bits.put(low, length);
    }
  }
  rest.resize(static_cast<std::size_t>(bits.end() - rest.data()));
}

template <typename Word>
void apply(Bytes base, Bytes symbols, Bytes rest, std::span<std::byte> words) {
  static constexpr std::array<Meaning, 256> kMeanings = meanings<Word>();
  std::uint64_t total = 0;
  bool valid = true;
  for (const std::byte symbol : symbols) {
    const Meaning& meaning = kMeanings[static_cast<std::size_t>(symbol)];
    total += meaning.bits;
    valid = valid && meaning.valid;
  }
  if (!valid || rest.size() != (total + 7) / 8)
    throw wire::Malformed("a difference does not add up");
  BitReader bits(rest);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Meaning& meaning = kMeanings[static_cast<std::size_t>(symbols[i])];
    std::uint64_t low = 0;
    if constexpr (sizeof(Word) == 8) {
      low = bits.take(std::min<unsigned>(meaning.bits, kOneGo));
      if (meaning.bits > kOneGo) low |= bits.take(meaning.bits - kOneGo) << kOneGo;
    } else {
      low = bits.take(meaning.bits);
    }
    const auto difference = unzigzag(static_cast<Word>(meaning.value + low));
    const Word word = ordered(static_cast<Word>(ordered(load<Word>(base, i)) + difference));
    std::memcpy(words.data() + i * sizeof(Word), &word, sizeof(Word));
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
