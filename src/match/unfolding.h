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
  std::vector<std::size_t> places;  // if not empty: row r at x begins at places[x * rows + r]

  std::size_t columns() const { return outer.size() * inner.size(); }
  bool operator==(const Unfolding&) const = default;
};

/// `gathers`: one per axis of the tensor; the one of `axis` itself is not used.
Unfolding unfold(const SpecTensor& tensor, std::size_t axis, const Occurrence& occurrence,
                 std::size_t group_size, std::span<const Gather> gathers);

/// Products of the rows of two tensors: sum[i, j] += <row i of A, row j of B>, row-major. As
/// multiply_add; tensors are read in their own dtype, and only a part of the columns is unfolded at
/// a time. Both have as many columns.
void add_products(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                  const Unfolding& at_b, std::span<double> sum);
/// The same with (`now` of B) - (`then` of B); both have the same size.
void add_change(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                const Unfolding& now, const Unfolding& then, std::span<double> sum);

/// sum[i] += <row i, row i>.
void add_squares(const TensorView& tensor, const Unfolding& at, std::span<double> sum);
/// Of the first row of A from the first of B, squared; in double.
double squared_distance(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                        const Unfolding& at_b);

}  // namespace mgit
