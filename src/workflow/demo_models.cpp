#include "workflow/demo_models.h"

#include "base/progress.h"
#include "eval/digits.h"
#include "eval/idx.h"
#include "eval/labelled_images.h"

namespace mgit {
namespace {

constexpr std::uint64_t kTrainingPictures = 40000;
constexpr std::uint64_t kTestPictures = 10000;
constexpr int kClasses = 10;
constexpr std::uint64_t kEpochs = 10;

}  // namespace

DemoData make_demo_data(const std::filesystem::path& mnist, std::uint64_t seed) {
  const bool drawn = mnist.empty();
  const MemoryModel training =
      drawn ? draw_digits(kTrainingPictures, 2 * seed + 1) : read_mnist(mnist, "train");
  auto [first, second] = biased_shares(training, kClasses);
  return {std::move(first), std::move(second),
          drawn ? draw_digits(kTestPictures, 2 * seed + 2) : read_mnist(mnist, "t10k")};
}

TorchNetwork train_demo_network(const MemoryModel& share, std::uint64_t seed) {
  Progress progress("training", kEpochs);
  const MgitTorchTraining training{
      .channels = 0,
      .width = 256,
      .hidden = 3,
      .classes = kClasses,
      .epochs = kEpochs,
      .batch = 125,
      .seed = seed,
      .learning_rate = 3e-3,
      .weight_decay = 0.05,
      .epoch_done = [](void* context, std::uint64_t,
                       double) { static_cast<Progress*>(context)->advance(); },
      .context = &progress};
  return TorchNetwork::train(training, share.read("input").view, share.read("target").view);
}

std::uint64_t sample_count(const TensorSource& data) { return data.find("target")->shape.front(); }

}  // namespace mgit
