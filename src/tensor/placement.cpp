#include <cstring>

#include "mgit/tensor.h"

namespace mgit {
namespace {

/// Visits runs of elements that lie side by side both in C order and in the storage.
class RunWalk {
 public:
  RunWalk(DType dtype, const Shape& shape, const Placement& placement)
      : element_(dtype_bits(dtype) / 8),
        shape_(shape),
        placement_(placement),
        depth_(shape.size()) {
    while (depth_ > 0 && placement.strides[depth_ - 1] == run_) run_ *= shape[--depth_];
  }

  /// visit(byte in the storage, byte in C order, bytes)
  template <typename Visit>
  void each(const Visit& visit) const {
    std::uint64_t at = 0;
    level(0, placement_.offset, at, visit);
  }

 private:
  template <typename Visit>
  void level(std::size_t axis, std::uint64_t place, std::uint64_t& at, const Visit& visit) const {
    if (axis == depth_) {
      visit(place * element_, at, run_ * element_);
      at += run_ * element_;
      return;
    }
    for (std::uint64_t i = 0; i < shape_[axis]; ++i)
      level(axis + 1, place + i * placement_.strides[axis], at, visit);
  }

  std::uint64_t element_;
  const Shape& shape_;
  const Placement& placement_;
  std::size_t depth_;      // axes below this one are one run
  std::uint64_t run_ = 1;  // its elements
};

}  // namespace

bool fits(DType dtype, const Shape& shape, const Placement& placement) {
  if (is_opaque(dtype) || dtype_bits(dtype) % 8 != 0 || placement.strides.size() != shape.size())
    return false;
  if (!byte_size(dtype, shape)) return false;
  std::uint64_t last = placement.offset;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::uint64_t reach = 0;
    if (shape[axis] == 0 ||
        __builtin_mul_overflow(shape[axis] - 1, placement.strides[axis], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return false;
  }
  return last < placement.storage / (dtype_bits(dtype) / 8);
}

std::optional<Placement> canonical(DType dtype, const Shape& shape, Placement placement) {
  const Shape in_order = c_strides(shape);
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] == 1) placement.strides[axis] = in_order[axis];
  if (placement.offset == 0 && placement.strides == in_order &&
      placement.storage == byte_size(dtype, shape))
    return std::nullopt;
  return placement;
}

void gather_placed(Bytes storage, DType dtype, const Shape& shape, const Placement& placement,
                   std::span<std::byte> out) {
  if (!fits(dtype, shape, placement) || storage.size() != placement.storage ||
      out.size() != byte_size(dtype, shape))
    throw Error("a tensor does not lie inside its storage");
  RunWalk(dtype, shape, placement)
      .each([&](std::uint64_t place, std::uint64_t at, std::uint64_t bytes) {
        std::memcpy(out.data() + at, storage.data() + place, bytes);
      });
}

void scatter_placed(Bytes elements, DType dtype, const Shape& shape, const Placement& placement,
                    std::span<std::byte> storage) {
  if (!fits(dtype, shape, placement) || storage.size() != placement.storage ||
      elements.size() != byte_size(dtype, shape))
    throw Error("a tensor does not lie inside its storage");
  RunWalk(dtype, shape, placement)
      .each([&](std::uint64_t place, std::uint64_t at, std::uint64_t bytes) {
        std::memcpy(storage.data() + place, elements.data() + at, bytes);
      });
}

}  // namespace mgit
