// A TorchScript network with its parameters by name and the data set it is evaluated on.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/torch_abi.h"

namespace mgit::torch_plugin {

struct Slot {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  at::Tensor tensor;
  bool is_parameter = false;
};

/// A copy of `tensor` in LibTorch's hands: floats as float32, integers as int64.
at::Tensor import_data(const MgitTorchTensor& tensor);

/// A copy of it, in its dtype.
at::Tensor copied(const MgitTorchTensor& tensor);

/// The dtype of a safetensors name, and back; nullopt and "" for what has none there.
std::optional<at::ScalarType> dtype_named(std::string_view name);
const char* name_of(at::ScalarType type);

/// Adds a batch's. `loss`: "cross_entropy" or "mse".
void add_loss(const std::string& loss, const at::Tensor& output, const at::Tensor& target,
              MgitTorchSums& sums);

/// The mean over all targets, F64; differentiable by what `output` came of.
at::Tensor mean_loss(const std::string& loss, const at::Tensor& output, const at::Tensor& target);

/// Of the samples from `begin` on.
void score(const std::string& loss, const at::Tensor& output, const at::Tensor& target,
           std::uint64_t begin, const MgitTorchScoring& scoring);

/// Throws std::runtime_error for what does not fit together, c10::Error for LibTorch's own.
MgitTorchResult evaluate(MgitTorchNetwork& network, const std::string& loss, std::int64_t batch);
void score_all(MgitTorchNetwork& network, const std::string& loss, std::int64_t batch,
               const MgitTorchScoring& scoring);

std::vector<at::Tensor> outputs(MgitTorchNetwork& network, std::int64_t batch);

/// Calls `take` with what modules return on samples [begin, end), a batch at a time, until it
/// returns false: float32, contiguous.
void activations(MgitTorchNetwork& network, const std::vector<std::string>& names,
                 std::int64_t begin, std::int64_t end, std::int64_t batch,
                 const std::function<bool(std::size_t name, const at::Tensor& values)>& take);

torch::jit::Module train(const MgitTorchTraining& training, const at::Tensor& input,
                         const at::Tensor& target);

}  // namespace mgit::torch_plugin

struct MgitTorchNetwork {
  /// Collects the slots; puts the module into evaluation mode.
  explicit MgitTorchNetwork(torch::jit::Module network);

  torch::jit::Module module;
  std::vector<mgit::torch_plugin::Slot> slots;
  at::Tensor input;
  at::Tensor target;
  std::vector<at::Tensor> kept;  // outputs to compare with, batch by batch
};
