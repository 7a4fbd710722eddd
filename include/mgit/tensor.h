// Tensors: dtype, shape, views over bytes, conversion, gather.
//
// All data is little-endian and row-major (C order), as in safetensors. Nothing here owns a file; a
// TensorSource hands out views together with what keeps them alive. Free functions are reentrant.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"

namespace mgit {

/// Every dtype of the safetensors format, by its name there; what PyTorch has beyond: C128; bytes
/// whose meaning mgit does not know; and the quantised types of ggml, blocks of elements that share
/// a scale.
enum class DType : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
  kC128,
  kBytes,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ8_K,
  kIq2Xxs,
  kIq2Xs,
  kIq3Xxs,
  kIq1S,
  kIq4Nl,
  kIq3S,
  kIq2S,
  kIq4Xs,
  kIq1M,
  kTq1_0,
  kTq2_0,
  kMxfp4,
  kNvfp4,
  kQ1_0
};

std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);
/// Bits of one element: 4 and 6 for the sub-byte floats, 0 for the quantised types.
unsigned dtype_bits(DType dtype);
/// Bytes and the quantised types: kept as they are, never computed with, never permuted.
bool is_opaque(DType dtype);
/// F16, BF16, F32, F64: the dtypes mgit computes with (matching, merging, cosine).
bool is_arithmetic(DType dtype);

using Shape = std::vector<std::uint64_t>;

/// "512,784"; "scalar" for rank 0.
std::string shape_text(const Shape& shape);
/// Strides of a tensor in C order, in elements.
Shape c_strides(const Shape& shape);
/// Number of elements; nullopt if it does not fit 64 bits.
std::optional<std::uint64_t> element_count(const Shape& shape);
/// Bytes of a tensor; nullopt on overflow, if the bits do not fill whole bytes, or if blocks do not
/// fill the last axis.
std::optional<std::uint64_t> byte_size(DType dtype, const Shape& shape);

/// Where a tensor's elements lie in a storage that it does not fill in C order: element i,j,.. is
/// element offset + i * strides[0] + j * strides[1] + .. of the storage.
struct Placement {
  std::uint64_t storage = 0;  // bytes of the storage
  std::uint64_t offset = 0;   // in elements, as the strides
  Shape strides;

  bool operator==(const Placement&) const = default;
};

/// Whether there are elements, of whole bytes and not opaque, and all lie inside the storage.
bool fits(DType dtype, const Shape& shape, const Placement& placement);
/// The one form of a placement that fits: an axis of length 1 has the stride of C order; nullopt if
/// the tensor fills its storage in C order.
std::optional<Placement> canonical(DType dtype, const Shape& shape, Placement placement);
/// The tensor's elements in C order. `placement` fits; `out` has byte_size(dtype, shape) bytes.
void gather_placed(Bytes storage, DType dtype, const Shape& shape, const Placement& placement,
                   std::span<std::byte> out);
/// The reverse: elements into their places, the rest of the storage as it was.
void scatter_placed(Bytes elements, DType dtype, const Shape& shape, const Placement& placement,
                    std::span<std::byte> storage);

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;

  std::size_t rank() const { return shape.size(); }
  bool operator==(const TensorInfo&) const = default;
};

/// A tensor somebody else owns.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  Bytes data;
};

/// A view and what keeps its bytes alive.
struct TensorData {
  TensorView view;
  std::shared_ptr<const void> owner;
};

/// A model as matching and merging see it: named tensors that can be read one by one.
/// Implementations are safe to read from several threads.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  /// Sorted by name, bytewise; names are unique.
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  /// Throws MissingError for a name that is not in tensors().
  virtual TensorData read(std::string_view name) const = 0;

  /// nullptr if there is no such tensor.
  const TensorInfo* find(std::string_view name) const;
};

/// A TensorSource in memory.
class MemoryModel : public TensorSource {
 public:
  /// Adds or replaces; `data` must have byte_size(dtype, shape) bytes.
  void set(TensorInfo info, Buffer data);
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  TensorData read(std::string_view name) const override;

 private:
  std::vector<TensorInfo> infos_;
  std::vector<std::shared_ptr<const Buffer>> data_;
};

/// Numbers out of an arithmetic tensor, exactly (F64 to float rounds to nearest even).
void to_float(const TensorView& tensor, std::span<float> out);
void to_double(const TensorView& tensor, std::span<double> out);
/// One rounding, to nearest even.
void from_double(std::span<const double> values, DType dtype, std::span<std::byte> out);

/// How many values are infinite or not a number; 0 for dtypes that are not arithmetic.
std::uint64_t count_non_finite(const TensorView& tensor);

/// One gather vector for an axis: out[i] = in[index[i]]. Empty means identity.
using Gather = std::vector<std::uint32_t>;

bool is_identity(const Gather& gather);
/// The gather g with out = inverse(gather) undoing it. `gather` must be a bijection.
Gather inverse(const Gather& gather);
/// First `first`, then `second`: result[i] = first[second[i]].
Gather compose(const Gather& first, const Gather& second);
/// True if `gather` is a bijection of 0..size-1.
bool is_bijection(const Gather& gather);

/// Applies one gather per axis: out[i0,i1,..] = in[g0[i0], g1[i1], ..]. `axes` has one entry per
/// axis, an empty one is the identity. Exact: bytes are moved, never computed with. Works for every
/// dtype of whole bytes that is not opaque. `out` has the size of the tensor and does not overlap
/// it.
void gather_axes(const TensorView& tensor, std::span<const Gather> axes, std::span<std::byte> out);
/// Gathers raw elements, each of `element_size` bytes.
void gather_axes(Bytes in, unsigned element_size, const Shape& shape, std::span<const Gather> axes,
                 std::span<std::byte> out);

}  // namespace mgit
