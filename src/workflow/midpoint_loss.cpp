#include "workflow/midpoint_loss.h"

#include <algorithm>

#include "base/random.h"
#include "merge/norm_repair.h"
#include "mgit/merge.h"

namespace mgit {
namespace {

constexpr std::uint64_t kMostHeldOut = 1000;
constexpr std::uint64_t kBatchTargets = 2000;
constexpr std::uint64_t kSmallestBatch = 8;
constexpr std::uint64_t kLargestBatch = 250;

/// Where the graph leaves open how many samples it takes, and as it is read then, as many as a step
/// is made of: with more, each step would be filled up.
EvaluatorOptions in_steps(EvaluatorOptions setting) {
  setting.batch =
      std::clamp(kBatchTargets / targets_of_a_sample(setting.data), kSmallestBatch, kLargestBatch);
  return setting;
}

}  // namespace

DataMidpoint::DataMidpoint(const EvaluatorOptions& setting, const Spec& spec, const TensorSource& a,
                           const TensorSource& b, std::uint64_t seed)
    : spec_(spec),
      a_(a),
      b_(b),
      seed_(seed),
      norms_(batch_norms(spec, b.tensors())),
      loss_(in_steps(setting)) {
  const std::uint64_t samples = loss_.samples();
  if (samples < 5)
    throw Error("too few samples to learn from", setting.data.string(), "five at least");
  for (const std::size_t each : Random(seed).order(samples)) training_.push_back(each);
  const auto held = static_cast<std::ptrdiff_t>(std::min(samples / 5, kMostHeldOut));
  held_out_.assign(training_.begin(), training_.begin() + held);
  training_.erase(training_.begin(), training_.begin() + held);
  batch_ = std::min<std::uint64_t>(loss_.batch_size(a), training_.size());
}

template <typename Run>
double DataMidpoint::at(const Permutation& permutation, const Run& run) {
  const PermutedModel moved(b_, spec_, permutation);
  const NormRepair repair(norms_, a_, moved);
  return run(InterpolatedModel(a_, moved, 0.5, &repair));
}

double DataMidpoint::gradient(const Permutation& permutation, int step, Gradient& gradient) {
  // An epoch after the other, each in an order of its own.
  const std::uint64_t batches = training_.size() / batch_;
  const std::uint64_t number = static_cast<std::uint64_t>(step);
  const auto order = Random(seed_ + 1 + number / batches).order(training_.size());
  std::vector<std::uint64_t> batch;
  for (std::uint64_t i = 0; i < batch_; ++i)
    batch.push_back(training_[order[number % batches * batch_ + i]]);
  return at(permutation, [&](const TensorSource& midpoint) {
    return loss_.gradient(midpoint, batch, gradient);
  });
}

double DataMidpoint::held_out(const Permutation& permutation) {
  return at(permutation,
            [&](const TensorSource& midpoint) { return loss_.loss(midpoint, held_out_); });
}

}  // namespace mgit
