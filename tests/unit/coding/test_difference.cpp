#include "coding/difference.h"

#include <gtest/gtest.h>

#include <random>

#include "base/wire.h"
#include "mgit/tensor.h"
#include "reference_difference.h"

namespace mgit::testing {
namespace {

void append(Buffer& words, std::uint64_t value, unsigned word) {
  for (unsigned i = 0; i < word; ++i) words.push_back(static_cast<std::byte>(value >> (8 * i)));
}

Buffer random_words(std::size_t count, unsigned word, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Buffer words;
  for (std::size_t i = 0; i < count; ++i) append(words, random(), word);
  return words;
}

/// Each word a step away; steps of every length, up and down.
Buffer near_words(Bytes base, unsigned word, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Buffer words;
  for (std::size_t at = 0; at < base.size(); at += word) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < word; ++i)
      value |= static_cast<std::uint64_t>(base[at + i]) << (8 * i);
    const std::uint64_t step = random() >> (random() % 64);
    append(words, random() % 2 == 0 ? value + step : value - step, word);
  }
  return words;
}

/// Of a float of this size: zeros, subnormals, one, the largest, infinity, quiet and signalling
/// NaN, each with both signs; of half words, of both kinds.
std::vector<std::uint64_t> special_words(unsigned word) {
  std::vector<std::uint64_t> positive{0, 1, 2};
  const auto add_format = [&](unsigned mantissa) {
    const unsigned bits = 8 * word;
    const std::uint64_t infinity = ((std::uint64_t{1} << (bits - 1)) - 1) >> mantissa << mantissa;
    const std::uint64_t one = infinity >> (mantissa + 1) << mantissa;
    const std::uint64_t normal = std::uint64_t{1} << mantissa;
    positive.insert(positive.end(),
                    {normal - 1, normal, normal + 1, one, one + 1, infinity - 1, infinity,
                     infinity + 1, infinity | normal >> 1, (std::uint64_t{1} << (bits - 1)) - 1});
  };
  if (word == 1) add_format(3);
  if (word == 2) add_format(10);
  if (word == 2) add_format(7);
  if (word == 4) add_format(23);
  if (word == 8) add_format(52);
  std::vector<std::uint64_t> all = positive;
  for (const std::uint64_t value : positive)
    all.push_back(value | std::uint64_t{1} << (8 * word - 1));
  return all;
}

/// A difference as the store holds it.
ReferenceDifference::Taken taken(Bytes words, Bytes base, unsigned word) {
  ReferenceDifference::Taken result{Buffer(words.size() / word), {}};
  take_difference(words, base, word, result.symbols, result.rest);
  return result;
}

void expect_as_reference(Bytes words, Bytes base, unsigned word) {
  const ReferenceDifference reference(word);
  const auto expected = reference.take(words, base);
  const auto found = taken(words, base, word);
  ASSERT_EQ(found.symbols, expected.symbols);
  ASSERT_EQ(found.rest, expected.rest);
  const Buffer original(words.begin(), words.end());
  Buffer back(words.size());
  apply_difference(base, word, expected.symbols, expected.rest, back);
  ASSERT_EQ(back, original);
  ASSERT_EQ(reference.apply(base, found.symbols, found.rest), original);
  Buffer contexts(found.symbols.size());
  take_contexts(base, word, contexts);
  ASSERT_EQ(contexts, reference.contexts(base));
}

constexpr unsigned kWords[] = {1, 2, 4, 8};

TEST(DifferenceAndReference, AgreeAroundTheBordersOfBlocks) {
  for (const unsigned word : kWords)
    for (const std::size_t count : {0, 1, 2, 3, 4, 5, 63, 64, 65, 66, 67, 127, 128, 129, 1000}) {
      SCOPED_TRACE(::testing::Message() << count << " words of " << word);
      const Buffer base = random_words(count, word, count);
      expect_as_reference(base, base, word);
      expect_as_reference(random_words(count, word, count + 1), base, word);
      for (std::uint64_t seed = 0; seed < 20; ++seed)
        expect_as_reference(near_words(base, word, seed), base, word);
    }
}

