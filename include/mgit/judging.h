// How sure a barrier is, and how much of it is calibration.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mgit/eval.h"

namespace mgit {

/// Where 95 of 100 figures of resampled data lie.
struct Interval {
  double low = 0;
  double high = 0;
};

/// Of a curve, if its data had been another draw from where it came from.
struct CurveIntervals {
  Interval barrier;
  Interval barrier_paper;
  std::vector<Interval> losses;      // of each point
  std::vector<Interval> accuracies;  // empty where it is no classification
};

/// Draws as many samples as there are, with repetition, `resamples` times; all points of the curve
/// are judged by one draw. Deterministic. `points`: what the samples cost at each point, of one
/// scale. The barrier, a maximum, leans upwards: where the line is flat its interval begins at 0.
CurveIntervals bootstrap(const std::vector<double>& lambda, const std::vector<SampleScores>& points,
                         std::uint64_t resamples);

/// A model whose logits are divided by one number, chosen on a random half of the
/// samples, judged on the other.
struct Calibration {
  double temperature = 1;   // 1/16 to 16
  double loss = 0;          // on the samples that it was not chosen on
  double uncalibrated = 0;  // the loss without it, on the same samples
};

/// nullopt where the loss has no logits (mse), or there is no second sample. Runs the network
/// twice. Throws as Evaluator::evaluate.
std::optional<Calibration> calibrate(Evaluator& evaluator, const TensorSource& weights);

}  // namespace mgit
