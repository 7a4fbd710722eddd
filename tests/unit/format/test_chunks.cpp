#include <gtest/gtest.h>

#include <random>
#include <set>

#include "format/chunks.h"
#include "mgit/format.h"

namespace mgit {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, ' ');
  for (char& byte : text) byte = static_cast<char>(random());
  return text;
}

std::multiset<std::string> pieces(const std::string& text) {
  std::multiset<std::string> result;
  std::size_t at = 0;
  for (const std::uint64_t length : cut_by_content(as_bytes(text))) {
    result.insert(text.substr(at, length));
    at += length;
  }
  EXPECT_EQ(at, text.size());
  return result;
}

/// Bytes in the chunks of `after` that `before` does not have.
std::size_t fresh(const std::string& before, const std::string& after) {
  std::multiset<std::string> known = pieces(before);
  std::size_t bytes = 0;
  for (const std::string& piece : pieces(after))
    if (!known.contains(piece)) bytes += piece.size();
  return bytes;
}

TEST(Chunks, AreNeverCutDifferently) {
  // Part of the format: what these numbers were when files were first stored, they stay.
  EXPECT_EQ(cut_by_content(as_bytes(random_text(2 * kMiB, 1))),
            (std::vector<std::uint64_t>{245084, 310349, 358921, 285384, 341897, 315704, 239813}));
  EXPECT_TRUE(cut_by_content({}).empty());
  EXPECT_EQ(cut_by_content(as_bytes("x")), std::vector<std::uint64_t>({1}));
}

TEST(Chunks, KeepTheirBounds) {
  const std::string text = random_text(64 * kMiB, 2);
  const auto lengths = cut_by_content(as_bytes(text));
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    total += lengths[i];
    EXPECT_LE(lengths[i], kMiB);
    if (i + 1 < lengths.size()) {
      EXPECT_GE(lengths[i], 64 * kKiB);
    }
  }
  EXPECT_EQ(total, text.size());
  EXPECT_GT(lengths.size(), 200U);
  EXPECT_LT(lengths.size(), 320U);
}

TEST(Chunks, RunsOfOneByteAreCutAtMost) {
  for (int byte = 0; byte < 256; ++byte)
    EXPECT_EQ(cut_by_content(as_bytes(std::string(kMiB + 1, static_cast<char>(byte)))),
              (std::vector<std::uint64_t>{kMiB, 1}))
        << byte;
}

TEST(Chunks, ScaleWithTheFile) {
  EXPECT_EQ(average_chunk(0), 256 * kKiB);
  EXPECT_EQ(average_chunk(256 * kMiB), 256 * kKiB);
  EXPECT_EQ(average_chunk(256 * kMiB + 1), 512 * kKiB);
  EXPECT_EQ(average_chunk(10240 * kMiB), 16 * kMiB);
  EXPECT_EQ(average_chunk(~std::uint64_t{0}), std::uint64_t{1} << 54);
}

TEST(Chunks, AnInsertionChangesThoseAroundIt) {
  const std::string before = random_text(8 * kMiB, 3);
  for (unsigned seed = 0; seed < 8; ++seed) {
    std::string after = before;
    after.insert(random_text(4, seed)[0] * 7919 + 4 * kMiB, random_text(kKiB, seed));
    EXPECT_LT(fresh(before, after), 2 * kMiB);
    EXPECT_GE(fresh(before, after), kKiB);
  }
  EXPECT_LT(fresh(before, "a" + before), 2 * kMiB);
  EXPECT_LT(fresh(before, before.substr(5000)), 2 * kMiB);
}

TEST(Chunks, SpanAFileThatNoParserKnows) {
  const std::string text = random_text(kMiB, 4);
  const ParsedCheckpoint parsed = parse_checkpoint(as_bytes(text), "model.bin");
  EXPECT_EQ(parsed.format, "whole");
  std::uint64_t at = 0;
  for (const StoredChunk& chunk : parsed.chunks) {
    EXPECT_EQ(chunk.offset, at);
    at += chunk.length;
  }
  EXPECT_EQ(at, text.size());
}

TEST(Chunks, StandInForLargeGaps) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})";
  for (const std::size_t gap : {64 * kKiB - 62 - 1, 64 * kKiB}) {
    std::string padded = header + std::string(gap, ' ');
    std::string file(8, '\0');
    for (unsigned i = 0; i < 8; ++i) file[i] = static_cast<char>(padded.size() >> (8 * i) & 0xff);
    file += padded + "abc" + random_text(100 * kKiB, 5);
    const ParsedCheckpoint parsed = parse_checkpoint(as_bytes(file), "a.safetensors");
    const Layout layout = make_layout(as_bytes(file), parsed);
    const bool in_layout = 8 + padded.size() <= 64 * kKiB;
    EXPECT_EQ(layout.gaps.size(), in_layout ? 8 + padded.size() : 0) << gap;
    std::uint64_t total = 0;
    for (const Segment& segment : layout.segments) total += segment.length;
    EXPECT_EQ(total, file.size());
    EXPECT_EQ(layout.segments.size(), parsed.chunks.size() + (in_layout ? 2 : 1));
    EXPECT_EQ(layout.segments.back().tensor, parsed.chunks.size());
  }
}

}  // namespace
}  // namespace mgit
