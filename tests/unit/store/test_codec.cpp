#include <gtest/gtest.h>

#include <cstring>

#include "base/wire.h"
#include "coding/checksum.h"
#include "coding/frames.h"
#include "coding/planes.h"
#include "coding/view.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

Buffer buffer(const std::string& text) {
  const Bytes bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

TEST(Planes, AreInvertedForEverySize) {
  std::mt19937_64 random(1);
  for (const unsigned planes : {1U, 2U, 4U, 8U})
    for (std::size_t words = 0; words < 200; words += 1 + random() % 7) {
      const Buffer data = buffer(random_bytes(words * planes, random));
      Buffer split(data.size());
      Buffer joined(data.size());
      split_planes(data, planes, split);
      std::vector<Bytes> each;
      for (std::size_t plane = 0; plane < planes; ++plane)
        each.push_back(Bytes(split).subspan(plane * split.size() / planes, split.size() / planes));
      join_planes(each, joined);
      ASSERT_EQ(joined, data) << planes << " planes, " << words << " words";
    }
}

TEST(Planes, PutTheExponentIntoOneByte) {
  const Buffer data = buffer(std::string("\x00\x00\x80\x3f", 4));  // 1.0F: exponent 127
  Buffer split(4);
  split_planes(data, 4, split);
  EXPECT_EQ(split[3], std::byte{127});
}

TEST(Frames, RoundTripAtEverySize) {
  std::mt19937_64 random(2);
  for (const unsigned element : {1U, 2U, 3U, 4U, 8U, 16U})
    for (const std::size_t size : {std::size_t{1}, std::size_t{48}, kFrameSize - 16, kFrameSize,
                                   kFrameSize + 48, 2 * kFrameSize + 4800}) {
      Buffer data(size);
      for (std::size_t i = 0; i < size; ++i)
        data[i] = static_cast<std::byte>(i % 4 == 3 ? 60 + random() % 4 : random());
      const FrameCoder coder(data, element);
      const Buffer payload = coder.encode_all();
      Buffer decoded(size);
      FrameDecoder(payload, size, coder.planes()).decode_all(decoded);
      ASSERT_EQ(decoded, data) << element << ' ' << size;
    }
}

TEST(Frames, GainOnFloatsAndLeaveNoiseAlone) {
  const Buffer floats = random_floats(1'000'000, 3);
  const Buffer coded = FrameCoder(floats, 4).encode_all();
  EXPECT_LT(coded.size(), floats.size() / 10 * 9);
  EXPECT_TRUE(FrameCoder(floats, 4).worthwhile());
  std::mt19937_64 random(4);
  EXPECT_FALSE(FrameCoder(buffer(random_bytes(1'000'000, random)), 4).worthwhile());
  EXPECT_LT(FrameCoder(Buffer(1'000'000), 4).encode_all().size(), 1000U);
}

/// As the optimiser's state has for what was never trained.
TEST(Frames, RowsOfZerosCostNextToNothing) {
  constexpr std::size_t kRow = 4096;
  const Buffer floats = random_floats(1'000'000, 3);
  const double plain = FrameCoder(floats, 4).ratio();
  Buffer rows = floats;
  std::mt19937_64 random(5);
  std::size_t left = 0;
  for (std::size_t at = 0; at < rows.size(); at += kRow) {
    const std::size_t end = std::min(at + kRow, rows.size());
    if (random() % 2 == 0)
      std::fill(rows.begin() + static_cast<std::ptrdiff_t>(at),
                rows.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
    else
      left += end - at;
  }
  EXPECT_LT(static_cast<double>(FrameCoder(rows, 4).encode_all().size()),
            (plain + 0.03) * static_cast<double>(left));
}

TEST(Frames, HostilePayloadsAreRefused) {
  const Buffer floats = random_floats(400'000, 5);
  const Buffer payload = FrameCoder(floats, 4).encode_all();
  const auto decode = [](Bytes bytes, std::uint64_t size, unsigned element) {
    const FrameDecoder decoder(bytes, size, element);
    Buffer out(size);
    decoder.decode_all(out);
    return out;
  };
  EXPECT_EQ(decode(payload, floats.size(), 4), floats);
  EXPECT_THROW(decode(payload, floats.size() - 4, 4), wire::Malformed);
  EXPECT_THROW(decode(payload, floats.size() + 4, 4), wire::Malformed);
  EXPECT_THROW(decode(payload, floats.size() + 1, 4), wire::Malformed);
  EXPECT_THROW(decode(payload, floats.size(), 2), wire::Malformed);
  EXPECT_THROW(FrameDecoder(payload, ~0ULL, 1), wire::Malformed);
  for (std::size_t length = 0; length < payload.size(); length += 1 + length / 9)
    EXPECT_THROW(decode(Bytes(payload).first(length), floats.size(), 4), wire::Malformed);
  std::mt19937_64 random(6);
  for (int round = 0; round < 300; ++round) {
    Buffer damaged = payload;
    const std::size_t at = round % 2 == 0 ? random() % damaged.size() : random() % 64;
    damaged[at] ^= static_cast<std::byte>(1 + random() % 255);
    try {
      decode(damaged, floats.size(), 4);  // other floats, at worst: SHA-256 notices
    } catch (const wire::Malformed&) {
    }
  }
}

TEST(Views, FindTheLargestBlock) {
  EXPECT_EQ(block_size({1, 0}), 1U);
  EXPECT_EQ(block_size({2, 3, 0, 1}), 2U);
  EXPECT_EQ(block_size({1, 2, 3, 0}), 1U);
  EXPECT_EQ(block_size({6, 7, 8, 3, 4, 5, 0, 1, 2}), 3U);
  EXPECT_EQ(block_size({0, 1, 2, 3, 8, 9, 4, 5, 6, 7}), 2U);
}

TEST(Views, RoundTrip) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    View view{4, {}, {}};
    std::uint64_t elements = 1;
    for (auto rank = 1 + random() % 3; rank > 0; --rank) {
      const std::uint64_t units = 1 + random() % 300;
      const std::uint64_t repeat = 1 + random() % 5;
      Gather gather;
      if (random() % 3 != 0) {
        std::vector<std::uint32_t> order(units);
        for (std::uint32_t i = 0; i < units; ++i) order[i] = i;
        std::shuffle(order.begin(), order.end(), random);
        for (const std::uint32_t unit : order)
          for (std::uint32_t j = 0; j < repeat; ++j)
            gather.push_back(static_cast<std::uint32_t>(unit * repeat + j));
        if (is_identity(gather)) gather.clear();
      }
      view.shape.push_back(units * repeat);
      view.axes.push_back(gather);
      elements *= units * repeat;
    }
    const Buffer payload = encode_view(view);
    if (payload.size() > elements * 4) continue;
    const View decoded = decode_view(payload, elements * 4, 4);
    ASSERT_EQ(decoded.shape, view.shape);
    ASSERT_EQ(decoded.axes, view.axes);
    ASSERT_THROW(decode_view(payload, elements * 4 + 4, 4), wire::Malformed);
    ASSERT_THROW(decode_view(payload, elements * 4, 2), wire::Malformed);
  }
}

TEST(Views, BlockGathersAreStoredSmall) {
  Gather gather;
  for (std::uint32_t unit = 0; unit < 64; ++unit)
    for (std::uint32_t j = 0; j < 49; ++j) gather.push_back((unit * 37 % 64) * 49 + j);
  EXPECT_LT(encode_view({4, {10, gather.size()}, {{}, gather}}).size(), 80U);
}

TEST(Views, HostilePayloadsAreRefused) {
  const View view{4, {6, 4}, {{5, 4, 3, 2, 1, 0}, {}}};
  const Buffer payload = encode_view(view);
  for (std::size_t length = 0; length < payload.size(); ++length)
    EXPECT_THROW(decode_view(Bytes(payload).first(length), 96, 4), wire::Malformed) << length;
  std::mt19937_64 random(8);
  for (int round = 0; round < 20000; ++round) {
    Buffer damaged = payload;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    try {
      const View decoded = decode_view(damaged, 96, 4);
      const Buffer base(96);
      Buffer out(96);
      gather_axes(base, 4, decoded.shape, decoded.axes, out);
    } catch (const wire::Malformed&) {
    }
  }
  // Zero elements, and an axis of 2^32 that is one block.
  Buffer bomb =
      buffer(std::string("\0\x02\x00\x80\x80\x80\x80\x10\x00\x01\x80\x80\x80\x80\x10\x00", 16));
  EXPECT_THROW(decode_view(bomb, 0, 4), wire::Malformed);
}

TEST(Checksum, SeesEveryByteAndNoCut) {
  std::mt19937_64 random(9);
  std::string data = random_bytes(333, random);
  const std::uint64_t sum = checksum(as_bytes(data));
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<char>(data[i] ^ 1);
    EXPECT_NE(checksum(as_bytes(data)), sum);
    data[i] = static_cast<char>(data[i] ^ 1);
    Checksum pieces;
    pieces.update(as_bytes(data).first(i));
    pieces.update(as_bytes(data).subspan(i));
    EXPECT_EQ(pieces.finish(), sum);
  }
  EXPECT_NE(checksum(as_bytes(data + '\0')), sum);
}

}  // namespace
}  // namespace mgit
