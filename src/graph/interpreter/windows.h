// Windows over space. Everything has three axes of space here, missing ones of length 1 in front.
#pragma once

#include <array>

#include "graph/interpreter/call.h"

namespace mgit::interpreter {

using Triple = std::array<std::size_t, 3>;

inline Triple triple(const std::vector<std::size_t>& values, std::size_t otherwise) {
  require(values.size() <= 3, "more than three axes of space");
  Triple result;
  result.fill(otherwise);
  std::copy_backward(values.begin(), values.end(), result.end());
  return result;
}

inline Triple lengths_of(const Shape& shape, std::size_t space) {
  return triple({shape.end() - static_cast<std::ptrdiff_t>(space), shape.end()}, 1);
}

inline std::size_t product(const Triple& values) { return values[0] * values[1] * values[2]; }

/// Calls f for each place of a box.
template <typename F>
void each_place(const Triple& lengths, F f) {
  Triple at{};
  for (at[0] = 0; at[0] < lengths[0]; ++at[0])
    for (at[1] = 0; at[1] < lengths[1]; ++at[1])
      for (at[2] = 0; at[2] < lengths[2]; ++at[2]) f(at);
}

inline std::size_t offset_of(const Triple& at, const Triple& lengths) {
  return (at[0] * lengths[1] + at[1]) * lengths[2] + at[2];
}

/// How windows lie over a space.
struct Windows {
  Triple kernel{};
  Triple stride{};
  Triple before{};  // padding
  Triple after{};
  Triple dilation{};

  std::size_t reach(std::size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }

  /// Where a window's element lies in the space; nullopt: in the padding.
  std::optional<Triple> place(const Triple& window, const Triple& element,
                              const Triple& lengths) const {
    Triple result{};
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t padded = window[i] * stride[i] + element[i] * dilation[i];
      if (padded < before[i] || padded - before[i] >= lengths[i]) return std::nullopt;
      result[i] = padded - before[i];
    }
    return result;
  }

  void check() const {
    for (std::size_t i = 0; i < 3; ++i)
      for (const std::size_t value : {kernel[i], stride[i], dilation[i]})
        require(value > 0 && value < (1 << 14) && before[i] < (1 << 14) && after[i] < (1 << 14),
                "a window of no or of huge size");
  }

  Triple count_in(const Triple& lengths, bool rounded_up = false) const {
    check();
    Triple result{};
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t padded = lengths[i] + before[i] + after[i];
      require(padded >= reach(i), "a window that is larger than its space");
      const std::size_t room = padded - reach(i) + (rounded_up ? stride[i] - 1 : 0);
      result[i] = room / stride[i] + 1;
      if (rounded_up && (result[i] - 1) * stride[i] >= lengths[i] + before[i]) --result[i];
    }
    return result;
  }
};

inline Shape with_space(Shape shape, std::size_t space, const Triple& lengths) {
  for (std::size_t i = 0; i < space; ++i) shape[shape.size() - space + i] = lengths[3 - space + i];
  return shape;
}

}  // namespace mgit::interpreter
