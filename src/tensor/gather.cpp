#include <cstring>

#include "mgit/tensor.h"

namespace mgit {
namespace {

/// Row-major recursion over the axes up to the last one that moves; below it, blocks are copied.
class GatherWalk {
 public:
  GatherWalk(Bytes in, unsigned element_size, const Shape& shape, std::span<const Gather> axes)
      : in_(in.data()), shape_(shape), axes_(axes), strides_(shape.size()) {
    std::uint64_t stride = element_size;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      strides_[axis] = stride;
      stride *= shape[axis];
    }
    depth_ = shape.size();
    while (depth_ > 0 && axes[depth_ - 1].empty()) --depth_;
    block_ = depth_ > 0 ? strides_[depth_ - 1] : in.size();
  }

  void run(std::byte* out) const { level(0, in_, out); }

 private:
  void level(std::size_t axis, const std::byte* in, std::byte* out) const {
    if (axis == depth_) {
      if (block_ > 0) std::memcpy(out, in, block_);
      return;
    }
    if (axis + 1 == depth_) {
      last_level(axis, in, out);
      return;
    }
    const std::uint64_t stride = strides_[axis];
    for (std::uint64_t i = 0; i < shape_[axis]; ++i)
      level(axis + 1, in + source(axis, i) * stride, out + i * stride);
  }

  void last_level(std::size_t axis, const std::byte* in, std::byte* out) const {
    switch (block_) {
      case 2:
        return elements<std::uint16_t>(axis, in, out);
      case 4:
        return elements<std::uint32_t>(axis, in, out);
      case 8:
        return elements<std::uint64_t>(axis, in, out);
      default:
        for (std::uint64_t i = 0; i < shape_[axis]; ++i)
          std::memcpy(out + i * block_, in + source(axis, i) * block_, block_);
    }
  }

  template <typename Word>
  void elements(std::size_t axis, const std::byte* in, std::byte* out) const {
    const Gather& gather = axes_[axis];
    for (std::size_t i = 0; i < gather.size(); ++i)
      std::memcpy(out + i * sizeof(Word), in + std::size_t{gather[i]} * sizeof(Word), sizeof(Word));
  }

  std::uint64_t source(std::size_t axis, std::uint64_t i) const {
    return axes_[axis].empty() ? i : axes_[axis][i];
  }

  const std::byte* in_;
  const Shape& shape_;
  std::span<const Gather> axes_;
  std::vector<std::uint64_t> strides_;
  std::size_t depth_ = 0;  // axes below this one are copied in blocks
  std::uint64_t block_ = 0;
};

}  // namespace

bool is_identity(const Gather& gather) {
  for (std::size_t i = 0; i < gather.size(); ++i)
    if (gather[i] != i) return false;
  return true;
}

bool is_bijection(const Gather& gather) {
  std::vector<bool> seen(gather.size());
  for (const std::uint32_t index : gather) {
    if (index >= gather.size() || seen[index]) return false;
    seen[index] = true;
  }
  return true;
}

Gather inverse(const Gather& gather) {
  Gather result(gather.size());
  for (std::size_t i = 0; i < gather.size(); ++i) result[gather[i]] = static_cast<std::uint32_t>(i);
  return result;
}

Gather compose(const Gather& first, const Gather& second) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  if (first.size() != second.size()) throw Error("permutations of different sizes");
  Gather result(first.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = first[second[i]];
  return result;
}

void gather_axes(Bytes in, unsigned element_size, const Shape& shape, std::span<const Gather> axes,
                 std::span<std::byte> out) {
  const auto count = element_count(shape);
  if (!count || *count * element_size != in.size() || out.size() != in.size() ||
      axes.size() != shape.size())
    throw Error("gather does not fit the shape " + shape_text(shape));
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (axes[axis].empty()) continue;
    if (axes[axis].size() != shape[axis])
      throw Error("gather does not fit the shape " + shape_text(shape));
    for (const std::uint32_t index : axes[axis])
      if (index >= shape[axis]) throw Error("gather points outside the tensor");
  }
  GatherWalk(in, element_size, shape, axes).run(out.data());
}

void gather_axes(const TensorView& tensor, std::span<const Gather> axes, std::span<std::byte> out) {
  if (dtype_bits(tensor.dtype) % 8 != 0 || is_opaque(tensor.dtype))
    throw Error("elements of dtype " + std::string(dtype_name(tensor.dtype)) + " cannot be moved");
  gather_axes(tensor.data, dtype_bits(tensor.dtype) / 8, tensor.shape, axes, out);
}

}  // namespace mgit
