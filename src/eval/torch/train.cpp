// Small networks built and trained here, as TorchScript modules that can be saved.
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <random>
#include <stdexcept>

#include "eval/torch/network.h"

namespace mgit::torch_plugin {
namespace {

/// Our own draws: std::mt19937_64 gives the same numbers everywhere, distributions do not.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11U) * 0x1.0p-53; }

/// Uniform in +-1/sqrt(inputs), as torch.nn draws them: small enough that what remains after
/// training was learned.
at::Tensor random_weights(const std::vector<std::int64_t>& shape, std::mt19937_64& random) {
  at::Tensor weight = at::empty(shape);
  float* values = weight.data_ptr<float>();
  const double bound = 1 / std::sqrt(static_cast<double>(weight.numel() / shape.front()));
  for (std::int64_t i = 0; i < weight.numel(); ++i)
    values[i] = static_cast<float>(bound * (2 * uniform(random) - 1));
  return weight;
}

/// Makes the modules of one network. They share a compilation unit, as a saved network needs.
class Builder {
 public:
  explicit Builder(std::uint64_t seed) : random_(seed) {}

  torch::jit::Module module(const std::string& type) const {
    return torch::jit::Module("__torch__." + type, unit_, true);
  }

  torch::jit::Module linear(std::int64_t inputs, std::int64_t outputs) {
    return weighted("Linear", {outputs, inputs}, "torch.linear(x, self.weight, self.bias)");
  }

  /// 3 x 3, padded.
  torch::jit::Module convolution(std::int64_t inputs, std::int64_t outputs) {
    return weighted("Conv2d", {outputs, inputs, 3, 3},
                    "torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1], [1, 1], 1)");
  }

  torch::jit::Module batch_norm(std::int64_t channels) const {
    torch::jit::Module norm = module("BatchNorm2d");
    norm.register_attribute("training", c10::BoolType::get(), true);
    norm.register_parameter("weight", at::empty({channels}).fill_(1), false);
    norm.register_parameter("bias", at::empty({channels}).zero_(), false);
    norm.register_buffer("running_mean", at::empty({channels}).zero_());
    norm.register_buffer("running_var", at::empty({channels}).fill_(1));
    norm.register_buffer("num_batches_tracked", at::empty({}, at::kLong).zero_());
    norm.define(
        "def forward(self, x):\n"
        "  if self.training:\n"
        "    self.num_batches_tracked.add_(1)\n"
        "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean,\n"
        "      self.running_var, self.training, 0.1, 1e-05, False)\n");
    return norm;
  }

 private:
  torch::jit::Module weighted(const std::string& type, const std::vector<std::int64_t>& shape,
                              const std::string& call) {
    torch::jit::Module layer = module(type);
    layer.register_parameter("weight", random_weights(shape, random_), false);
    layer.register_parameter("bias", at::empty({shape.front()}).zero_(), false);
    layer.define("def forward(self, x):\n  return " + call + "\n");
    return layer;
  }

  std::shared_ptr<torch::jit::CompilationUnit> unit_ =
      std::make_shared<torch::jit::CompilationUnit>();
  std::mt19937_64 random_;
};

/// Linear layers with rectifiers between them; `name` gives the n-th its name.
torch::jit::Module make_perceptron(Builder& builder, const MgitTorchTraining& training,
                                   std::int64_t inputs,
                                   const std::function<std::string(std::uint64_t)>& name) {
  torch::jit::Module network = builder.module("MLP");
  std::string forward = "def forward(self, x):\n  x = torch.flatten(x, 1)\n";
  const auto width = static_cast<std::int64_t>(training.width);
  for (std::uint64_t layer = 0; layer <= training.hidden; ++layer) {
    const bool last = layer == training.hidden;
    network.register_module(
        name(layer), builder.linear(layer == 0 ? inputs : width,
                                    last ? static_cast<std::int64_t>(training.classes) : width));
    const std::string call = "getattr(self, \"" + name(layer) + "\").forward(x)";
    forward += last ? "  return " + call + "\n" : "  x = torch.relu(" + call + ")\n";
  }
  network.define(forward);
  return network;
}

/// Two convolutions, each with batch norm, a rectifier and pooling, named as torchvision's VGG.
torch::jit::Module make_features(Builder& builder, std::int64_t inputs, std::int64_t channels) {
  torch::jit::Module features = builder.module("Features");
  features.register_module("0", builder.convolution(inputs, channels));
  features.register_module("1", builder.batch_norm(channels));
  features.register_module("4", builder.convolution(channels, 2 * channels));
  features.register_module("5", builder.batch_norm(2 * channels));
  std::string forward = "def forward(self, x):\n";
  for (const char* layer : {"0", "1", "4", "5"})
    forward +=
        std::string("  x = getattr(self, \"") + layer + "\").forward(x)\n" +
        (*layer == '1' || *layer == '5'
             ? "  x = torch.max_pool2d(torch.relu(x), [2, 2], [2, 2], [0, 0], [1, 1], False)\n"
             : "");
  features.define(forward + "  return x\n");
  return features;
}

torch::jit::Module make_network(const MgitTorchTraining& training, const at::Tensor& input) {
  Builder builder(training.seed);
  if (training.channels == 0)
    return make_perceptron(builder, training, input.numel() / input.size(0),
                           [](std::uint64_t n) { return "fc" + std::to_string(n + 1); });
  if (input.dim() != 4) throw std::runtime_error("a convolution needs pictures: [N, C, H, W]");
  const auto channels = static_cast<std::int64_t>(training.channels);
  torch::jit::Module network = builder.module("VGG");
  network.register_module("features", make_features(builder, input.size(1), channels));
  network.register_module(
      "classifier",
      make_perceptron(builder, training, 2 * channels * (input.size(2) / 4) * (input.size(3) / 4),
                      [](std::uint64_t n) { return std::to_string(2 * n); }));
  network.define(
      "def forward(self, x):\n  return self.classifier.forward(self.features.forward(x))\n");
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
  torch::jit::Module network = make_network(training, input);
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
