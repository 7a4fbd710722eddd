// F16 and BF16 by hand: compilers of Debian 12 have no portable std::float16_t.
#include <bit>
#include <cmath>
#include <cstring>

#include "mgit/tensor.h"

namespace mgit {
namespace {

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <typename T>
void save(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = half >> 10 & 31U;
  const std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -magnitude : magnitude;
}

float bfloat_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// Rounds a double once, to nearest even, to a binary format of 16 bits.
std::uint16_t round_to_16(double value, int mantissa_bits, int min_exponent, int max_exponent) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 48 & 0x8000U);
  const auto infinity = static_cast<std::uint16_t>(0x7fffU >> mantissa_bits << mantissa_bits);
  if (std::isnan(value))
    return static_cast<std::uint16_t>(sign | infinity | 1U << (mantissa_bits - 1));
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<std::uint16_t>(sign | infinity);
  if (magnitude == 0) return sign;
  // In units of the last place; the default rounding mode of nearbyint is to nearest even.
  const int exponent = std::max(std::ilogb(magnitude), min_exponent);
  const double units = std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
  // Adding units to the exponent field carries into it exactly as the format wants.
  const std::int64_t hidden = std::int64_t{1} << mantissa_bits;
  const std::int64_t field = static_cast<std::int64_t>(exponent - min_exponent) * hidden;
  const std::int64_t encoded = field + static_cast<std::int64_t>(units);
  const std::int64_t limit = static_cast<std::int64_t>(max_exponent - min_exponent + 2) * hidden;
  if (encoded >= limit) return static_cast<std::uint16_t>(sign | infinity);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(encoded));
}

template <typename Out>
void widen(const TensorView& tensor, std::span<Out> out) {
  const std::byte* data = tensor.data.data();
  switch (tensor.dtype) {
    case DType::kF32:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<Out>(load<float>(data + 4 * i));
      return;
    case DType::kF64:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<Out>(load<double>(data + 8 * i));
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<Out>(half_to_float(load<std::uint16_t>(data + 2 * i)));
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<Out>(bfloat_to_float(load<std::uint16_t>(data + 2 * i)));
      return;
    default:
      throw Error("dtype " + std::string(dtype_name(tensor.dtype)) + " is not computed with");
  }
}

void check_size(const TensorView& tensor, std::size_t elements) {
  if (byte_size(tensor.dtype, tensor.shape) != tensor.data.size() ||
      element_count(tensor.shape) != elements)
    throw Error("tensor data does not fit its shape " + shape_text(tensor.shape));
}

}  // namespace

void to_float(const TensorView& tensor, std::span<float> out) {
  check_size(tensor, out.size());
  if (tensor.dtype == DType::kF32) {
    if (!out.empty()) std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
    return;
  }
  widen(tensor, out);
}

void to_double(const TensorView& tensor, std::span<double> out) {
  check_size(tensor, out.size());
  widen(tensor, out);
}

void from_double(std::span<const double> values, DType dtype, std::span<std::byte> out) {
  if (out.size() * 8 != values.size() * dtype_bits(dtype))
    throw Error("output does not fit the values");
  std::byte* data = out.data();
  switch (dtype) {
    case DType::kF32:
      for (std::size_t i = 0; i < values.size(); ++i)
        save(data + 4 * i, static_cast<float>(values[i]));
      return;
    case DType::kF64:
      for (std::size_t i = 0; i < values.size(); ++i) save(data + 8 * i, values[i]);
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < values.size(); ++i)
        save(data + 2 * i, round_to_16(values[i], 10, -14, 15));
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < values.size(); ++i)
        save(data + 2 * i, round_to_16(values[i], 7, -126, 127));
      return;
    default:
      throw Error("dtype " + std::string(dtype_name(dtype)) + " is not computed with");
  }
}

}  // namespace mgit
