#include <algorithm>
#include <array>

#include "mgit/tensor.h"

namespace mgit {
namespace {

struct DTypeRow {
  std::string_view name;
  unsigned bits = 0;
  unsigned block_elements = 0;  // of quantised types: those of one block,
  unsigned block_bytes = 0;     // and ggml's block_* structure that holds them
};

// In the order of the enumeration.
constexpr std::array<DTypeRow, 49> kDTypes{{
    {"BOOL", 8},
    {"F4", 4},
    {"F6_E2M3", 6},
    {"F6_E3M2", 6},
    {"U8", 8},
    {"I8", 8},
    {"F8_E5M2", 8},
    {"F8_E4M3", 8},
    {"F8_E8M0", 8},
    {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8},
    {"I16", 16},
    {"U16", 16},
    {"F16", 16},
    {"BF16", 16},
    {"I32", 32},
    {"U32", 32},
    {"F32", 32},
    {"C64", 64},
    {"F64", 64},
    {"I64", 64},
    {"U64", 64},
    {"C128", 128},
    {"BYTES", 8},
    {"Q4_0", 0, 32, 18},
    {"Q4_1", 0, 32, 20},
    {"Q5_0", 0, 32, 22},
    {"Q5_1", 0, 32, 24},
    {"Q8_0", 0, 32, 34},
    {"Q2_K", 0, 256, 84},
    {"Q3_K", 0, 256, 110},
    {"Q4_K", 0, 256, 144},
    {"Q5_K", 0, 256, 176},
    {"Q6_K", 0, 256, 210},
    {"Q8_K", 0, 256, 292},
    {"IQ2_XXS", 0, 256, 66},
    {"IQ2_XS", 0, 256, 74},
    {"IQ3_XXS", 0, 256, 98},
    {"IQ1_S", 0, 256, 50},
    {"IQ4_NL", 0, 32, 18},
    {"IQ3_S", 0, 256, 110},
    {"IQ2_S", 0, 256, 82},
    {"IQ4_XS", 0, 256, 136},
    {"IQ1_M", 0, 256, 56},
    {"TQ1_0", 0, 256, 54},
    {"TQ2_0", 0, 256, 66},
    {"MXFP4", 0, 32, 17},
    {"NVFP4", 0, 64, 36},
    {"Q1_0", 0, 128, 18},
}};

const DTypeRow& row(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

bool is_quantised(DType dtype) { return row(dtype).block_elements != 0; }

/// Blocks run along the last axis.
std::optional<std::uint64_t> quantised_size(DType dtype, const Shape& shape) {
  const auto count = element_count(shape);
  std::uint64_t size = 0;
  if (!count || shape.empty() || shape.back() % row(dtype).block_elements != 0 ||
      __builtin_mul_overflow(*count / row(dtype).block_elements,
                             std::uint64_t{row(dtype).block_bytes}, &size))
    return std::nullopt;
  return size;
}

}  // namespace

std::string_view dtype_name(DType dtype) { return row(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i)
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

unsigned dtype_bits(DType dtype) { return row(dtype).bits; }

bool is_opaque(DType dtype) { return dtype == DType::kBytes || is_quantised(dtype); }

bool is_arithmetic(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32 ||
         dtype == DType::kF64;
}

std::string shape_text(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::uint64_t length : shape) {
    if (!text.empty()) text += ',';
    text += std::to_string(length);
  }
  return text;
}

Shape c_strides(const Shape& shape) {
  Shape strides(shape.size());
  std::uint64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

std::optional<std::uint64_t> element_count(const Shape& shape) {
  std::uint64_t count = 1;
  for (const std::uint64_t length : shape)
    if (__builtin_mul_overflow(count, length, &count)) return std::nullopt;
  return count;
}

std::optional<std::uint64_t> byte_size(DType dtype, const Shape& shape) {
  if (is_quantised(dtype)) return quantised_size(dtype, shape);
  const auto count = element_count(shape);
  std::uint64_t bits = 0;
  if (!count || __builtin_mul_overflow(*count, std::uint64_t{dtype_bits(dtype)}, &bits) ||
      bits % 8 != 0)
    return std::nullopt;
  return bits / 8;
}

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto& infos = tensors();
  const auto found = std::lower_bound(
      infos.begin(), infos.end(), name,
      [](const TensorInfo& info, std::string_view wanted) { return info.name < wanted; });
  return found != infos.end() && found->name == name ? &*found : nullptr;
}

void MemoryModel::set(TensorInfo info, Buffer data) {
  if (byte_size(info.dtype, info.shape) != data.size())
    throw Error("data does not fit the shape " + shape_text(info.shape), info.name);
  const auto place = std::lower_bound(
      infos_.begin(), infos_.end(), info.name,
      [](const TensorInfo& known, const std::string& name) { return known.name < name; });
  const auto index = place - infos_.begin();
  auto shared = std::make_shared<const Buffer>(std::move(data));
  if (place != infos_.end() && place->name == info.name) {
    *place = std::move(info);
    data_[static_cast<std::size_t>(index)] = std::move(shared);
  } else {
    infos_.insert(place, std::move(info));
    data_.insert(data_.begin() + index, std::move(shared));
  }
}

TensorData MemoryModel::read(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (info == nullptr) throw MissingError("no such tensor", std::string(name));
  const auto& data = data_[static_cast<std::size_t>(info - infos_.data())];
  return {{info->dtype, info->shape, *data}, data};
}

}  // namespace mgit
