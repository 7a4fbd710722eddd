// train_pairs DIRECTORY: pairs of small networks for scenarios, trained in seconds on digits that
// the program draws, with the networks' graphs and pictures to evaluate them on. The same seeds
// every time.
#include <cstdio>
#include <filesystem>
#include <string>

#include "eval/digits.h"
#include "eval/labelled_images.h"
#include "eval/plugin.h"
#include "eval/safetensors_writer.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;

constexpr int kClasses = 10;

MgitTorchTraining perceptron(std::uint64_t seed) {
  return {.channels = 0,
          .width = 256,
          .hidden = 2,
          .classes = kClasses,
          .epochs = 6,
          .batch = 100,
          .seed = seed,
          .learning_rate = 3e-3,
          .weight_decay = 0.05,
          .epoch_done = nullptr,
          .context = nullptr};
}

MgitTorchTraining convolutional(std::uint64_t seed) {
  MgitTorchTraining training = perceptron(seed);
  training.channels = 16;
  training.width = 64;
  training.hidden = 1;
  training.epochs = 2;
  return training;
}

void train(const fs::path& checkpoint, const fs::path& graph, const MgitTorchTraining& training,
           const MemoryModel& data) {
  const TorchNetwork network =
      TorchNetwork::train(training, data.read("input").view, data.read("target").view);
  write_safetensors(checkpoint, network.weights());
  if (!graph.empty()) network.save(graph);
}

void train_pairs(const fs::path& directory) {
  fs::create_directories(directory);
  const MemoryModel digits = draw_digits(12000, 1);
  const auto [first, second] = biased_shares(digits, kClasses);
  write_safetensors(directory / "digits.safetensors", draw_digits(2000, 2));
  MemoryModel inputs;
  const MemoryModel unlabelled = draw_digits(1000, 3);
  const TensorData input = unlabelled.read("input");
  inputs.set(*unlabelled.find("input"), Buffer(input.view.data.begin(), input.view.data.end()));
  write_safetensors(directory / "calibration.safetensors", inputs);
  train(directory / "mlp-1.safetensors", directory / "mlp.torchscript.pt", perceptron(1), digits);
  train(directory / "mlp-2.safetensors", {}, perceptron(2), digits);
  train(directory / "share-1.safetensors", {}, perceptron(3), first);
  train(directory / "share-2.safetensors", {}, perceptron(4), second);
  train(directory / "vgg-1.safetensors", directory / "vgg.torchscript.pt", convolutional(1),
        digits);
  train(directory / "vgg-2.safetensors", {}, convolutional(2), digits);
}

}  // namespace
}  // namespace mgit

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: train_pairs DIRECTORY\n", stderr);
    return 2;
  }
  ::setenv("MGIT_THREADS", "1", 1);
  try {
    mgit::train_pairs(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_pairs: %s\n", error.what());
    return 1;
  }
  return 0;
}
