// Tensors of 16 bits are computed with as they are, and give what their floats would.
#include "match/elements.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"
#include "match/kernels.h"
#include "match/unfolding.h"
#include "match/weights.h"

namespace mgit {
namespace {

std::vector<double> random_values(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> values(count);
  for (double& value : values) value = random.normal();
  return values;
}

/// A tensor, and what keeps its bytes.
struct Made {
  Buffer bytes;
  TensorView view;

  Made(DType dtype, Shape shape, const std::vector<double>& values)
      : bytes(values.size() * dtype_bits(dtype) / 8) {
    from_double(values, dtype, bytes);
    view = {dtype, std::move(shape), bytes};
  }
  std::vector<float> floats() const {
    std::vector<float> result(element_count(view.shape).value());
    to_float(view, result);
    return result;
  }
};

TEST(Elements, EveryInstructionSetWidensEveryHalfExactly) {
  std::vector<std::uint16_t> halves(1 << 16);
  std::iota(halves.begin(), halves.end(), std::uint16_t{0});
  const Bytes bytes = std::as_bytes(std::span(halves));
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    std::vector<float> expected(halves.size());
    to_float({dtype, {halves.size()}, bytes}, expected);
    for (const Kernels* each : all_kernels()) {
      std::vector<float> found(halves.size());
      (dtype == DType::kF16 ? each->widen_half : each->widen_bfloat)(bytes.data(), found.size(),
                                                                     found.data());
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::isnan(expected[i])) {
          ASSERT_TRUE(std::isnan(found[i])) << each->name << " " << i;
        } else {
          ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]),
                    std::bit_cast<std::uint32_t>(expected[i]))
              << each->name << " " << i;
        }
      }
    }
  }
}

TEST(Elements, SumsAreTheSameOnEveryInstructionSet) {
  constexpr std::size_t kSize = 1003;
  const std::vector<float> a = Made(DType::kF32, {kSize}, random_values(kSize, 1)).floats();
  const std::vector<float> b = Made(DType::kF32, {kSize}, random_values(kSize, 2)).floats();
  std::vector<std::vector<double>> found;
  for (const Kernels* each : all_kernels()) {
    std::vector<double> sums(5 * kSumLanes + kSize);
    each->add_products(a.data(), b.data(), kSize, sums.data());
    each->add_dot(a.data(), b.data(), kSize, sums.data() + 3 * kSumLanes);
    each->add_distances(a.data(), b.data(), kSize, sums.data() + 5 * kSumLanes,
                        sums.data() + 4 * kSumLanes);
    found.push_back(std::move(sums));
    EXPECT_EQ(found.back(), found.front()) << each->name;
  }
}

TEST(Elements, DistancesAreSummedAlongTheAxesThatAreWanted) {
  // The last one has more behind its first axis than is summed at once.
  for (const Shape& shape : {Shape{5}, Shape{3, 4}, Shape{6, 5, 3, 3}, Shape{2, 40, 30, 60}}) {
    const std::size_t size = element_count(shape).value();
    const Made a(DType::kF16, shape, random_values(size, 1));
    const Made b(DType::kBF16, shape, random_values(size, 2));
    SquaredDistances found;
    std::vector<bool> wanted(shape.size(), true);
    if (shape.size() > 2) wanted[2] = false;
    const Products sums = products(a.view, b.view, shape, wanted, found);
    EXPECT_EQ(sums.ab, dot(a.view, b.view));
    EXPECT_EQ(sums.aa, dot(a.view, a.view));
    EXPECT_EQ(sums.bb, dot(b.view, b.view));
    const std::vector<float> left = a.floats();
    const std::vector<float> right = b.floats();
    const Shape strides = c_strides(shape);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      ASSERT_EQ(found[axis].size(), wanted[axis] ? shape[axis] : 0);
      std::vector<double> expected(found[axis].size());
      for (std::size_t i = 0; i < size && wanted[axis]; ++i)
        expected[i / strides[axis] % shape[axis]] += std::pow(left[i] - right[i], 2);
      for (std::size_t k = 0; k < expected.size(); ++k)
        EXPECT_NEAR(found[axis][k], expected[k], 1e-5 * expected[k]);
    }
  }
}

TEST(Elements, ProductsOfHalvesInPartsAreThoseOfTheirFloatsAtOnce) {
  // More columns than are unfolded at a time, on the last axis and on the first.
  constexpr std::size_t kRows = 9;
  constexpr std::size_t kColumns = 500'000;
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF64}) {
    const Made a(dtype, {kRows, kColumns}, random_values(kRows * kColumns, 1));
    const Made b(dtype, {kColumns, kRows}, random_values(kRows * kColumns, 2));
    Unfolding at_a{.rows = kRows, .row_stride = kColumns, .outer = {0}, .inner = {}, .places = {}};
    Unfolding at_b{.rows = kRows, .row_stride = 1, .outer = {}, .inner = {0}, .places = {}};
    for (std::size_t k = 0; k < kColumns; ++k) {
      at_a.inner.push_back(k);
      at_b.outer.push_back(k * kRows);
    }
    std::vector<double> found(kRows * kRows);
    add_products(a.view, at_a, b.view, at_b, found);

    const std::vector<float> right = b.floats();
    std::vector<float> turned(right.size());
    for (std::size_t k = 0; k < kColumns; ++k)
      for (std::size_t row = 0; row < kRows; ++row)
        turned[row * kColumns + k] = right[k * kRows + row];
    std::vector<double> expected(kRows * kRows);
    multiply_add(pack(a.floats(), kRows, kColumns, kLeftPanel),
                 pack(turned, kRows, kColumns, kRightPanel), expected);
    EXPECT_EQ(found, expected);
  }
}

TEST(Elements, AHalfThatIsNotFiniteIsNamed) {
  const std::vector<TensorInfo> network = {{"v", DType::kF16, {2, 3}}, {"w", DType::kF16, {3, 2}}};
  const Spec spec = bind_spec("mgit-perm 1\nperm P\nv: _, P\nw: P, _\n", "spec", network);
  std::vector<double> values = random_values(6, 1);
  const auto model = [&] {
    MemoryModel result;
    for (const TensorInfo& info : network)
      result.set(info, Made(info.dtype, info.shape, values).bytes);
    return result;
  };
  const MemoryModel a = model();
  for (const double bad : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    values[4] = bad;
    const MemoryModel b = model();
    try {
      load_pairs(spec, a, b);
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), "the second model has values that are not finite");
    }
  }
}

}  // namespace
}  // namespace mgit
