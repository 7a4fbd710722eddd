// Operators of ATen by their names: the schema says what they take.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "eval/torch_abi.h"

struct MgitTorchValue {
  at::Tensor tensor;
  std::vector<std::uint64_t> shape;  // once it has been viewed
};

namespace mgit::torch_plugin {

/// Of ATen: "add".
bool is_operator(const std::string& op);

/// No operator takes these arguments.
struct NotTaken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The results, numbers as tensors of rank 0, lists flattened. Throws NotTaken, which names the
/// operator; c10::Error for LibTorch's own.
std::vector<at::Tensor> call_by_name(const MgitTorchCall& call);

}  // namespace mgit::torch_plugin
