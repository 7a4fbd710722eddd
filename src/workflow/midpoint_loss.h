// The midpoint of two models, run on data: what learned matching goes by.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/training_loss.h"
#include "match/method.h"
#include "merge/batch_norms.h"

namespace mgit {

/// Between A and B permuted, running variances follow from the weights, as in a merge. Samples are
/// dealt out by the seed: a fifth, at most a thousand, is held out; training batches are drawn from
/// the others, of about 2,000 targets (8 to 250 samples), or of as many samples as the graph takes.
/// The batch of `setting` does not count. Keeps references.
class DataMidpoint : public MidpointLoss {
 public:
  /// Throws Error as TrainingLoss, and for data of fewer than five samples.
  DataMidpoint(const EvaluatorOptions& setting, const Spec& spec, const TensorSource& a,
               const TensorSource& b, std::uint64_t seed);

  double gradient(const Permutation& permutation, int step, Gradient& gradient) override;
  double held_out(const Permutation& permutation) override;

 private:
  template <typename Run>
  double at(const Permutation& permutation, const Run& run);

  const Spec& spec_;
  const TensorSource& a_;
  const TensorSource& b_;
  std::uint64_t seed_;
  std::uint64_t batch_ = 0;  // training samples of a step
  std::vector<BatchNorm> norms_;
  TrainingLoss loss_;
  std::vector<std::uint64_t> held_out_;
  std::vector<std::uint64_t> training_;
};

}  // namespace mgit
