// Runs the network over its data set in batches; sums in double, batch by batch, in order.
#include <ATen/ops/log_softmax.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <stdexcept>

#include "eval/torch/network.h"

namespace mgit::torch_plugin {
namespace {

std::string shape_of(const at::Tensor& tensor) {
  std::string text = "[";
  for (const std::int64_t extent : tensor.sizes())
    text += (text.size() > 1 ? "," : "") + std::to_string(extent);
  return text + "]";
}

at::Tensor first_tensor(const c10::IValue& output) {
  if (output.isTensor()) return output.toTensor();
  if (output.isTuple() && !output.toTupleRef().elements().empty()) {
    const c10::IValue& first = output.toTupleRef().elements()[0];
    if (first.isTensor()) return first.toTensor();
  }
  throw std::runtime_error("the network returns " + output.tagKind() + ", not a tensor");
}

/// Logits [N,C] with targets [N], or [.., C] with [..], flattened.
void add_cross_entropy(const at::Tensor& output, const at::Tensor& target, MgitTorchSums& sums) {
  if (target.scalar_type() != at::kLong)
    throw std::runtime_error("cross_entropy needs integer targets");
  if (output.dim() < 2 || output.numel() == 0 || output.numel() / output.size(-1) != target.numel())
    throw std::runtime_error("the network returns " + shape_of(output) + " for targets of shape " +
                             shape_of(target));
  const at::Tensor logits = output.reshape({-1, output.size(-1)}).to(at::kFloat);
  const at::Tensor classes = target.reshape({-1});
  if (classes.min().item<std::int64_t>() < 0 ||
      classes.max().item<std::int64_t>() >= logits.size(1))
    throw std::runtime_error("a target is not among the network's " +
                             std::to_string(logits.size(1)) + " classes");
  const at::Tensor chosen = at::log_softmax(logits, 1).gather(1, classes.unsqueeze(1));
  sums.loss -= chosen.to(at::kDouble).sum().item<double>();
  sums.correct +=
      static_cast<std::uint64_t>(logits.argmax(1).eq(classes).sum().item<std::int64_t>());
  sums.samples += static_cast<std::uint64_t>(classes.numel());
}

void add_mse(const at::Tensor& output, const at::Tensor& target, MgitTorchSums& sums) {
  if (output.numel() != target.numel())
    throw std::runtime_error("the network returns " + shape_of(output) + " for targets of shape " +
                             shape_of(target));
  const at::Tensor difference =
      output.reshape({-1}).to(at::kDouble).sub(target.reshape({-1}).to(at::kDouble));
  sums.loss += difference.square().sum().item<double>();
  sums.samples += static_cast<std::uint64_t>(target.numel());
}

}  // namespace

std::vector<at::Tensor> outputs(MgitTorchNetwork& network, std::int64_t batch) {
  const c10::InferenceMode no_gradients;
  std::vector<at::Tensor> all;
  const std::int64_t count = network.input.size(0);
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const std::int64_t end = std::min(begin + batch, count);
    all.push_back(first_tensor(network.module.forward({network.input.slice(0, begin, end)})));
  }
  return all;
}

void add_loss(const std::string& loss, const at::Tensor& output, const at::Tensor& target,
              MgitTorchSums& sums) {
  if (loss == "cross_entropy")
    add_cross_entropy(output, target, sums);
  else if (loss == "mse")
    add_mse(output, target, sums);
  else
    throw std::runtime_error("unknown loss '" + loss + "' (cross_entropy, mse)");
}

MgitTorchResult evaluate(MgitTorchNetwork& network, const std::string& loss, std::int64_t batch) {
  const c10::InferenceMode no_gradients;
  const std::int64_t count = network.input.size(0);
  MgitTorchSums sums{};
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const std::int64_t end = std::min(begin + batch, count);
    add_loss(loss, first_tensor(network.module.forward({network.input.slice(0, begin, end)})),
             network.target.slice(0, begin, end), sums);
  }
  const auto samples = static_cast<double>(sums.samples);
  return {sums.loss / samples, loss == "mse" ? -1.0 : static_cast<double>(sums.correct) / samples,
          sums.samples};
}

}  // namespace mgit::torch_plugin
