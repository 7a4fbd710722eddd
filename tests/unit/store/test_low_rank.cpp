#include "coding/low_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "coding/delta.h"
#include "coding/low_rank_fit.h"
#include "coding/symmetric_eigen.h"
#include "store/record.h"
#include "store/record_frames.h"
#include "store_support.h"

namespace mgit {
namespace {

using namespace mgit::testing;

constexpr std::size_t kRows = 96;
constexpr std::size_t kColumns = 160;

std::vector<double> normal(std::size_t count, double deviation, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> distribution(0, deviation);
  std::vector<double> values(count);
  for (double& value : values) value = distribution(random);
  return values;
}

Buffer words_of(const std::vector<double>& values, DType dtype) {
  Buffer out(values.size() * dtype_bits(dtype) / 8);
  from_double(values, dtype, out);
  return out;
}

/// Weights, and the same after a move of rank 3 and a little noise.
std::pair<Buffer, Buffer> tuned_pair(DType dtype, std::size_t rows = kRows) {
  std::vector<double> values = normal(rows * kColumns, 0.02, 1);
  const Buffer before = words_of(values, dtype);
  const auto left = normal(rows * 3, 0.03, 2);
  const auto right = normal(kColumns * 3, 0.03, 3);
  const auto noise = normal(values.size(), 2e-5, 4);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < kColumns; ++j)
      for (std::size_t k = 0; k < 3; ++k)
        values[i * kColumns + j] +=
            left[i * 3 + k] * right[j * 3 + k] + (k == 0 ? noise[i * kColumns + j] : 0);
  return {before, words_of(values, dtype)};
}

Buffer moved(Bytes base, LowRank move) {
  Buffer out(base.size());
  read_frames(*moved_frames(frames_in_memory(base), std::move(move)), out);
  return out;
}

std::vector<float> floats_of(Bytes data, DType dtype) {
  std::vector<float> values(data.size() * 8 / dtype_bits(dtype));
  to_float({dtype, {values.size()}, data}, values);
  return values;
}

TEST(LowRank, IsFoundInWhatMoved) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const auto [before, after] = tuned_pair(dtype);
    const auto move = fit_low_rank(before, after, dtype, kColumns);
    ASSERT_TRUE(move) << dtype_name(dtype);
    EXPECT_GE(move->rank, 3U);
    EXPECT_LE(move->rank, 8U);
    const Buffer guess = moved(before, *move);
    double moved_by = 0;
    double left = 0;
    const auto was = floats_of(before, dtype);
    const auto is = floats_of(after, dtype);
    const auto guessed = floats_of(guess, dtype);
    for (std::size_t i = 0; i < is.size(); ++i) {
      moved_by += std::pow(is[i] - was[i], 2);
      left += std::pow(is[i] - guessed[i], 2);
    }
    EXPECT_LT(left, moved_by / 50) << dtype_name(dtype);
  }
}

TEST(LowRank, IsNotFoundInNoiseOrNothing) {
  const Buffer before = words_of(normal(kRows * kColumns, 0.02, 1), DType::kF32);
  const Buffer other = words_of(normal(kRows * kColumns, 0.02, 2), DType::kF32);
  EXPECT_FALSE(fit_low_rank(before, other, DType::kF32, kColumns));
  EXPECT_FALSE(fit_low_rank(before, before, DType::kF32, kColumns));
  EXPECT_FALSE(fit_low_rank(before, other, DType::kF32, 2));
  Buffer extreme = before;
  for (std::size_t i = 0; i < 8; ++i) {
    const float value =
        i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::max();
    std::memcpy(extreme.data() + i * 400, &value, sizeof(value));
  }
  EXPECT_FALSE(fit_low_rank(before, extreme, DType::kF32, kColumns));
}

LowRank small_move() { return {DType::kF32, 3, 2, -4, {16, 0, 0, -8}, {1, 2, 3, -2, 0, 4}}; }

TEST(LowRank, MovesAsTheFormatSays) {
  std::vector<double> base{0, 1, 2, 3, 4, 5};
  const Buffer out = moved(words_of(base, DType::kF32), small_move());
  EXPECT_EQ(floats_of(out, DType::kF32), (std::vector<float>{1, 3, 5, 4, 4, 3}));
}

