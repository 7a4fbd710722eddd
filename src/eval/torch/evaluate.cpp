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

/// Logits [N,C] with targets [N].
struct Classified {
  at::Tensor logits;
  at::Tensor classes;

  at::Tensor losses(double scale) const {
    const at::Tensor scaled = scale == 1 ? logits : logits.mul(scale);
    return at::log_softmax(scaled, 1).gather(1, classes.unsqueeze(1)).to(at::kDouble).neg();
  }
  at::Tensor correct() const { return logits.argmax(1).eq(classes); }
};

/// Of logits [N,C] with targets [N], or [.., C] with [..].
Classified classified(const at::Tensor& output, const at::Tensor& target) {
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
  return {logits, classes};
}

at::Tensor squared_differences(const at::Tensor& output, const at::Tensor& target) {
  if (output.numel() != target.numel())
    throw std::runtime_error("the network returns " + shape_of(output) + " for targets of shape " +
                             shape_of(target));
  return output.reshape({-1}).to(at::kDouble).sub(target.reshape({-1}).to(at::kDouble)).square();
}

[[noreturn]] void refuse_loss(const std::string& loss) {
  throw std::runtime_error("unknown loss '" + loss + "' (cross_entropy, mse)");
}

/// Calls with what the network returned, its targets, and the first sample, batch by batch.
template <typename Take>
void run_batches(MgitTorchNetwork& network, std::int64_t batch, const Take& take) {
  const c10::InferenceMode no_gradients;
  const std::int64_t count = network.input.size(0);
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    const std::int64_t end = std::min(begin + batch, count);
    take(first_tensor(network.module.forward({network.input.slice(0, begin, end)})),
         network.target.slice(0, begin, end), begin);
  }
}

}  // namespace

std::vector<at::Tensor> outputs(MgitTorchNetwork& network, std::int64_t batch) {
  std::vector<at::Tensor> all;
  run_batches(network, batch, [&](const at::Tensor& output, const at::Tensor&, std::int64_t) {
    all.push_back(output);
  });
  return all;
}

void add_loss(const std::string& loss, const at::Tensor& output, const at::Tensor& target,
              MgitTorchSums& sums) {
  if (loss == "cross_entropy") {
    const Classified found = classified(output, target);
    sums.loss += found.losses(1).sum().item<double>();
    sums.correct += static_cast<std::uint64_t>(found.correct().sum().item<std::int64_t>());
  } else if (loss == "mse") {
    sums.loss += squared_differences(output, target).sum().item<double>();
  } else {
    refuse_loss(loss);
  }
  sums.samples += static_cast<std::uint64_t>(target.numel());
}

at::Tensor mean_loss(const std::string& loss, const at::Tensor& output, const at::Tensor& target) {
  if (loss == "cross_entropy") return classified(output, target).losses(1).mean();
  if (loss == "mse") return squared_differences(output, target).mean();
  refuse_loss(loss);
}

void score(const std::string& loss, const at::Tensor& output, const at::Tensor& target,
           std::uint64_t begin, const MgitTorchScoring& scoring) {
  const auto rows = static_cast<std::uint64_t>(target.size(0));
  if (begin + rows > scoring.samples) throw std::runtime_error("more samples than the data has");
  const auto put = [&](const at::Tensor& of_targets, double* out) {
    const at::Tensor means =
        of_targets.to(at::kDouble).reshape({static_cast<std::int64_t>(rows), -1}).mean(1);
    std::copy_n(means.contiguous().data_ptr<double>(), rows, out + begin);
  };
  if (loss == "cross_entropy") {
    const Classified found = classified(output, target);
    put(found.correct(), scoring.correct);
    for (std::uint64_t i = 0; i < scoring.count; ++i)
      put(found.losses(scoring.scales[i]), scoring.losses + i * scoring.samples);
  } else if (loss == "mse") {
    const at::Tensor squares = squared_differences(output, target);
    for (std::uint64_t i = 0; i < scoring.count; ++i)
      put(squares, scoring.losses + i * scoring.samples);
  } else {
    refuse_loss(loss);
  }
}

MgitTorchResult evaluate(MgitTorchNetwork& network, const std::string& loss, std::int64_t batch) {
  MgitTorchSums sums{};
  run_batches(network, batch,
              [&](const at::Tensor& output, const at::Tensor& target, std::int64_t) {
                add_loss(loss, output, target, sums);
              });
  const auto samples = static_cast<double>(sums.samples);
  return {sums.loss / samples, loss == "mse" ? -1.0 : static_cast<double>(sums.correct) / samples,
          sums.samples};
}

void score_all(MgitTorchNetwork& network, const std::string& loss, std::int64_t batch,
               const MgitTorchScoring& scoring) {
  run_batches(network, batch,
              [&](const at::Tensor& output, const at::Tensor& target, std::int64_t begin) {
                score(loss, output, target, static_cast<std::uint64_t>(begin), scoring);
              });
}

}  // namespace mgit::torch_plugin
