#include "coding/permuted.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace mgit {
namespace {

using Hashes = std::vector<std::uint64_t>;

/// The tensor as rows, columns and what stays, in words.
struct Extent {
  std::size_t rows = 1;
  std::size_t columns = 1;
  std::size_t rest = 1;
};

Extent extent_of(const Shape& shape, std::size_t words_per_element) {
  Extent extent;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    (axis == 0 ? extent.rows : axis == 1 ? extent.columns : extent.rest) *= shape[axis];
  extent.rest *= words_per_element;
  return extent;
}

template <typename Word>
Word load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

/// A position in what stays, as two numbers that a hash depends on.
struct Keys {
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> second;
};

Keys keys_of(std::size_t positions) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  Keys keys;
  for (std::size_t position = 1; position <= positions; ++position) {
    keys.first.push_back(static_cast<std::uint32_t>(position * kGolden));
    keys.second.push_back(static_cast<std::uint32_t>(position * kGolden >> 32));
  }
  return keys;
}

/// Sums of it do not depend on the order. One multiplication that vectors have: what is found is
/// compared byte by byte, so chance meetings do no harm, they only have to be rare.
template <typename Word>
std::uint64_t hash_of(Word word, std::uint32_t first, std::uint32_t second) {
  if constexpr (sizeof(Word) <= sizeof(std::uint32_t)) {
    const std::uint32_t wide = word;
    return std::uint64_t{wide ^ first} * std::uint64_t{(wide << 16 | wide >> 16) + second};
  } else {
    const std::uint64_t mixed = (word ^ (std::uint64_t{second} << 32 | first)) * 0xbf58476d1ce4e5b9;
    return (mixed ^ mixed >> 29) * 0x94d049bb133111eb;
  }
}

/// Sums over each row and each column.
struct Sums {
  Hashes rows;
  Hashes columns;
};

template <typename Word>
Sums sums_of(Bytes data, const Extent& extent) {
  const Keys keys = keys_of(extent.rest);
  Sums sums{Hashes(extent.rows), Hashes(extent.columns)};
  const std::byte* at = data.data();
  const auto hash_at = [&](std::size_t i, std::size_t position) {
    return hash_of(load<Word>(at + i * sizeof(Word)), keys.first[position], keys.second[position]);
  };
  std::uint64_t* const columns = sums.columns.data();
  for (std::size_t row = 0; row < extent.rows; ++row) {
    std::uint64_t of_row = 0;
    if (extent.rest == 1) {
      const std::uint32_t first = keys.first[0];
      const std::uint32_t second = keys.second[0];
      for (std::size_t column = 0; column < extent.columns; ++column) {
        const std::uint64_t hash = hash_of(load<Word>(at + column * sizeof(Word)), first, second);
        columns[column] += hash;
        of_row += hash;
      }
      at += extent.columns * sizeof(Word);
    } else {
      for (std::size_t column = 0; column < extent.columns; ++column) {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < extent.rest; ++i) sum += hash_at(i, i);
        columns[column] += sum;
        of_row += sum;
        at += extent.rest * sizeof(Word);
      }
    }
    sums.rows[row] = of_row;
  }
  return sums;
}

/// At the speed of memory: most tensors that are no permutation of each other end here.
template <typename Word>
bool have_same_sum(Bytes a, Bytes b) {
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < a.size(); i += sizeof(Word))
    difference += std::uint64_t{load<Word>(a.data() + i)} - load<Word>(b.data() + i);
  return difference == 0;
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

/// Of rows and columns; nullopt if they cannot be paired.
template <typename Word>
std::optional<std::pair<Gather, Gather>> find_pairs(Bytes base, Bytes data, const Extent& extent) {
  if (!have_same_sum<Word>(base, data)) return std::nullopt;
  const Sums before = sums_of<Word>(base, extent);
  const Sums after = sums_of<Word>(data, extent);
  auto rows = paired(before.rows, after.rows);
  auto columns = paired(before.columns, after.columns);
  if (!rows || !columns) return std::nullopt;
  return std::pair(*std::move(rows), *std::move(columns));
}

std::optional<std::pair<Gather, Gather>> find_pairs(Bytes base, Bytes data, unsigned element_size,
                                                    const Shape& shape) {
  const auto extent = [&](unsigned word) { return extent_of(shape, element_size / word); };
  if (element_size % 8 == 0) return find_pairs<std::uint64_t>(base, data, extent(8));
  if (element_size % 4 == 0) return find_pairs<std::uint32_t>(base, data, extent(4));
  if (element_size % 2 == 0) return find_pairs<std::uint16_t>(base, data, extent(2));
  return find_pairs<std::uint8_t>(base, data, extent(1));
}

}  // namespace

std::optional<std::vector<Gather>> find_permutation(Bytes base, Bytes data, unsigned element_size,
                                                    const Shape& shape) {
  auto pairs = find_pairs(base, data, element_size, shape);
  if (!pairs) return std::nullopt;
  std::vector<Gather> axes(shape.size());
  axes[0] = std::move(pairs->first);
  if (shape.size() > 1) axes[1] = std::move(pairs->second);
  Buffer moved(data.size());
  gather_axes(base, element_size, shape, axes, moved);
  if (!std::equal(moved.begin(), moved.end(), data.begin(), data.end())) return std::nullopt;
  return axes;
}

}  // namespace mgit
