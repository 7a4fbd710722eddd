// Arrays of the interpreter: float64 in C order, and moving their elements.
//
// Everything copies; networks that are proved are small. What does not fit is an Error, as are
// arrays of more than 2^26 elements.
#pragma once

#include <functional>

#include "mgit/graph.h"

namespace mgit::interpreter {

using Array = GraphTensor;
using Integers = std::vector<std::int64_t>;
using Strides = std::vector<std::size_t>;

[[noreturn]] void refuse(const std::string& what);
/// Refuses unless it holds.
void require(bool holds, const char* what);

/// Elements of an array of this shape.
std::size_t count(const Shape& shape);
/// Of zeros.
Array make(DType dtype, Shape shape);
Array scalar(DType dtype, double value);

/// An axis as ATen counts: from the end if negative.
std::size_t axis_of(std::int64_t dim, std::size_t rank);
std::vector<std::size_t> axes_of(const Integers& dims, std::size_t rank);

/// The array as [outer, length, inner] around an axis.
struct Around {
  std::size_t outer = 1;
  std::size_t length = 1;
  std::size_t inner = 1;
};
Around around(const Shape& shape, std::size_t axis);

Shape broadcast(const Shape& a, const Shape& b);
/// Elements offset + sum of index * stride.
Array strided(const Array& in, Shape shape, const Strides& strides, std::size_t offset = 0);
Array expanded(const Array& in, const Shape& shape);
Array permuted(const Array& in, const std::vector<std::size_t>& order);
Array swapped(const Array& in, std::size_t a, std::size_t b);
/// With as many elements.
Array reshaped(Array in, Shape shape);
/// One of the sizes may be -1.
Shape resolved(const Integers& sizes, std::size_t elements);
Array sliced(const Array& in, std::size_t axis, std::size_t start, std::size_t length,
             std::size_t step = 1);
Array without_axis(Array in, std::size_t axis);
Array with_axis(Array in, std::size_t axis);
Array concatenated(const std::vector<Array>& parts, std::size_t axis);

template <typename F>
Array map(const Array& in, F f) {
  Array out = in;
  for (double& value : out.values) value = f(value);
  return out;
}

/// With broadcasting.
template <typename F>
Array zip(const Array& a, const Array& b, F f) {
  if (a.shape == b.shape) {
    Array out = a;
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = f(a.values[i], b.values[i]);
    return out;
  }
  const Shape shape = broadcast(a.shape, b.shape);
  Array out = expanded(a, shape);
  const Array other = expanded(b, shape);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = f(out.values[i], other.values[i]);
  return out;
}

/// a [.., m, k] times b [.., k, n], batch axes broadcast; rank 1 as torch.matmul has it.
Array matmul(const Array& a, const Array& b);

}  // namespace mgit::interpreter
