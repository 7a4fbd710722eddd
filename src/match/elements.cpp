#include "match/elements.h"

#include <cstring>
#include <numeric>

#include "match/kernels.h"

namespace mgit {
namespace {

/// Sums over what follows an axis are held in memory; the axis is chosen so that they are few.
constexpr std::uint64_t kMostSums = 1 << 16;

double sum_of(const double* lanes) { return std::accumulate(lanes, lanes + kSumLanes, 0.0); }

template <typename Element>
void convert(const std::byte* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    Element value;
    std::memcpy(&value, from + i * sizeof(Element), sizeof(Element));
    to[i] = static_cast<float>(value);
  }
}

/// Calls take(first, count, a, b) for part after part of two tensors.
template <typename Take>
void by_parts(const TensorView& a, const TensorView& b, const Take& take) {
  alignas(64) float a_buffer[kPart];
  alignas(64) float b_buffer[kPart];
  const std::uint64_t size = element_count(a.shape).value_or(0);
  for (std::uint64_t first = 0; first < size; first += kPart) {
    const std::size_t count = std::min<std::uint64_t>(kPart, size - first);
    take(first, count, floats_of(a, first, count, a_buffer), floats_of(b, first, count, b_buffer));
  }
}

Products totals(const double (&lanes)[3 * kSumLanes]) {
  return {sum_of(lanes), sum_of(lanes + kSumLanes), sum_of(lanes + 2 * kSumLanes)};
}

/// Squared differences of two tensors along the axes of a shape.
class DistancesAlong {
 public:
  DistancesAlong(const Shape& shape, const std::vector<bool>& wanted) : shape_(shape) {
    run_ = std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
    while (split_ + 1 < shape.size() && (split_ == 0 || run_ > kMostSums)) run_ /= shape[split_++];
    sums_.resize(run_);
    along_.resize(shape.size());
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      if (wanted[axis]) along_[axis].resize(shape[axis]);
  }

  void add(std::uint64_t first, std::size_t count, const float* a, const float* b) {
    while (count > 0) {
      const std::uint64_t within = first % run_;
      const std::size_t part = std::min<std::uint64_t>(count, run_ - within);
      double lanes[kSumLanes] = {};
      kernels().add_distances(a, b, part, sums_.data() + within, lanes);
      add_along(0, split_, first / run_, sum_of(lanes));
      first += part;
      a += part;
      b += part;
      count -= part;
    }
  }

  SquaredDistances finish() && {
    for (std::uint64_t k = 0; k < run_; ++k) add_along(split_, shape_.size(), k, sums_[k]);
    return std::move(along_);
  }

 private:
  /// To the place that `index` is, counted along the axes [begin, end).
  void add_along(std::size_t begin, std::size_t end, std::uint64_t index, double sum) {
    for (std::size_t axis = end; axis-- > begin; index /= shape_[axis])
      if (!along_[axis].empty()) along_[axis][index % shape_[axis]] += sum;
  }

  const Shape& shape_;
  std::size_t split_ = 0;  // sums_ are over the axes before this one
  std::uint64_t run_ = 1;  // elements of the axes from there on
  std::vector<double> sums_;
  SquaredDistances along_;
};

}  // namespace

const float* floats_of(const TensorView& tensor, std::size_t first, std::size_t count,
                       float* buffer) {
  const std::byte* from = tensor.data.data() + first * (dtype_bits(tensor.dtype) / 8);
  switch (tensor.dtype) {
    case DType::kF32:
      if (reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0)
        return reinterpret_cast<const float*>(from);
      convert<float>(from, count, buffer);
      break;
    case DType::kF64:
      convert<double>(from, count, buffer);
      break;
    case DType::kF16:
      kernels().widen_half(from, count, buffer);
      break;
    case DType::kBF16:
      kernels().widen_bfloat(from, count, buffer);
      break;
    default:
      throw Error("dtype " + std::string(dtype_name(tensor.dtype)) + " is not computed with");
  }
  return buffer;
}

Products products(const TensorView& a, const TensorView& b) {
  double lanes[3 * kSumLanes] = {};
  by_parts(a, b, [&](std::uint64_t, std::size_t count, const float* x, const float* y) {
    kernels().add_products(x, y, count, lanes);
  });
  return totals(lanes);
}

double dot(const TensorView& a, const TensorView& b) {
  double lanes[kSumLanes] = {};
  by_parts(a, b, [&](std::uint64_t, std::size_t count, const float* x, const float* y) {
    kernels().add_dot(x, y, count, lanes);
  });
  return sum_of(lanes);
}

double dot(std::span<const float> a, std::span<const float> b) {
  return dot(TensorView{DType::kF32, {a.size()}, std::as_bytes(a)},
             TensorView{DType::kF32, {b.size()}, std::as_bytes(b)});
}

Products products(const TensorView& a, const TensorView& b, const Shape& shape,
                  const std::vector<bool>& wanted, SquaredDistances& distances) {
  double lanes[3 * kSumLanes] = {};
  DistancesAlong along(shape, wanted);
  by_parts(a, b, [&](std::uint64_t first, std::size_t count, const float* x, const float* y) {
    kernels().add_products(x, y, count, lanes);
    along.add(first, count, x, y);
  });
  distances = std::move(along).finish();
  return totals(lanes);
}

}  // namespace mgit
