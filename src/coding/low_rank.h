// A matrix of low rank that moves a tensor: what a fine-tune did to all of its weights together.
//
// Gradients are sums of few outer products, and so is most of what hundreds of steps change. The
// tensor is read as rows and columns (its axes after the first together); element (i, j) moves by
// 2^exponent times the product of row i of `left` and column j of `right`, integers, so that every
// machine finds the same words. docs/formats.md has the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/wire.h"
#include "coding/object_frames.h"
#include "mgit/base.h"
#include "mgit/tensor.h"

namespace mgit {

struct LowRank {
  DType dtype = DType::kF32;  // F32, F16 or BF16
  std::size_t columns = 1;
  std::size_t rank = 1;
  int exponent = 0;
  std::vector<std::int16_t> left;   // row by row, `rank` numbers each
  std::vector<std::int16_t> right;  // `rank` rows of `columns` numbers
};

constexpr std::size_t kMostRank = 64;
/// F32, F16 and BF16 can be moved.
bool is_movable(DType dtype);
/// Whether products fit 32 bits and the exponent its byte, as a reader wants it.
bool is_sound(const LowRank& move);

void put_low_rank(const LowRank& move, Buffer& out);
/// That of an object of so many bytes, from bytes that nobody vouches for. Throws wire::Malformed.
LowRank take_low_rank(wire::Reader& reader, std::uint64_t size);

/// `base` as it is after the move, each value rounded once; what is not finite stays as it is.
std::unique_ptr<ObjectFrames> moved_frames(std::unique_ptr<ObjectFrames> base, LowRank move);

}  // namespace mgit
