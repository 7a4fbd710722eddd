#include "graph/interpreter/array.h"

#include <numeric>

namespace mgit::interpreter {

namespace {

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;

Shape batch_of(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

}  // namespace

void refuse(const std::string& what) { throw Error(what); }

void require(bool holds, const char* what) {
  if (!holds) refuse(what);
}

std::size_t count(const Shape& shape) {
  const auto elements = element_count(shape);
  if (!elements || *elements > kMostElements) refuse("an array that is too large");
  return *elements;
}

Array make(DType dtype, Shape shape) {
  const std::size_t elements = count(shape);
  return {dtype, std::move(shape), std::vector<double>(elements)};
}

Array scalar(DType dtype, double value) { return {dtype, {}, {value}}; }

std::size_t axis_of(std::int64_t dim, std::size_t rank) {
  const auto axes = static_cast<std::int64_t>(std::max<std::size_t>(rank, 1));
  if (dim < -axes || dim >= axes) refuse("an axis out of range");
  return static_cast<std::size_t>(dim < 0 ? dim + axes : dim);
}

std::vector<std::size_t> axes_of(const Integers& dims, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (const std::int64_t dim : dims) axes.push_back(axis_of(dim, rank));
  return axes;
}

Around around(const Shape& shape, std::size_t axis) {
  Around result;
  for (std::size_t i = 0; i < shape.size(); ++i)
    (i < axis ? result.outer : i == axis ? result.length : result.inner) *= shape[i];
  return result;
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::uint64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::uint64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      refuse(fmt::format("[{}] and [{}] do not broadcast", shape_text(a), shape_text(b)));
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

Array strided(const Array& in, Shape shape, const Strides& strides, std::size_t offset) {
  Array out = make(in.dtype, std::move(shape));
  const std::size_t rank = out.shape.size();
  std::vector<std::size_t> index(rank, 0);
  std::size_t from = offset;
  for (double& value : out.values) {
    value = in.values[from];
    for (std::size_t axis = rank; axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < out.shape[axis]) break;
      from -= strides[axis] * out.shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

Array expanded(const Array& in, const Shape& shape) {
  if (in.shape == shape) return in;
  require(in.shape.size() <= shape.size(), "an expansion to fewer axes");
  const Shape own = c_strides(in.shape);
  Strides strides(shape.size(), 0);
  const std::size_t more = shape.size() - in.shape.size();
  for (std::size_t i = 0; i < in.shape.size(); ++i) {
    require(in.shape[i] == shape[more + i] || in.shape[i] == 1, "an expansion that does not fit");
    if (in.shape[i] != 1) strides[more + i] = own[i];
  }
  return strided(in, shape, strides);
}

Array permuted(const Array& in, const std::vector<std::size_t>& order) {
  require(order.size() == in.shape.size(), "a permutation of other axes");
  const Shape own = c_strides(in.shape);
  Shape shape;
  Strides strides;
  for (const std::size_t axis : order) {
    shape.push_back(in.shape[axis]);
    strides.push_back(own[axis]);
  }
  require(count(shape) == in.values.size(), "a permutation that has an axis twice");
  return strided(in, std::move(shape), strides);
}

Array swapped(const Array& in, std::size_t a, std::size_t b) {
  if (a == b || in.shape.empty()) return in;
  std::vector<std::size_t> order(in.shape.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::swap(order[a], order[b]);
  return permuted(in, order);
}

Array reshaped(Array in, Shape shape) {
  require(count(shape) == in.values.size(), "a shape for another number of elements");
  in.shape = std::move(shape);
  return in;
}

Shape resolved(const Integers& sizes, std::size_t elements) {
  Shape shape;
  std::optional<std::size_t> open;
  for (const std::int64_t size : sizes) {
    require(size >= 0 || (size == -1 && !open), "a size that is negative");
    if (size < 0) open = shape.size();
    shape.push_back(size < 0 ? 1 : static_cast<std::uint64_t>(size));
  }
  if (open) {
    const std::size_t known = count(shape);
    require(known > 0 && elements % known == 0, "a size that cannot be told");
    shape[*open] = elements / known;
  }
  return shape;
}

Array sliced(const Array& in, std::size_t axis, std::size_t start, std::size_t length,
             std::size_t step) {
  require(axis < in.shape.size() && step > 0, "a slice of nothing");
  require(length == 0 ||
              (start < in.shape[axis] && (length - 1) <= (in.shape[axis] - 1 - start) / step),
          "a slice out of range");
  const Around from = around(in.shape, axis);
  Shape shape = in.shape;
  shape[axis] = length;
  Array out = make(in.dtype, std::move(shape));
  std::size_t to = 0;
  for (std::size_t o = 0; o < from.outer; ++o)
    for (std::size_t i = 0; i < length; ++i)
      for (std::size_t j = 0; j < from.inner; ++j)
        out.values[to++] = in.values[(o * from.length + start + i * step) * from.inner + j];
  return out;
}

Array without_axis(Array in, std::size_t axis) {
  require(axis < in.shape.size() && in.shape[axis] == 1, "an axis that cannot go");
  in.shape.erase(in.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return in;
}

Array with_axis(Array in, std::size_t axis) {
  require(axis <= in.shape.size(), "an axis out of range");
  in.shape.insert(in.shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  return in;
}

Array concatenated(const std::vector<Array>& parts, std::size_t axis) {
  require(!parts.empty() && axis < parts.front().shape.size(), "a concatenation of nothing");
  Shape shape = parts.front().shape;
  shape[axis] = 0;
  for (const Array& part : parts) {
    require(part.shape.size() == shape.size(), "a concatenation of other ranks");
    for (std::size_t i = 0; i < shape.size(); ++i)
      require(i == axis || part.shape[i] == shape[i], "a concatenation that does not fit");
    shape[axis] += part.shape[axis];
  }
  Array out = make(parts.front().dtype, shape);
  const Around whole = around(shape, axis);
  std::size_t start = 0;
  for (const Array& part : parts) {
    const std::size_t run = part.shape[axis] * whole.inner;
    for (std::size_t o = 0; o < whole.outer; ++o)
      std::copy_n(
          part.values.begin() + static_cast<std::ptrdiff_t>(o * run), run,
          out.values.begin() + static_cast<std::ptrdiff_t>(o * whole.length * whole.inner + start));
    start += run;
  }
  return out;
}

Array matmul(const Array& a, const Array& b) {
  require(!a.shape.empty() && !b.shape.empty(), "a product of numbers");
  if (a.shape.size() == 1) {
    Array out = matmul(with_axis(a, 0), b);
    return without_axis(std::move(out), b.shape.size() == 1 ? 0 : out.shape.size() - 2);
  }
  if (b.shape.size() == 1) {
    Array out = matmul(a, with_axis(b, 1));
    const std::size_t last = out.shape.size() - 1;
    return without_axis(std::move(out), last);
  }
  const std::size_t m = a.shape[a.shape.size() - 2];
  const std::size_t k = a.shape.back();
  const std::size_t n = b.shape.back();
  if (b.shape[b.shape.size() - 2] != k)
    refuse(fmt::format("[{}] times [{}]", shape_text(a.shape), shape_text(b.shape)));
  const Shape batch = broadcast(batch_of(a.shape), batch_of(b.shape));
  const auto whole = [&](std::uint64_t rows, std::uint64_t columns) {
    Shape shape = batch;
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  };
  const Array left = expanded(a, whole(m, k));
  const Array right = b.shape.size() == 2 ? b : expanded(b, whole(k, n));
  const std::size_t step = b.shape.size() == 2 ? 0 : k * n;
  Array out = make(a.dtype, whole(m, n));
  for (std::size_t o = 0; o < count(batch); ++o)
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < k; ++j) {
        const double factor = left.values[(o * m + i) * k + j];
        const double* row = right.values.data() + o * step + j * n;
        double* to = out.values.data() + (o * m + i) * n;
        for (std::size_t l = 0; l < n; ++l) to[l] += factor * row[l];
      }
  return out;
}

}  // namespace mgit::interpreter
