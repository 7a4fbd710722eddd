// A tensor as a matrix with one row per unit of a group: what similarities are products of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "match/gemm.h"
#include "mgit/perm.h"

namespace mgit {

/// Column k = (x, y) of row r is element r * row_stride + outer[x] + inner[y] of the tensor. The
/// other axes' permutations are in `outer` and `inner`, so nothing is ever moved to permute it.
struct Unfolding {
  std::size_t rows = 0;
  std::size_t row_stride = 0;
  std::vector<std::size_t> outer;
  std::vector<std::size_t> inner;

  std::size_t columns() const { return outer.size() * inner.size(); }
  bool operator==(const Unfolding&) const = default;
};

/// `gathers`: one per axis of the tensor; the one of `axis` itself is not used.
Unfolding unfold(const SpecTensor& tensor, std::size_t axis, const Occurrence& occurrence,
                 std::size_t group_size, std::span<const Gather> gathers);

/// Packs the rows for multiply_add; `out` is reset.
void pack(std::span<const float> tensor, const Unfolding& unfolding, std::size_t width,
          PackedMatrix& out);
/// Packs (`now` of the tensor) - (`then` of the tensor); both have the same size.
void pack_difference(std::span<const float> tensor, const Unfolding& now, const Unfolding& then,
                     std::size_t width, PackedMatrix& out);

}  // namespace mgit
