#include "coding/planes.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mgit {
namespace {

constexpr std::size_t kBlock = 64;  // words; a known count lets the compiler use vectors

// A block is whole, of a size the compiler knows, except for the last one: copies of a known size
// are loads and stores, others are calls.

template <typename Word>
void split_block(const std::byte* in, std::byte* out, std::size_t stride, std::size_t count) {
  std::array<Word, kBlock> words;
  std::memcpy(words.data(), in, count * sizeof(Word));
  for (Word& word : words) word = std::rotl(word, 1);
  for (std::size_t plane = 0; plane < sizeof(Word); ++plane) {
    std::array<std::uint8_t, kBlock> bytes;
    for (std::size_t i = 0; i < kBlock; ++i)
      bytes[i] = static_cast<std::uint8_t>(words[i] >> (8 * plane));
    std::memcpy(out + plane * stride, bytes.data(), count);
  }
}

template <typename Word>
void join_block(std::span<const Bytes> planes, std::size_t first, std::size_t count,
                std::byte* out) {
  std::array<std::array<std::uint8_t, kBlock>, sizeof(Word)> bytes{};
  for (std::size_t plane = 0; plane < sizeof(Word); ++plane)
    std::memcpy(bytes[plane].data(), planes[plane].data() + first, count);
  std::array<Word, kBlock> words;
  for (std::size_t i = 0; i < kBlock; ++i) {
    Word word = 0;
    for (std::size_t plane = 0; plane < sizeof(Word); ++plane)
      word = static_cast<Word>(word | static_cast<Word>(Word{bytes[plane][i]} << (8 * plane)));
    words[i] = std::rotr(word, 1);
  }
  std::memcpy(out, words.data(), count * sizeof(Word));
}

template <typename Word>
void split(Bytes words, std::span<std::byte> out) {
  const std::size_t stride = words.size() / sizeof(Word);
  std::size_t i = 0;
  for (; i + kBlock <= stride; i += kBlock)
    split_block<Word>(words.data() + i * sizeof(Word), out.data() + i, stride, kBlock);
  if (i < stride)
    split_block<Word>(words.data() + i * sizeof(Word), out.data() + i, stride, stride - i);
}

template <typename Word>
void join(std::span<const Bytes> planes, std::span<std::byte> out) {
  const std::size_t count = out.size() / sizeof(Word);
  for (std::size_t i = 0; i < count; i += kBlock)
    join_block<Word>(planes, i, std::min(kBlock, count - i), out.data() + i * sizeof(Word));
}

}  // namespace

unsigned plane_count(unsigned element_size) {
  return element_size == 2 || element_size == 4 || element_size == 8 ? element_size : 1;
}

void split_planes(Bytes words, unsigned planes, std::span<std::byte> out) {
  switch (planes) {
    case 2:
      return split<std::uint16_t>(words, out);
    case 4:
      return split<std::uint32_t>(words, out);
    case 8:
      return split<std::uint64_t>(words, out);
    default:
      std::copy(words.begin(), words.end(), out.begin());
  }
}

void join_planes(std::span<const Bytes> planes, std::span<std::byte> out) {
  switch (planes.size()) {
    case 2:
      return join<std::uint16_t>(planes, out);
    case 4:
      return join<std::uint32_t>(planes, out);
    case 8:
      return join<std::uint64_t>(planes, out);
    default:
      std::copy(planes[0].begin(), planes[0].end(), out.begin());
  }
}

}  // namespace mgit
