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

}  // namespace

DataMidpoint::DataMidpoint(const EvaluatorOptions& setting, const Spec& spec, const TensorSource& a,
                           const TensorSource& b, std::uint64_t seed)
    : spec_(spec),
      a_(a),
      b_(b),
      seed_(seed),
      norms_(batch_norms(spec, b.tensors())),
      loss_(setting) {
  const std::uint64_t samples = loss_.samples();
  if (samples < 5)
    throw Error("too few samples to learn from", setting.data.string(), "five at least");
  for (const std::size_t each : Random(seed).order(samples)) training_.push_back(each);
  const auto held = static_cast<std::ptrdiff_t>(std::min(samples / 5, kMostHeldOut));
  held_out_.assign(training_.begin(), training_.begin() + held);
  training_.erase(training_.begin(), training_.begin() + held);
}

template <typename Run>
double DataMidpoint::at(const Permutation& permutation, const Run& run) {
  const PermutedModel moved(b_, spec_, permutation);
  const NormRepair repair(norms_, a_, moved);
  return run(InterpolatedModel(a_, moved, 0.5, &repair));
}

double DataMidpoint::gradient(const Permutation& permutation, int step, Gradient& gradient) {
  const std::uint64_t size = std::min<std::uint64_t>(
      std::clamp(kBatchTargets / loss_.targets_of_a_sample(), kSmallestBatch, kLargestBatch),
      training_.size());
  // An epoch after the other, each in an order of its own.
  const std::uint64_t batches = training_.size() / size;
  const std::uint64_t number = static_cast<std::uint64_t>(step);
  const auto order = Random(seed_ + 1 + number / batches).order(training_.size());
  std::vector<std::uint64_t> batch;
  for (std::uint64_t i = 0; i < size; ++i)
    batch.push_back(training_[order[number % batches * size + i]]);
  return at(permutation, [&](const TensorSource& midpoint) {
    return loss_.gradient(midpoint, batch, gradient);
  });
}

double DataMidpoint::held_out(const Permutation& permutation) {
  return at(permutation,
            [&](const TensorSource& midpoint) { return loss_.loss(midpoint, held_out_); });
}

}  // namespace mgit
