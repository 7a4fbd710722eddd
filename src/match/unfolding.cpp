#include "match/unfolding.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "match/elements.h"

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

/// Floats of both operands that are unfolded at once. Columns are summed by 256 (gemm.h): so many,
/// or a multiple, make the same sums as all at once.
constexpr std::size_t kUnfolded = std::size_t{1} << 23;
constexpr std::size_t kSummed = 256;

constexpr std::size_t kPackedColumns = 64;  // of a panel that are converted at once

/// Columns [first, last) of an unfolding.
struct ColumnRange {
  std::size_t first;
  std::size_t last;
};

/// Elements of a tensor, moved as they are.
class Elements {
 public:
  Elements(const TensorView& tensor, const Unfolding& shape)
      : tensor_(tensor), shape_(shape), size_(dtype_bits(tensor.dtype) / 8) {}

  /// Columns of `count` rows, `width` apart, as floats; what lies between is left as it is, or
  /// zero.
  void pack(std::size_t first_row, std::size_t count, ColumnRange columns, std::size_t width,
            float* out) const {
    if (tensor_.dtype == DType::kF32) {
      gather<float>(first_row, count, columns, width, reinterpret_cast<std::byte*>(out));
      return;
    }
    alignas(64) std::byte raw[kPackedColumns * kRightPanel * sizeof(double)] = {};
    for (std::size_t k = columns.first; k < columns.last; k += kPackedColumns) {
      const ColumnRange part = {k, std::min(k + kPackedColumns, columns.last)};
      if (size_ == sizeof(std::uint16_t)) {
        gather<std::uint16_t>(first_row, count, part, width, raw);
      } else {
        gather<double>(first_row, count, part, width, raw);
      }
      const std::size_t elements = (part.last - part.first) * width;
      const TensorView view = {tensor_.dtype, {elements}, Bytes(raw, elements * size_)};
      floats_of(view, 0, elements, out);
      out += elements;
    }
  }

 private:
  template <typename Element>
  void gather(std::size_t first_row, std::size_t count, ColumnRange columns, std::size_t width,
              std::byte* out) const {
    const std::byte* data = tensor_.data.data();
    std::size_t x = columns.first / shape_.inner.size();
    std::size_t y = columns.first % shape_.inner.size();
    const std::size_t stride = shape_.row_stride * sizeof(Element);
    for (std::size_t k = columns.first; k < columns.last; ++k, out += width * sizeof(Element)) {
      if (!shape_.places.empty()) {
        const std::size_t* place = shape_.places.data() + x * shape_.rows + first_row;
        const std::byte* from = data + shape_.inner[y] * sizeof(Element);
        for (std::size_t i = 0; i < count; ++i)
          std::memcpy(out + i * sizeof(Element), from + place[i] * sizeof(Element),
                      sizeof(Element));
      } else {
        const std::byte* from =
            data + (shape_.outer[x] + shape_.inner[y]) * sizeof(Element) + first_row * stride;
        for (std::size_t i = 0; i < count; ++i)
          std::memcpy(out + i * sizeof(Element), from + i * stride, sizeof(Element));
      }
      if (++y == shape_.inner.size()) {
        y = 0;
        ++x;
      }
    }
  }

  const TensorView& tensor_;
  const Unfolding& shape_;
  std::size_t size_;
};

/// `columns` of the rows, or of their difference from those of `less`.
void pack(const TensorView& tensor, const Unfolding& shape, const Unfolding* less,
          ColumnRange columns, std::size_t width, PackedMatrix& out) {
  out.reset(shape.rows, columns.last - columns.first, width);
  const Elements elements(tensor, shape);
  const auto pack_panel = [&](std::size_t panel) {
    const std::size_t first = panel * width;
    const std::size_t count = std::min(width, shape.rows - first);
    float* to = out.panel(panel);
    elements.pack(first, count, columns, width, to);
    if (less == nullptr) return;
    alignas(64) float then[kPackedColumns * kRightPanel] = {};
    const Elements before(tensor, *less);
    for (std::size_t k = columns.first; k < columns.last; k += kPackedColumns) {
      const ColumnRange part = {k, std::min(k + kPackedColumns, columns.last)};
      before.pack(first, count, part, width, then);
      for (std::size_t i = 0; i < (part.last - part.first) * width; ++i) *to++ -= then[i];
    }
  };
  // Starting threads costs more than packing little.
  if (shape.rows * (columns.last - columns.first) < 200'000) {
    for (std::size_t i = 0; i < out.panels(); ++i) pack_panel(i);
  } else {
    parallel_for(out.panels(), pack_panel);
  }
}

void add_all(const TensorView& a, const Unfolding& at_a, const TensorView& b, const Unfolding& at_b,
             const Unfolding* less, std::span<double> sum) {
  thread_local PackedMatrix left;
  thread_local PackedMatrix right;
  const std::size_t step =
      std::max(kUnfolded / (at_a.rows + at_b.rows) / kSummed, std::size_t{1}) * kSummed;
  for (std::size_t k = 0; k < at_a.columns(); k += step) {
    const ColumnRange columns = {k, std::min(k + step, at_a.columns())};
    pack(a, at_a, nullptr, columns, kLeftPanel, left);
    pack(b, at_b, less, columns, kRightPanel, right);
    multiply_add(left, right, sum);
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

void add_products(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                  const Unfolding& at_b, std::span<double> sum) {
  add_all(a, at_a, b, at_b, nullptr, sum);
}

void add_change(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                const Unfolding& now, const Unfolding& then, std::span<double> sum) {
  add_all(a, at_a, b, now, &then, sum);
}

void add_squares(const TensorView& tensor, const Unfolding& at, std::span<double> sum) {
  const Elements elements(tensor, at);
  const std::size_t panels = (at.rows + kRightPanel - 1) / kRightPanel;
  parallel_for(panels, [&](std::size_t panel) {
    const std::size_t first = panel * kRightPanel;
    const std::size_t count = std::min(kRightPanel, at.rows - first);
    alignas(64) float part[kPackedColumns * kRightPanel] = {};
    for (std::size_t k = 0; k < at.columns(); k += kPackedColumns) {
      const ColumnRange columns = {k, std::min(k + kPackedColumns, at.columns())};
      elements.pack(first, count, columns, kRightPanel, part);
      for (std::size_t c = 0; c < columns.last - columns.first; ++c)
        for (std::size_t i = 0; i < count; ++i) {
          const auto value = static_cast<double>(part[c * kRightPanel + i]);
          sum[first + i] += value * value;
        }
    }
  });
}

double squared_distance(const TensorView& a, const Unfolding& at_a, const TensorView& b,
                        const Unfolding& at_b) {
  const Elements left(a, at_a);
  const Elements right(b, at_b);
  std::vector<float> x(std::min(kPart, at_a.columns()));
  std::vector<float> y(x.size());
  double sum = 0;
  for (std::size_t k = 0; k < at_a.columns(); k += kPart) {
    const ColumnRange columns = {k, std::min(k + kPart, at_a.columns())};
    left.pack(0, 1, columns, 1, x.data());
    right.pack(0, 1, columns, 1, y.data());
    for (std::size_t c = 0; c < columns.last - columns.first; ++c) {
      const double apart = static_cast<double>(x[c]) - static_cast<double>(y[c]);
      sum += apart * apart;
    }
  }
  return sum;
}

}  // namespace mgit
