#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "coding/permuted.h"
#include "mgit/store.h"
#include "support/support.h"
#include "unit/store/store_support.h"

namespace mgit::testing {
namespace {

Gather shuffled(std::size_t size, unsigned seed) {
  Gather gather(size);
  std::iota(gather.begin(), gather.end(), 0U);
  std::mt19937 random(seed);
  std::shuffle(gather.begin(), gather.end(), random);
  return gather;
}

Buffer moved(const Buffer& base, const Shape& shape, const std::vector<Gather>& axes) {
  Buffer result(base.size());
  gather_axes(base, 4, shape, axes, result);
  return result;
}

TEST(FindPermutation, OfEveryRank) {
  const std::vector<std::pair<Shape, std::vector<Gather>>> cases = {
      {{96}, {shuffled(96, 1)}},
      {{32, 48}, {shuffled(32, 2), shuffled(48, 3)}},
      {{32, 48}, {shuffled(32, 2), {}}},
      {{32, 48}, {{}, shuffled(48, 3)}},
      {{16, 8, 3, 3}, {shuffled(16, 4), shuffled(8, 5), {}, {}}},
  };
  for (const auto& [shape, axes] : cases) {
    const Buffer base = random_floats(
        std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()), 6);
    const Buffer data = moved(base, shape, axes);
    EXPECT_EQ(find_permutation(base, data, 4, shape), axes);
  }
}

TEST(FindPermutation, OfElementsOfEverySize) {
  const Shape shape{32, 48};
  const std::vector<Gather> axes{shuffled(32, 11), shuffled(48, 12)};
  const Buffer noise = random_floats(std::size_t{32} * 48 * 4, 13);
  for (const unsigned size : {1U, 2U, 4U, 6U, 8U, 12U, 16U}) {
    const Bytes base = Bytes(noise).first(std::size_t{32} * 48 * size);
    Buffer data(base.size());
    gather_axes(base, size, shape, axes, data);
    EXPECT_EQ(find_permutation(base, data, size, shape), axes) << size;
    std::swap(data[0], data[data.size() - 1]);
    EXPECT_FALSE(find_permutation(base, data, size, shape)) << size;
  }
}

TEST(FindPermutation, EqualSlicesKeepTheirOrder) {
  Buffer base = random_floats(std::size_t{8} * 16, 7);
  std::copy_n(base.begin(), 64, base.begin() + 128);   // rows 0 and 2
  std::fill_n(base.begin() + 256, 128, std::byte{0});  // rows 4 and 5
  const Buffer data = moved(base, {8, 16}, {shuffled(8, 8), {}});
  const auto axes = find_permutation(base, data, 4, {8, 16});
  ASSERT_TRUE(axes);
  EXPECT_EQ(moved(base, {8, 16}, *axes), data);
}

TEST(FindPermutation, IsNotFoundWhereThereIsNone) {
  const Buffer base = random_floats(std::size_t{16} * 16, 9);
  Buffer other = base;
  other[5] ^= std::byte{1};
  EXPECT_FALSE(find_permutation(base, other, 4, {16, 16}));
  EXPECT_FALSE(find_permutation(base, random_floats(std::size_t{16} * 16, 10), 4, {16, 16}));
  // The same elements, but not by whole rows and columns.
  Buffer swapped = base;
  std::swap_ranges(swapped.begin(), swapped.begin() + 4, swapped.begin() + 4 * 17);
  EXPECT_FALSE(find_permutation(base, swapped, 4, {16, 16}));
  // Positions in a kernel do not move.
  const Buffer kernel = moved(base, {2, 2, 64}, {{}, {}, shuffled(64, 11)});
  EXPECT_FALSE(find_permutation(base, kernel, 4, {2, 2, 64}));
}

TEST(Store, ReorderedTensorIsAView) {
  const TemporaryDirectory directory;
  Store store(directory.path());
  const Shape shape{256, 128};
  const Buffer base = random_floats(std::size_t{256} * 128, 12);
  const Buffer data = moved(base, shape, {shuffled(256, 13), shuffled(128, 14)});
  const auto batch = store.begin();
  const Digest before = batch->put(base, 4);
  batch->commit();
  const Digest after = batch->put(data, 4, {.base = before, .shape = shape});
  batch->commit();
  EXPECT_EQ(store.info(after)->encoding, Encoding::kView);
  EXPECT_LT(store.info(after)->stored, base.size() / 100);
  EXPECT_EQ(store.read(after), data);
}

}  // namespace
}  // namespace mgit::testing
