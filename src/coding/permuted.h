// Finds out whether one tensor is another with its hidden units in another order.
#pragma once

#include <optional>
#include <vector>

#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

/// Gathers, one for each axis, that turn `base` into `data` (gather_axes); nullopt if none were
/// found. Looks at the first two axes, where networks keep their units; the others (positions in a
/// kernel) stay. What is returned was carried out and compared. Costs a sum of both, more only if
/// they hold the same elements. Slices that hold the same elements in another order may hide a
/// permutation. Both have the size of a tensor of this shape, which has at least one element.
std::optional<std::vector<Gather>> find_permutation(Bytes base, Bytes data, unsigned element_size,
                                                    const Shape& shape);

}  // namespace mgit
