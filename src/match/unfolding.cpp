#include "match/unfolding.h"

#include "base/threads.h"

namespace mgit {
namespace {

/// Every offset plus every step.
std::vector<std::size_t> product(const std::vector<std::size_t>& offsets,
                                 const std::vector<std::size_t>& steps) {
  std::vector<std::size_t> result;
  result.reserve(offsets.size() * steps.size());
  for (const std::size_t offset : offsets)
    for (const std::size_t step : steps) result.push_back(offset + step);
  return result;
}

std::vector<std::size_t> steps(std::size_t count, std::size_t stride, const Gather& gather = {}) {
  std::vector<std::size_t> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = (gather.empty() ? i : gather[i]) * stride;
  return result;
}

template <typename PackColumn>
void pack_columns(const Unfolding& shape, std::size_t width, PackedMatrix& packed,
                  const PackColumn& column) {
  packed.reset(shape.rows, shape.columns(), width);
  const auto pack_panel = [&](std::size_t panel) {
    const std::size_t first = panel * width;
    const std::size_t count = std::min(width, shape.rows - first);
    float* out = packed.panel(panel);
    for (std::size_t x = 0; x < shape.outer.size(); ++x)
      for (std::size_t y = 0; y < shape.inner.size(); ++y, out += width)
        column(first * shape.row_stride, x, y, count, out);
  };
  // Starting threads costs more than packing little.
  if (shape.rows * shape.columns() < 200'000) {
    for (std::size_t i = 0; i < packed.panels(); ++i) pack_panel(i);
  } else {
    parallel_for(packed.panels(), pack_panel);
  }
}

}  // namespace

Unfolding unfold(const SpecTensor& tensor, std::size_t axis, const Occurrence& occurrence,
                 std::size_t group_size, std::span<const Gather> gathers) {
  std::vector<std::size_t> strides(tensor.axes.size());
  std::size_t stride = 1;
  for (std::size_t i = tensor.axes.size(); i-- > 0; stride *= tensor.axes[i].length)
    strides[i] = stride;
  const std::size_t post = strides[axis];
  Unfolding result;
  result.rows = group_size;
  result.row_stride = occurrence.inner * post;
  result.outer = {occurrence.offset * post};
  for (std::size_t i = 0; i < axis; ++i)
    result.outer = product(result.outer, steps(tensor.axes[i].length, strides[i], gathers[i]));
  result.outer =
      product(result.outer, steps(occurrence.outer, group_size * occurrence.inner * post));
  result.inner = steps(occurrence.inner, post);
  for (std::size_t i = axis + 1; i < tensor.axes.size(); ++i)
    result.inner = product(result.inner, steps(tensor.axes[i].length, strides[i], gathers[i]));
  return result;
}

void pack(std::span<const float> tensor, const Unfolding& unfolding, std::size_t width,
          PackedMatrix& out) {
  const std::size_t stride = unfolding.row_stride;
  pack_columns(unfolding, width, out,
               [&](std::size_t base, std::size_t x, std::size_t y, std::size_t count, float* to) {
                 const float* from = tensor.data() + base + unfolding.outer[x] + unfolding.inner[y];
                 for (std::size_t i = 0; i < count; ++i) to[i] = from[i * stride];
               });
}

void pack_difference(std::span<const float> tensor, const Unfolding& now, const Unfolding& then,
                     std::size_t width, PackedMatrix& out) {
  const std::size_t stride = now.row_stride;
  pack_columns(now, width, out,
               [&](std::size_t base, std::size_t x, std::size_t y, std::size_t count, float* to) {
                 const float* plus = tensor.data() + base + now.outer[x] + now.inner[y];
                 const float* minus = tensor.data() + base + then.outer[x] + then.inner[y];
                 for (std::size_t i = 0; i < count; ++i)
                   to[i] = plus[i * stride] - minus[i * stride];
               });
}

}  // namespace mgit