TEST(DifferenceAndReference, AgreeOnEveryPairOfSpecialWords) {
  for (const unsigned word : kWords) {
    SCOPED_TRACE(::testing::Message() << "words of " << word);
    Buffer words;
    Buffer base;
    for (const std::uint64_t to : special_words(word))
      for (const std::uint64_t from : special_words(word)) {
        append(words, to, word);
        append(base, from, word);
      }
    expect_as_reference(words, base, word);
  }
}

TEST(DifferenceAndReference, AgreeOnDifferencesOfEveryLength) {
  for (const unsigned word : kWords) {
    SCOPED_TRACE(::testing::Message() << "words of " << word);
    Buffer words;
    for (unsigned bit = 0; bit < 8 * word; ++bit)
      for (const std::uint64_t off : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
        append(words, (std::uint64_t{1} << bit) + off, word);
    expect_as_reference(words, Buffer(words.size()), word);
  }
}

TEST(DifferenceAndReference, AgreeOnWhatIsNoDifference) {
  for (const unsigned word : kWords)
    for (unsigned symbol = 0; symbol < 256; ++symbol)
      for (std::size_t rest = 0; rest <= 2 * word; ++rest) {
        const Buffer base = random_words(2, word, 1);
        const Buffer symbols{static_cast<std::byte>(symbol), std::byte{1}};
        const Buffer bits = random_words(rest, 1, 2);
        const auto expected = ReferenceDifference(word).apply(base, symbols, bits);
        Buffer found(base.size());
        if (expected) {
          apply_difference(base, word, symbols, bits, found);
          ASSERT_EQ(found, *expected) << word << ' ' << symbol << ' ' << rest;
        } else {
          ASSERT_THROW(apply_difference(base, word, symbols, bits, found), wire::Malformed)
              << word << ' ' << symbol << ' ' << rest;
        }
      }
}

TEST(Difference, TheRestIsAppended) {
  const Buffer base = random_words(100, 4, 1);
  const Buffer words = random_words(100, 4, 2);
  Buffer symbols(100);
  Buffer rest(3, std::byte{7});
  take_difference(words, base, 4, symbols, rest);
  Buffer expected(3, std::byte{7});
  const Buffer own = taken(words, base, 4).rest;
  expected.insert(expected.end(), own.begin(), own.end());
  EXPECT_EQ(rest, expected);
}

TEST(Difference, EveryDtypeHasAWord) {
  for (const DType dtype : {DType::kF64, DType::kI64, DType::kU64, DType::kC64})
    EXPECT_EQ(difference_word(dtype_bits(dtype) / 8), 8U);
  for (const DType dtype : {DType::kF32, DType::kI32, DType::kU32})
    EXPECT_EQ(difference_word(dtype_bits(dtype) / 8), 4U);
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kI16, DType::kU16})
    EXPECT_EQ(difference_word(dtype_bits(dtype) / 8), 2U);
  for (const unsigned size : {0U, 1U, 3U, 16U}) EXPECT_EQ(difference_word(size), 1U);
}

/// What packs hold must be read for ever, so what is written does not change by accident.
TEST(Difference, WritesTheBytesThatItAlwaysWrote) {
  constexpr std::pair<unsigned, const char*> kKnown[] = {
      {1, "99b8688b86dba8094b4784987dd50a05986cb369460b7cd2dc80ffaa9387443e"},
      {2, "715b3a7ab953a3dcebd5c6eb08b899e913b724db2e1ca61f12934d4c605ce46f"},
      {4, "de692e8d50a008d63a01e44c73dd9ef137a269f41b6093564e2bbeef6cf779db"},
      {8, "99e69bce67a31b3cae039fd8db2b1f6b66634f960942cffdf4592c7aa53f2cbc"}};
  for (const auto& [word, digest] : kKnown) {
    const Buffer base = random_words(5000, word, 11);
    Buffer all;
    for (const Buffer& words : {near_words(base, word, 12), random_words(5000, word, 13)}) {
      const auto found = taken(words, base, word);
      all.insert(all.end(), found.symbols.begin(), found.symbols.end());
      all.insert(all.end(), found.rest.begin(), found.rest.end());
    }
    Buffer contexts(5000);
    take_contexts(base, word, contexts);
    all.insert(all.end(), contexts.begin(), contexts.end());
    EXPECT_EQ(sha256(all).hex(), digest) << word;
  }
}

}  // namespace
}  // namespace mgit::testing
