#include "mgit/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace mgit {
namespace {

template <typename T>
Bytes bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

TEST(DType, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(DType::kQ1_0); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_name("F31"), std::nullopt);
}

TEST(ByteSize, RefusesOverflowAndBrokenBytes) {
  EXPECT_EQ(byte_size(DType::kF32, {512, 784}), 512 * 784 * 4);
  EXPECT_EQ(byte_size(DType::kF32, {}), 4U);
  EXPECT_EQ(byte_size(DType::kF32, {0, 7}), 0U);
  EXPECT_EQ(byte_size(DType::kF4, {3}), std::nullopt);
  EXPECT_EQ(byte_size(DType::kF4, {4}), 2U);
  EXPECT_EQ(byte_size(DType::kU8, {1ULL << 40, 1ULL << 40}), std::nullopt);
}

TEST(ByteSize, OfQuantisedTypesCountsBlocksOfTheLastAxis) {
  EXPECT_EQ(byte_size(DType::kQ4_0, {3, 64}), 3 * 2 * 18);
  EXPECT_EQ(byte_size(DType::kQ6_K, {512}), 2 * 210);
  EXPECT_EQ(byte_size(DType::kQ4_0, {64, 3}), std::nullopt);
  EXPECT_EQ(byte_size(DType::kQ4_0, {}), std::nullopt);
  EXPECT_EQ(byte_size(DType::kQ4_0, {0}), 0U);
  EXPECT_EQ(byte_size(DType::kQ4_0, {1ULL << 40, 1ULL << 40}), std::nullopt);
  EXPECT_TRUE(is_opaque(DType::kQ4_0));
  EXPECT_TRUE(is_opaque(DType::kBytes));
  EXPECT_FALSE(is_opaque(DType::kU64));
}

/// Every 16-bit pattern survives a trip through double; every double rounds to a nearest value.
TEST(Conversion, SixteenBitFormatsRoundTripAndRoundToNearest) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    std::vector<std::uint16_t> patterns(65536);
    for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
    std::vector<double> values(patterns.size());
    to_double({dtype, {patterns.size()}, bytes_of(patterns)}, values);
    std::vector<std::uint16_t> back(patterns.size());
    from_double(values, dtype, std::as_writable_bytes(std::span(back)));
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (std::isnan(values[i])) continue;
      ASSERT_EQ(back[i], patterns[i]) << values[i];
    }
    const std::size_t largest = dtype == DType::kF16 ? 0x7bff : 0x7f7f;
    for (std::size_t i = 0; i < largest; ++i) {
      const double low = values[i];
      const double high = values[i + 1];
      const std::vector<double> probes{low + (high - low) * 0.25, low + (high - low) * 0.5,
                                       low + (high - low) * 0.75};
      std::vector<std::uint16_t> rounded(3);
      from_double(probes, dtype, std::as_writable_bytes(std::span(rounded)));
      ASSERT_EQ(rounded[0], i);
      ASSERT_EQ(rounded[1], i % 2 == 0 ? i : i + 1);
      ASSERT_EQ(rounded[2], i + 1);
    }
  }
}

TEST(Conversion, OverflowBecomesInfinity) {
  const std::vector<double> values{1e6, -1e300, 65519.9, 65520};
  std::vector<std::uint16_t> out(4);
  from_double(values, DType::kF16, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out, (std::vector<std::uint16_t>{0x7c00, 0xfc00, 0x7bff, 0x7c00}));
}

TEST(Gather, AgreesWithTheDefinition) {
  std::mt19937 random(3);
  const Shape shape{5, 4, 3, 2};
  std::vector<std::uint32_t> data(120);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint32_t>(i);
  for (int trial = 0; trial < 64; ++trial) {
    std::vector<Gather> axes(4);
    for (std::size_t axis = 0; axis < 4; ++axis) {
      if ((trial >> axis & 1) == 0) continue;
      for (std::uint32_t i = 0; i < shape[axis]; ++i) axes[axis].push_back(i);
      std::shuffle(axes[axis].begin(), axes[axis].end(), random);
    }
    std::vector<std::uint32_t> out(data.size());
    gather_axes({DType::kU32, shape, bytes_of(data)}, axes, std::as_writable_bytes(std::span(out)));
    const auto at = [&](std::size_t axis, std::uint32_t i) {
      return axes[axis].empty() ? i : axes[axis][i];
    };
    std::size_t index = 0;
    for (std::uint32_t a = 0; a < 5; ++a)
      for (std::uint32_t b = 0; b < 4; ++b)
        for (std::uint32_t c = 0; c < 3; ++c)
          for (std::uint32_t d = 0; d < 2; ++d)
            ASSERT_EQ(out[index++], ((at(0, a) * 4 + at(1, b)) * 3 + at(2, c)) * 2 + at(3, d));
  }
}

TEST(Gather, RefusesWhatDoesNotFit) {
  const std::vector<float> data(6);
  std::vector<float> out(6);
  const TensorView view{DType::kF32, {2, 3}, bytes_of(data)};
  const auto apply = [&](std::vector<Gather> axes) {
    gather_axes(view, axes, std::as_writable_bytes(std::span(out)));
  };
  EXPECT_THROW(apply({{0, 2}, {}}), Error);
  EXPECT_THROW(apply({{0, 1, 2}, {}}), Error);
  EXPECT_THROW(apply({{}}), Error);
}

TEST(Gather, ComposeAndInverse) {
  const Gather first{2, 0, 1};
  const Gather second{1, 2, 0};
  EXPECT_EQ(compose(first, second), (Gather{0, 1, 2}));
  EXPECT_EQ(compose(first, inverse(first)), (Gather{0, 1, 2}));
  EXPECT_FALSE(is_bijection({0, 0, 1}));
  EXPECT_FALSE(is_bijection({0, 3, 1}));
}

TEST(MemoryModel, SortsAndFinds) {
  MemoryModel model;
  model.set({"b", DType::kU8, {2}}, Buffer(2));
  model.set({"a", DType::kU8, {3}}, Buffer(3));
  ASSERT_EQ(model.tensors().size(), 2U);
  EXPECT_EQ(model.tensors()[0].name, "a");
  EXPECT_EQ(model.read("b").view.data.size(), 2U);
  EXPECT_THROW(model.read("c"), MissingError);
  EXPECT_THROW(model.set({"a", DType::kU8, {4}}, Buffer(3)), Error);
}

}  // namespace
}  // namespace mgit
