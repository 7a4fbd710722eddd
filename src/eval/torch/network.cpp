#include "eval/torch/network.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace mgit::torch_plugin {
namespace {

struct DTypeName {
  std::string_view name;
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

std::string name_of(at::ScalarType type) {
  for (const DTypeName& entry : kDTypes)
    if (entry.type == type) return std::string(entry.name);
  return "";
}

Slot make_slot(const std::string& name, const at::Tensor& tensor, bool is_parameter) {
  Slot slot{name, name_of(tensor.scalar_type()), {}, tensor, is_parameter};
  for (const std::int64_t extent : tensor.sizes())
    slot.shape.push_back(static_cast<std::uint64_t>(extent));
  return slot;
}

}  // namespace

at::Tensor import_data(const MgitTorchTensor& tensor) {
  for (const DTypeName& entry : kDTypes) {
    if (entry.name != tensor.dtype) continue;
    std::vector<std::int64_t> sizes;
    for (std::uint64_t axis = 0; axis < tensor.rank; ++axis)
      sizes.push_back(static_cast<std::int64_t>(tensor.shape[axis]));
    at::Tensor copy = at::empty(sizes, at::TensorOptions().dtype(entry.type));
    if (copy.nbytes() != tensor.bytes)
      throw std::runtime_error(std::string(tensor.name) + " has not as many bytes as its shape");
    if (tensor.bytes > 0) std::memcpy(copy.data_ptr(), tensor.data, tensor.bytes);
    if (at::isFloatingType(entry.type)) return copy.to(at::kFloat);
    if (at::isIntegralType(entry.type, true)) return copy.to(at::kLong);
    break;
  }
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
