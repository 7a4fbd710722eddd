#include "eval/torch/network.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace mgit::torch_plugin {
namespace {

struct DTypeName {
  const char* name;
  at::ScalarType type;
};

constexpr std::array<DTypeName, 11> kDTypes{{{"F32", at::kFloat},
                                             {"F64", at::kDouble},
                                             {"F16", at::kHalf},
                                             {"BF16", at::kBFloat16},
                                             {"I64", at::kLong},
                                             {"I32", at::kInt},
                                             {"I16", at::kShort},
                                             {"I8", at::kChar},
                                             {"U8", at::kByte},
                                             {"BOOL", at::kBool},
                                             {"C64", at::kComplexFloat}}};

Slot make_slot(const std::string& name, const at::Tensor& tensor, bool is_parameter) {
  Slot slot{name, name_of(tensor.scalar_type()), {}, tensor, is_parameter};
  for (const std::int64_t extent : tensor.sizes())
    slot.shape.push_back(static_cast<std::uint64_t>(extent));
  return slot;
}

}  // namespace

std::optional<at::ScalarType> dtype_named(std::string_view name) {
  for (const DTypeName& entry : kDTypes)
    if (entry.name == name) return entry.type;
  return std::nullopt;
}

const char* name_of(at::ScalarType type) {
  for (const DTypeName& entry : kDTypes)
    if (entry.type == type) return entry.name;
  return "";
}

at::Tensor copied(const MgitTorchTensor& tensor) {
  const std::optional<at::ScalarType> type = dtype_named(tensor.dtype);
  if (!type)
    throw std::runtime_error(std::string("cannot use dtype ") + tensor.dtype + " for " +
                             tensor.name);
  std::vector<std::int64_t> sizes;
  for (std::uint64_t axis = 0; axis < tensor.rank; ++axis)
    sizes.push_back(static_cast<std::int64_t>(tensor.shape[axis]));
  at::Tensor copy = at::empty(sizes, at::TensorOptions().dtype(*type));
  if (copy.nbytes() != tensor.bytes)
    throw std::runtime_error(std::string(tensor.name) + " has not as many bytes as its shape");
  if (tensor.bytes > 0) std::memcpy(copy.data_ptr(), tensor.data, tensor.bytes);
  return copy;
}

at::Tensor import_data(const MgitTorchTensor& tensor) {
  const at::Tensor copy = copied(tensor);
  if (at::isFloatingType(copy.scalar_type())) return copy.to(at::kFloat);
  if (at::isIntegralType(copy.scalar_type(), true)) return copy.to(at::kLong);
  throw std::runtime_error(std::string("cannot use dtype ") + tensor.dtype + " for " + tensor.name);
}

}  // namespace mgit::torch_plugin

MgitTorchNetwork::MgitTorchNetwork(torch::jit::Module network) : module(std::move(network)) {
  using mgit::torch_plugin::make_slot;
  module.eval();
  for (const auto& parameter : module.named_parameters(true)) {
    parameter.value.requires_grad_(false);
    slots.push_back(make_slot(parameter.name, parameter.value, true));
  }
  for (const auto& buffer : module.named_buffers(true))
    slots.push_back(make_slot(buffer.name, buffer.value, false));
}
