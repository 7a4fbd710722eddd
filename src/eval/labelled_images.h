// Labelled pictures as a data set: "input" F32 [N,1,H,W] and "target" I64 [N].
#pragma once

#include <cstdint>
#include <span>

#include "mgit/tensor.h"

namespace mgit {

MemoryModel labelled_images(std::span<const float> pixels, std::span<const std::int64_t> targets,
                            std::uint64_t height, std::uint64_t width);

/// Two disjoint, biased shares: the first gets four in five pictures of the lower half of the
/// classes and one in five of the upper half, the second the rest. In the data set's order.
std::pair<MemoryModel, MemoryModel> biased_shares(const TensorSource& images, std::int64_t classes);

}  // namespace mgit
