// A perceptron built and trained here, as a TorchScript module that can be saved.
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "eval/torch/network.h"

namespace mgit::torch_plugin {
namespace {

/// Our own draws: std::mt19937_64 gives the same numbers everywhere, distributions do not.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11U) * 0x1.0p-53; }

/// Weights uniform in +-1/sqrt(inputs), as torch.nn.Linear draws them: small enough that what
/// remains after training was learned. Zero biases.
torch::jit::Module make_linear(const std::shared_ptr<torch::jit::CompilationUnit>& unit,
                               std::int64_t inputs, std::int64_t outputs, std::mt19937_64& random) {
  at::Tensor weight = at::empty({outputs, inputs});
  float* values = weight.data_ptr<float>();
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  for (std::int64_t i = 0; i < weight.numel(); ++i)
    values[i] = static_cast<float>(bound * (2 * uniform(random) - 1));
  torch::jit::Module linear("__torch__.Linear", unit, true);
  linear.register_parameter("weight", weight, false);
  linear.register_parameter("bias", at::empty({outputs}).zero_(), false);
  linear.define("def forward(self, x):\n  return torch.linear(x, self.weight, self.bias)\n");
  return linear;
}

torch::jit::Module make_perceptron(const MgitTorchTraining& training, std::int64_t inputs) {
  const auto unit = std::make_shared<torch::jit::CompilationUnit>();
  std::mt19937_64 random(training.seed);
  torch::jit::Module network("__torch__.MLP", unit, true);
  std::string forward = "def forward(self, x):\n  x = torch.flatten(x, 1)\n";
  const auto width = static_cast<std::int64_t>(training.width);
  for (std::uint64_t layer = 1; layer <= training.hidden + 1; ++layer) {
    const bool last = layer > training.hidden;
    const std::string name = "fc" + std::to_string(layer);
    network.register_module(
        name, make_linear(unit, layer == 1 ? inputs : width,
                          last ? static_cast<std::int64_t>(training.classes) : width, random));
    const std::string call = "self." + name + ".forward(x)";
    forward += last ? "  return " + call + "\n" : "  x = torch.relu(" + call + ")\n";
  }
  network.define(forward);
  return network;
}

at::Tensor shuffled(std::int64_t count, std::mt19937_64& random) {
  at::Tensor order = at::empty({count}, at::kLong);
  std::int64_t* indices = order.data_ptr<std::int64_t>();
  std::iota(indices, indices + count, std::int64_t{0});
  for (std::int64_t i = count - 1; i > 0; --i)
    std::swap(indices[i], indices[random() % static_cast<std::uint64_t>(i + 1)]);
  return order;
}

/// One cycle: up over the first fifth, then down to nothing along a cosine.
double rate_at(double progress) {
  constexpr double kWarm = 0.2;
  if (progress < kWarm) return 0.05 + 0.95 * progress / kWarm;
  return 0.5 * (1 + std::cos(std::numbers::pi * (progress - kWarm) / (1 - kWarm)));
}

}  // namespace

torch::jit::Module train(const MgitTorchTraining& training, const at::Tensor& input,
                         const at::Tensor& target) {
  const std::int64_t count = input.size(0);
  torch::jit::Module network = make_perceptron(training, input.numel() / count);
  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : network.parameters(true))
    parameters.push_back(parameter.requires_grad_(true));
  torch::optim::AdamW optimizer(
      parameters,
      torch::optim::AdamWOptions(training.learning_rate).weight_decay(training.weight_decay));
  auto& options =
      static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups().front().options());

  const auto batch = static_cast<std::int64_t>(training.batch);
  const std::int64_t steps = (count + batch - 1) / batch;
  const double all_steps = static_cast<double>(steps) * static_cast<double>(training.epochs);
  std::mt19937_64 random(training.seed ^ 0x9e3779b97f4a7c15ULL);
  double step = 0;
  for (std::uint64_t epoch = 0; epoch < training.epochs; ++epoch) {
    const at::Tensor order = shuffled(count, random);
    double sum = 0;
    for (std::int64_t begin = 0; begin < count; begin += batch, ++step) {
      options.lr(training.learning_rate * rate_at(step / all_steps));
      const at::Tensor chosen = order.slice(0, begin, std::min(begin + batch, count));
      optimizer.zero_grad();
      const at::Tensor loss =
          at::cross_entropy_loss(network.forward({input.index_select(0, chosen)}).toTensor(),
                                 target.index_select(0, chosen));
      loss.backward();
      optimizer.step();
      sum += loss.item<double>();
    }
    if (training.epoch_done != nullptr)
      training.epoch_done(training.context, epoch + 1, sum / static_cast<double>(steps));
  }
  return network;
}

}  // namespace mgit::torch_plugin
