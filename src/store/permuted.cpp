#include "store/permuted.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace mgit {
namespace {

using Hashes = std::vector<std::uint64_t>;

/// Of an element and its position in the axes that stay; sums of it do not depend on the order.
std::uint64_t hash_of(const std::byte* element, unsigned size, std::uint64_t position) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  std::uint64_t hash = (position + 1) * kGolden;
  for (unsigned at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, element + at, std::min(8U, size - at));
    hash = (hash ^ word) * 0xbf58476d1ce4e5b9;
    hash ^= hash >> 29;
  }
  hash *= 0x94d049bb133111eb;
  return hash ^ hash >> 32;
}

/// The tensor as rows, columns and what stays.
struct Extent {
  std::size_t rows = 1;
  std::size_t columns = 1;
  std::size_t rest = 1;
};

Extent extent_of(const Shape& shape) {
  Extent extent;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    (axis == 0 ? extent.rows : axis == 1 ? extent.columns : extent.rest) *= shape[axis];
  return extent;
}

/// Sums over each row and each column.
struct Sums {
  Hashes rows;
  Hashes columns;
  std::uint64_t all = 0;
};

Sums sums_of(Bytes data, unsigned element_size, const Extent& extent) {
  Sums sums{Hashes(extent.rows), Hashes(extent.columns)};
  const std::byte* element = data.data();
  for (std::size_t row = 0; row < extent.rows; ++row) {
    for (std::size_t column = 0; column < extent.columns; ++column) {
      std::uint64_t sum = 0;
      for (std::size_t at = 0; at < extent.rest; ++at, element += element_size)
        sum += hash_of(element, element_size, at);
      sums.rows[row] += sum;
      sums.columns[column] += sum;
    }
    sums.all += sums.rows[row];
  }
  return sums;
}

std::vector<std::uint32_t> sorted_by(const Hashes& hashes) {
  std::vector<std::uint32_t> order(hashes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return hashes[a] < hashes[b]; });
  return order;
}

/// Which slice of the base each slice of the data is; equal ones keep their order. nullopt if they
/// are not the same slices; empty for the identity.
std::optional<Gather> paired(const Hashes& base, const Hashes& data) {
  if (base == data) return Gather{};
  const std::vector<std::uint32_t> from = sorted_by(base);
  const std::vector<std::uint32_t> to = sorted_by(data);
  Gather gather(base.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (base[from[i]] != data[to[i]]) return std::nullopt;
    gather[to[i]] = from[i];
  }
  return gather;
}

}  // namespace

std::optional<std::vector<Gather>> find_permutation(Bytes base, Bytes data, unsigned element_size,
                                                    const Shape& shape) {
  const Extent extent = extent_of(shape);
  const Sums before = sums_of(base, element_size, extent);
  const Sums after = sums_of(data, element_size, extent);
  if (before.all != after.all) return std::nullopt;
  auto rows = paired(before.rows, after.rows);
  auto columns = paired(before.columns, after.columns);
  if (!rows || !columns) return std::nullopt;
  std::vector<Gather> axes(shape.size());
  axes[0] = *std::move(rows);
  if (shape.size() > 1) axes[1] = *std::move(columns);
  Buffer moved(data.size());
  gather_axes(base, element_size, shape, axes, moved);
  if (!std::equal(moved.begin(), moved.end(), data.begin(), data.end())) return std::nullopt;
  return axes;
}

}  // namespace mgit
