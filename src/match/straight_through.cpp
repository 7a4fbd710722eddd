#include "match/straight_through.h"

#include <cmath>

#include "match/descent.h"
#include "match/many_models.h"
#include "match/weighting.h"
#include "match/weights.h"

namespace mgit {
namespace {

/// How far a step moves a tensor, as part of its size, and how much of the step before goes on.
constexpr double kRate = 0.02;
constexpr double kMomentum = 0.9;

/// A copy of the matched tensors of a model that is moved, step by step.
class Latent {
 public:
  Latent(const Spec& spec, const TensorSource& model) : model_(model) {
    for (const SpecTensor& tensor : spec.tensors) {
      const TensorInfo* info = model.find(tensor.name);
      if (!tensor.match || info == nullptr || !is_arithmetic(info->dtype)) continue;
      Moving moving{std::vector<float>(element_count(info->shape).value())};
      to_float(model.read(tensor.name).view, moving.values);
      moving.size = std::sqrt(dot(moving.values, moving.values));
      moving_.emplace(tensor.name, std::move(moving));
    }
  }

  /// Down the gradient. Of each tensor a part of its own size, whatever that of its gradient.
  void step(const Gradient& gradient) {
    for (const auto& [name, slope] : gradient) {
      const auto found = moving_.find(name);
      if (found == moving_.end()) continue;
      Moving& moving = found->second;
      const double steep = std::sqrt(dot(slope, slope));
      moving.velocity.resize(slope.size());
      for (std::size_t i = 0; i < slope.size(); ++i) {
        moving.velocity[i] = static_cast<float>(
            kMomentum * moving.velocity[i] + (steep > 0 ? (1 - kMomentum) * slope[i] / steep : 0));
        moving.values[i] -= static_cast<float>(kRate * moving.size * moving.velocity[i]);
      }
    }
  }

  MemoryModel model() const {
    MemoryModel result;
    for (const TensorInfo& info : model_.tensors()) {
      const auto found = moving_.find(info.name);
      if (found == moving_.end()) {
        const TensorData data = model_.read(info.name);
        result.set(info, Buffer(data.view.data.begin(), data.view.data.end()));
        continue;
      }
      const Bytes bytes = std::as_bytes(std::span(found->second.values));
      result.set({info.name, DType::kF32, info.shape}, Buffer(bytes.begin(), bytes.end()));
    }
    return result;
  }

 private:
  struct Moving {
    std::vector<float> values;
    std::vector<float> velocity{};
    double size = 0;
  };
  const TensorSource& model_;
  std::map<std::string, Moving, std::less<>> moving_;
};

/// The best order so far, by its midpoint's loss on held-out samples.
class Incumbent {
 public:
  Incumbent(MidpointLoss& midpoint, const Permutation& still) : midpoint_(midpoint), best_(still) {
    losses_.before = losses_.after = midpoint.held_out(still);
  }
  double consider(const Permutation& permutation) {
    const double loss = midpoint_.held_out(permutation);
    if (loss < losses_.after) {
      losses_.after = loss;
      best_ = permutation;
    }
    return loss;
  }
  void begin(const Permutation& permutation) { losses_.by_weights = consider(permutation); }
  const Permutation& best() const { return best_; }
  const HeldOutLosses& losses() const { return losses_; }

 private:
  MidpointLoss& midpoint_;
  Permutation best_;
  HeldOutLosses losses_;
};

}  // namespace

MatchResult match_straight_through(const MatchingInput& input) {
  if (input.midpoint == nullptr)
    throw Error("learned matching needs labelled data", "", "match by weights: --method weights");
  const MatchOptions& options = input.options;
  Permutation current = match_weights(input.spec, input.a, input.b, options).permutation;
  Incumbent incumbent(*input.midpoint, identity_permutation(input.spec));
  incumbent.begin(current);
  const WeightedModels weighted(input.spec, input.a, input.b, options.weighting);
  Latent latent(weighted.spec(), weighted.a());
  for (int step = 0; step < options.steps; ++step) {
    Gradient gradient;
    const double loss = input.midpoint->gradient(current, step, gradient);
    latent.step(gradient);
    const MemoryModel moved = latent.model();
    const MatchProblem problem(weighted.spec(), moved, input.b);
    Descent descent(problem);
    descent.place(current);
    MatchOptions quiet = options;
    quiet.progress = {};
    descent.run(options.seed, quiet);
    if (descent.permutation() != current) {
      current = descent.permutation();
      incumbent.consider(current);
    }
    if (options.progress) options.progress(step + 1, loss);
  }
  MatchResult result = report_of(weighted.spec(), weighted.a(), input.b, incumbent.best());
  result.cosines.reset();  // of weighted models
  result.sweeps = options.steps;
  result.held_out = incumbent.losses();
  return result;
}

}  // namespace mgit
