// Byte planes: the i-th byte of every word together.
//
// Each word is first rotated left by one bit, so that the exponent of a float fills one byte
// (FIGURES: "rotate + planes"). Words are 2, 4 or 8 bytes; plane p holds bits 8p..8p+7.
#pragma once

#include "mgit/base.h"

namespace mgit {

/// 2, 4 and 8 have planes; everything else is one plane, as it is.
unsigned plane_count(unsigned element_size);

/// `out` has the size of `words`, planes one after the other. The size is a multiple of `planes`.
void split_planes(Bytes words, unsigned planes, std::span<std::byte> out);
/// The inverse: each plane has an equal part of out.size() bytes.
void join_planes(std::span<const Bytes> planes, std::span<std::byte> out);

}  // namespace mgit