TEST(LowRank, WhatIsNotFiniteStays) {
  for (const auto& [dtype, word, patterns] :
       {std::tuple{DType::kBF16, 2U, std::vector<std::uint32_t>{0x7f80, 0xff80, 0x7fc1, 0xff81}},
        {DType::kF16, 2U, {0x7c00, 0xfc00, 0x7e01, 0xfc01}},
        {DType::kF32, 4U, {0x7f800000, 0xff800000, 0x7fc00001, 0xff800001}}}) {
    Buffer base(6 * word);
    for (std::size_t i = 0; i < patterns.size(); ++i)
      std::memcpy(base.data() + i * word, &patterns[i], word);
    LowRank move = small_move();
    move.dtype = dtype;
    const Buffer out = moved(base, move);
    EXPECT_TRUE(std::equal(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(4 * word),
                           out.begin()));
    EXPECT_FALSE(std::equal(base.begin(), base.end(), out.begin()));
  }
}

TEST(LowRank, ComesBackFromItsBytes) {
  const LowRank move = small_move();
  Buffer bytes;
  put_low_rank(move, bytes);
  wire::Reader reader(bytes);
  const LowRank back = take_low_rank(reader, 24);
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(back.left, move.left);
  EXPECT_EQ(back.right, move.right);
  EXPECT_EQ(back.exponent, move.exponent);
  EXPECT_EQ(back.columns, move.columns);
}

TEST(LowRank, WrongBytesAreRefused) {
  Buffer bytes;
  put_low_rank(small_move(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    wire::Reader reader(Bytes(bytes).first(size));
    EXPECT_THROW(take_low_rank(reader, 24), wire::Malformed) << size;
  }
  for (const std::uint64_t size : {0, 4, 20, 22, 36}) {
    wire::Reader reader(bytes);
    EXPECT_THROW(take_low_rank(reader, size), wire::Malformed) << size;
  }
  for (std::size_t at : {0, 1, 2}) {  // number format, columns, rank
    Buffer damaged = bytes;
    damaged[at] = std::byte{0x7f};
    wire::Reader reader(damaged);
    EXPECT_THROW(take_low_rank(reader, 24), wire::Malformed) << at;
  }
  LowRank large = small_move();
  large.left[0] = large.right[0] = -32768;
  EXPECT_FALSE(is_sound(large));
}

TEST(LowRank, CrossesFrames) {
  const auto [before, after] = tuned_pair(DType::kF32, 3000);  // 1.8 MiB
  const auto move = fit_low_rank(before, after, DType::kF32, kColumns);
  ASSERT_TRUE(move);
  const auto base = moved_frames(frames_in_memory(before), *move);
  const DeltaCoder coder(after, *base, 4);
  EXPECT_LT(coder.ratio(), 0.8 * DeltaCoder(after, *frames_in_memory(before), 4).ratio());
  const Buffer payload = coder.encode_all();
  const DeltaDecoder decoder(payload, after.size(), 4);
  Buffer room(kFrameSize);
  for (std::size_t i = 0; i < coder.frames(); ++i) {
    const std::size_t size = frame_size(after.size(), i);
    Buffer out(size);
    decoder.decode(i, base->frame(i, std::span(room).first(size)), out);
    EXPECT_TRUE(std::equal(out.begin(), out.end(),
                           after.begin() + static_cast<std::ptrdiff_t>(i * kFrameSize)));
  }
}

TEST(SymmetricEigen, TakesAMatrixApart) {
  constexpr std::size_t kSize = 40;
  const auto numbers = normal(kSize * kSize, 1, 5);
  std::vector<double> matrix(kSize * kSize);
  for (std::size_t i = 0; i < kSize; ++i)
    for (std::size_t j = 0; j < kSize; ++j)
      matrix[i * kSize + j] = numbers[i * kSize + j] + numbers[j * kSize + i];
  const SymmetricEigen eigen = symmetric_eigen(matrix, kSize);
  EXPECT_TRUE(std::is_sorted(eigen.values.rbegin(), eigen.values.rend()));
  for (std::size_t k = 0; k < kSize; ++k)
    for (std::size_t i = 0; i < kSize; ++i) {
      double product = 0;
      for (std::size_t j = 0; j < kSize; ++j)
        product += matrix[i * kSize + j] * eigen.vectors[k * kSize + j];
      EXPECT_NEAR(product, eigen.values[k] * eigen.vectors[k * kSize + i], 1e-9);
    }
}

}  // namespace
}  // namespace mgit
