#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "mgit/tensor.h"

namespace mgit {
namespace {

template <typename T>
Buffer buffer_of(const std::vector<T>& values) {
  Buffer data(values.size() * sizeof(T));
  std::memcpy(data.data(), values.data(), data.size());
  return data;
}

TEST(CountNonFinite, CountsInEveryFloatingDtype) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinite = std::numeric_limits<float>::infinity();
  const Buffer singles =
      buffer_of<float>({1, nan, -infinite, std::numeric_limits<float>::max(), 0});
  EXPECT_EQ(count_non_finite({DType::kF32, {5}, singles}), 2U);

  const Buffer doubles = buffer_of<double>({1, -std::numeric_limits<double>::infinity(), 1e308});
  EXPECT_EQ(count_non_finite({DType::kF64, {3}, doubles}), 1U);

  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    Buffer halves(6);
    from_double(std::vector<double>{1, std::numeric_limits<double>::infinity(), 0}, dtype, halves);
    EXPECT_EQ(count_non_finite({dtype, {3}, halves}), 1U);
  }
  EXPECT_EQ(count_non_finite({DType::kI32, {2}, Buffer(8, std::byte{0xff})}), 0U);
}

TEST(CountNonFinite, CountsMoreThanAWordOfTheDtypeHolds) {
  const Buffer halves(200'002, std::byte{0xff});
  EXPECT_EQ(count_non_finite({DType::kF16, {100'001}, halves}), 100'001U);
}

}  // namespace
}  // namespace mgit
