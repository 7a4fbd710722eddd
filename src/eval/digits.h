// Digits drawn by the program: a small data set that needs no download.
#pragma once

#include <cstdint>

#include "mgit/tensor.h"

namespace mgit {

/// `count` pictures of 16 by 16 pixels as "input" and "target" (labelled_images), ten classes in
/// equal shares, each drawn as a pen would with jitter, slant, shift, thickness, stray marks and
/// noise. One seed always draws one set of pictures.
MemoryModel draw_digits(std::uint64_t count, std::uint64_t seed);

}  // namespace mgit
