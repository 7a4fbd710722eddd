#include <gtest/gtest.h>

#include <random>

#include "mgit/tensor.h"

namespace mgit {
namespace {

Buffer counted(std::size_t bytes) {
  Buffer data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i);
  return data;
}

std::vector<int> gathered(Bytes storage, const Shape& shape, const Placement& placement) {
  Buffer out(*byte_size(DType::kU8, shape));
  gather_placed(storage, DType::kU8, shape, placement, out);
  std::vector<int> values;
  for (const std::byte value : out) values.push_back(static_cast<int>(value));
  return values;
}

TEST(Placement, GathersSlicesAndTransposes) {
  const Buffer storage = counted(12);  // 3 x 4
  EXPECT_EQ(gathered(storage, {2, 2}, {12, 5, {4, 1}}), (std::vector<int>{5, 6, 9, 10}));
  EXPECT_EQ(gathered(storage, {4, 3}, {12, 0, {1, 4}}),
            (std::vector<int>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(gathered(storage, {2, 3}, {12, 2, {0, 1}}), (std::vector<int>{2, 3, 4, 2, 3, 4}));
  EXPECT_EQ(gathered(storage, {}, {12, 11, {}}), (std::vector<int>{11}));
}

TEST(Placement, FitsOnlyInside) {
  const auto fit = [](const Shape& shape, const Placement& placement, DType dtype = DType::kF32) {
    return fits(dtype, shape, placement);
  };
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  EXPECT_TRUE(fit({3, 4}, {48, 0, {4, 1}}));
  EXPECT_TRUE(fit({3, 4}, {51, 0, {4, 1}}));
  EXPECT_FALSE(fit({3, 4}, {47, 0, {4, 1}}));
  EXPECT_FALSE(fit({3, 4}, {48, 1, {4, 1}}));
  EXPECT_FALSE(fit({3, 4}, {48, 0, {5, 1}}));
  EXPECT_FALSE(fit({3, 4}, {48, 0, {4}}));
  EXPECT_FALSE(fit({0, 4}, {48, 0, {4, 1}}));
  EXPECT_FALSE(fit({1}, {0, 0, {1}}));
  EXPECT_FALSE(fit({2}, {48, kMost, {1}}));
  EXPECT_FALSE(fit({3}, {48, 0, {kMost}}));
  EXPECT_FALSE(fit({2}, {48, 2, {kMost}}));
  EXPECT_FALSE(fit({kMost, 2}, {48, 0, {0, 0}}));
  EXPECT_FALSE(fit({2}, {48, 0, {1}}, DType::kF4));
}

TEST(Placement, HasOneForm) {
  EXPECT_EQ(canonical(DType::kF32, {3, 4}, {48, 0, {4, 1}}), std::nullopt);
  EXPECT_EQ(canonical(DType::kF32, {3, 1}, {12, 0, {1, 99}}), std::nullopt);
  EXPECT_EQ(canonical(DType::kF32, {3, 1}, {16, 0, {1, 99}}), (Placement{16, 0, {1, 1}}));
  EXPECT_EQ(canonical(DType::kF32, {3, 4}, {48, 0, {1, 3}}), (Placement{48, 0, {1, 3}}));
}

TEST(Placement, ScatterUndoesGather) {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    Shape shape;
    Placement placement{0, random() % 3, {}};
    std::uint64_t stride = 1;
    std::uint64_t last = placement.offset;
    for (auto rank = random() % 4; rank > 0; --rank) {
      shape.push_back(1 + random() % 4);
      placement.strides.push_back(stride);
      last += (shape.back() - 1) * stride;
      stride *= shape.back() + random() % 2;
    }
    if (random() % 2 == 0) {
      std::reverse(shape.begin(), shape.end());
      std::reverse(placement.strides.begin(), placement.strides.end());
    }
    placement.storage = (last + 1) * 2 + random() % 3;
    Buffer storage = counted(placement.storage);
    const Buffer before = storage;
    Buffer elements(*byte_size(DType::kF16, shape));
    gather_placed(storage, DType::kF16, shape, placement, elements);
    scatter_placed(elements, DType::kF16, shape, placement, storage);
    EXPECT_EQ(storage, before);
    for (std::byte& byte : elements) byte ^= std::byte{0xff};
    scatter_placed(elements, DType::kF16, shape, placement, storage);
    Buffer again(elements.size());
    gather_placed(storage, DType::kF16, shape, placement, again);
    EXPECT_EQ(again, elements);
  }
}

}  // namespace
}  // namespace mgit
