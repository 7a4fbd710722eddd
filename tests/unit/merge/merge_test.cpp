#include "mgit/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "support/support.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;

template <typename T>
Buffer bytes_of(const std::vector<T>& values) {
  const Bytes bytes = std::as_bytes(std::span(values));
  return Buffer(bytes.begin(), bytes.end());
}

template <typename T>
std::vector<T> values_of(Bytes bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Buffer mean_of(DType dtype, const Buffer& a, const Buffer& b, double wa, double wb) {
  const std::uint64_t count = a.size() * 8 / dtype_bits(dtype);
  const TensorView views[] = {{dtype, {count}, a}, {dtype, {count}, b}};
  const double weights[] = {wa, wb};
  return weighted_mean(views, weights);
}

TEST(WeightedMean, IsTheCorrectlyRoundedDouble) {
  const Buffer a = testing::random_floats(200'003, 1);
  const Buffer b = testing::random_floats(200'003, 2);
  const auto x = values_of<float>(a);
  const auto y = values_of<float>(b);
  const auto mean = values_of<float>(mean_of(DType::kF32, a, b, 1, 3));
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(mean[i], static_cast<float>((double{x[i]} + 3 * double{y[i]}) / 4)) << i;
}

TEST(WeightedMean, OfATensorWithItselfIsTheTensor) {
  const Buffer a = testing::random_floats(1000, 3);
  EXPECT_EQ(mean_of(DType::kF32, a, a, 1, 1), a);
  Buffer halves;
  for (unsigned bits = 0; bits < 0x7c00U; ++bits) {
    halves.push_back(static_cast<std::byte>(bits & 0xffU));
    halves.push_back(static_cast<std::byte>(bits >> 8));
  }
  EXPECT_EQ(mean_of(DType::kF16, halves, halves, 1, 1), halves);
  EXPECT_EQ(mean_of(DType::kBF16, halves, halves, 2, 2), halves);
}

TEST(WeightedMean, RoundsOnceToEven) {
  // 1 and 1 + 2^-10 in half precision: the middle goes to the even mantissa.
  EXPECT_EQ(values_of<std::uint16_t>(mean_of(DType::kF16, bytes_of<std::uint16_t>({0x3c00, 0x3c01}),
                                             bytes_of<std::uint16_t>({0x3c01, 0x3c02}), 1, 1)),
            (std::vector<std::uint16_t>{0x3c00, 0x3c02}));
}

TEST(WeightedMean, TakesWhatIsNotArithmeticFromTheFirst) {
  const Buffer a = bytes_of<std::int64_t>({1, 2});
  const Buffer b = bytes_of<std::int64_t>({3, 6});
  EXPECT_EQ(mean_of(DType::kI64, a, b, 1, 1), a);
  EXPECT_EQ(mean_of(DType::kF8E4M3, a, b, 1, 1), a);
}

TEST(WeightedMean, AWeightOfZeroTakesNoPart) {
  const Buffer a = bytes_of<float>({1, 2});
  const Buffer b = bytes_of<float>({std::numeric_limits<float>::infinity(), 5});
  EXPECT_EQ(mean_of(DType::kF32, a, b, 2, 0), a);
}

TEST(WeightedMean, RefusesWhatDoesNotFit) {
  const Buffer a = bytes_of<float>({1, 2});
  const double weights[] = {1, 1};
  const TensorView shapes[] = {{DType::kF32, {2}, a}, {DType::kF32, {1, 2}, a}};
  EXPECT_THROW(weighted_mean(shapes, weights), Error);
  const TensorView dtypes[] = {{DType::kF32, {2}, a}, {DType::kI32, {2}, a}};
  EXPECT_THROW(weighted_mean(dtypes, weights), Error);
  const TensorView lying[] = {{DType::kF32, {3}, a}, {DType::kF32, {3}, a}};
  EXPECT_THROW(weighted_mean(lying, weights), Error);
  EXPECT_THROW(mean_of(DType::kF32, a, a, 1, -1), Error);
  EXPECT_THROW(mean_of(DType::kF32, a, a, 1, std::numeric_limits<double>::quiet_NaN()), Error);
  EXPECT_THROW(weighted_mean({}, {}), Error);
}

TEST(Interpolated, RunsFromOneModelToTheOther) {
  MemoryModel a;
  MemoryModel b;
  a.set({"steps", DType::kI64, {1}}, bytes_of<std::int64_t>({7}));
  b.set({"steps", DType::kI64, {1}}, bytes_of<std::int64_t>({9}));
  a.set({"w", DType::kF32, {2}}, bytes_of<float>({0, 1}));
  b.set({"w", DType::kF32, {2}}, bytes_of<float>({4, 5}));
  const auto at = [&](double lambda) {
    return values_of<float>(InterpolatedModel(a, b, lambda).read("w").view.data);
  };
  EXPECT_THAT(at(0), ElementsAre(0, 1));
  EXPECT_THAT(at(0.25), ElementsAre(1, 2));
  EXPECT_THAT(at(1), ElementsAre(4, 5));
  const InterpolatedModel middle(a, b, 0.5);
  EXPECT_THAT(values_of<std::int64_t>(middle.read("steps").view.data), ElementsAre(7));
  EXPECT_EQ(middle.tensors(), a.tensors());
  EXPECT_THROW(middle.read("absent"), MissingError);
}

TEST(Interpolated, CodesHaveNothingBetweenThem) {
  MemoryModel a;
  MemoryModel b;
  a.set({"q.weight", DType::kI8, {2, 1}}, bytes_of<std::int8_t>({7, 8}));
  b.set({"q.weight", DType::kI8, {2, 1}}, bytes_of<std::int8_t>({7, 9}));
  a.set({"q.weight_scale", DType::kF32, {2}}, bytes_of<float>({1, 2}));
  b.set({"q.weight_scale", DType::kF32, {2}}, bytes_of<float>({3, 4}));
  const auto scale = [](const MemoryModel& from, const MemoryModel& to, double lambda) {
    return values_of<float>(InterpolatedModel(from, to, lambda).read("q.weight_scale").view.data);
  };
  EXPECT_THAT(scale(a, b, 0), ElementsAre(1, 2));
  EXPECT_THAT(scale(a, b, 1), ElementsAre(3, 4));
  const TensorData last = InterpolatedModel(a, b, 1).read("q.weight");
  EXPECT_THAT(values_of<std::int8_t>(last.view.data), ElementsAre(7, 9));
  EXPECT_THROW(InterpolatedModel(a, b, 0.5).read("q.weight"), Error);
  EXPECT_THROW(InterpolatedModel(a, b, 0.5).read("q.weight_scale"), Error);
  b.set({"q.weight", DType::kI8, {2, 1}}, bytes_of<std::int8_t>({7, 8}));
  EXPECT_THAT(scale(a, b, 0.5), ElementsAre(2, 3));
}

TEST(Incompatibilities, AreNamedTensorByTensor) {
  const std::vector<TensorInfo> ours = {
      {"a", DType::kF32, {2, 3}}, {"b", DType::kF32, {2}}, {"c", DType::kF32, {}}};
  const std::vector<TensorInfo> theirs = {
      {"a", DType::kF32, {2, 4}}, {"b", DType::kF16, {2}}, {"d", DType::kI64, {1}}};
  EXPECT_THAT(incompatibilities(ours, theirs),
              ElementsAre("a: F32 2,3 here, F32 2,4 there", "b: F32 2 here, F16 2 there",
                          "c: F32 scalar here, absent there", "d: absent here, I64 1 there"));
  EXPECT_TRUE(incompatibilities(ours, ours).empty());
}

}  // namespace
}  // namespace mgit
