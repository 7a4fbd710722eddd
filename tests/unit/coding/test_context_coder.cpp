#include "coding/context_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "coding/rans.h"
#include "unit/store/store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

/// Symbols whose size follows their context, as differences follow exponents.
struct Drawn {
  Buffer contexts;
  Buffer symbols;
};

Drawn draw(std::size_t count, unsigned contexts, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Drawn drawn;
  for (std::size_t i = 0; i < count; ++i) {
    const auto context = static_cast<unsigned>(random() % contexts);
    std::geometric_distribution<unsigned> size(1.0 / (1 + context % 40));
    drawn.contexts.push_back(static_cast<std::byte>(context));
    drawn.symbols.push_back(static_cast<std::byte>(std::min(size(random), 255U)));
  }
  return drawn;
}

/// Bits by which the symbols' entropy given their contexts is a lower bound.
double bound(const Drawn& drawn) {
  std::vector<std::array<double, 256>> counts(256);
  for (std::size_t i = 0; i < drawn.symbols.size(); ++i)
    ++counts[static_cast<std::size_t>(drawn.contexts[i])]
            [static_cast<std::size_t>(drawn.symbols[i])];
  double bits = 0;
  for (const auto& of_context : counts) {
    const double total = std::accumulate(of_context.begin(), of_context.end(), 0.0);
    for (const double count : of_context)
      if (count > 0) bits -= count * std::log2(count / total);
  }
  return bits;
}

Buffer coded(const Drawn& drawn) {
  Buffer code;
  encode_given(drawn.contexts, drawn.symbols, code);
  return code;
}

TEST(ContextCoder, GivesBackWhatItTook) {
  for (const std::size_t count : {1, 2, 3, 4, 5, 7, 8, 100, 4096, 100'003})
    for (const unsigned contexts : {1U, 2U, 13U, 256U}) {
      const Drawn drawn = draw(count, contexts, count + contexts);
      Buffer back(count);
      decode_given(drawn.contexts, coded(drawn), back);
      ASSERT_EQ(back, drawn.symbols) << count << ' ' << contexts;
    }
}

TEST(ContextCoder, OneSymbolCostsNothing) {
  const Drawn same{Buffer(300'000), Buffer(300'000, std::byte{77})};
  const Buffer code = coded(same);
  EXPECT_LT(code.size(), 32U);
  Buffer back(same.symbols.size());
  decode_given(same.contexts, code, back);
  EXPECT_EQ(back, same.symbols);
}

TEST(ContextCoder, EveryByteCostsAByte) {
  Drawn all{Buffer(256 * 256), {}};
  for (std::size_t i = 0; i < all.contexts.size(); ++i)
    all.symbols.push_back(static_cast<std::byte>(i));
  const Buffer code = coded(all);
  EXPECT_LT(static_cast<double>(code.size()), 1.005 * static_cast<double>(all.symbols.size()));
  Buffer back(all.symbols.size());
  decode_given(all.contexts, code, back);
  EXPECT_EQ(back, all.symbols);
}

TEST(ContextCoder, ReachesTheEntropy) {
  const Drawn drawn = draw(300'000, 12, 1);
  EXPECT_LT(8 * static_cast<double>(coded(drawn).size()), 1.01 * bound(drawn));
}

TEST(ContextCoder, SmallSharesOfSymbolsGetAFrequency) {
  rans::Counts counts{};
  counts.fill(1);
  counts[3] = 100'000'000;
  const rans::Frequencies frequencies = rans::frequencies_of(counts);
  EXPECT_EQ(std::accumulate(frequencies.begin(), frequencies.end(), 0U), rans::kTotal);
  EXPECT_EQ(*std::min_element(frequencies.begin(), frequencies.end()), 1);
  Buffer written;
  rans::put_frequencies(frequencies, written);
  wire::Reader reader(written);
  EXPECT_EQ(rans::take_frequencies(reader), frequencies);
  EXPECT_TRUE(reader.done());
}

TEST(ContextCoder, DamageIsReportedOrChangesSymbols) {
  const Drawn drawn = draw(3000, 5, 2);
  const Buffer code = coded(drawn);
  Buffer back(drawn.symbols.size());
  for (std::size_t size = 0; size < code.size(); ++size)
    EXPECT_THROW(decode_given(drawn.contexts, Bytes(code).first(size), back), wire::Malformed);
  std::size_t unnoticed = 0;
  for (std::size_t at = 0; at < code.size(); ++at)
    for (const unsigned flip : {1U, 0x80U, 0xffU}) {
      Buffer damaged = code;
      damaged[at] ^= static_cast<std::byte>(flip);
      try {
        decode_given(drawn.contexts, damaged, back);
        if (back == drawn.symbols) ++unnoticed;
      } catch (const wire::Malformed&) {
      }
    }
  EXPECT_EQ(unnoticed, 0U);
}

TEST(ContextCoder, LongerCodesAreRefused) {
  const Drawn drawn = draw(3000, 5, 3);
  Buffer code = coded(drawn);
  code.resize(code.size() + 2);
  Buffer back(drawn.symbols.size());
  EXPECT_THROW(decode_given(drawn.contexts, code, back), wire::Malformed);
}

}  // namespace
}  // namespace mgit
