#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "eval/curve.h"
#include "mgit/eval.h"
#include "mgit/merge.h"

namespace mgit {
namespace {

/// A loss that is not a number is worse than any other.
double comparable(double loss) {
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

Evaluation evaluation_of(const SampleScores& scores) {
  Evaluation result{scores.loss(), std::nullopt, scores.samples};
  if (!scores.correct.empty())
    result.accuracy = std::accumulate(scores.correct.begin(), scores.correct.end(), 0.0) /
                      static_cast<double>(scores.samples);
  return result;
}

}  // namespace

double barrier_over_line(const std::vector<double>& lambda, const std::vector<double>& losses) {
  double result = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < losses.size(); ++i)
    result = std::max(result, comparable(losses[i]) -
                                  ((1 - lambda[i]) * losses.front() + lambda[i] * losses.back()));
  return result;
}

double barrier_over_mean(const std::vector<double>& losses) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const double loss : losses) highest = std::max(highest, comparable(loss));
  return highest - (losses.front() + losses.back()) / 2;
}

double SampleScores::loss(std::size_t scale) const {
  const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(scale * samples);
  return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(samples), 0.0) /
         static_cast<double>(samples);
}

BarrierCurve barrier_curve(Evaluator& evaluator, const TensorSource& a, const TensorSource& b,
                           int points, const std::function<void(int, int)>& progress,
                           const NormRepair* repair, std::vector<SampleScores>* scores) {
  if (points < 2) throw UsageError("a curve needs at least 2 points");
  BarrierCurve curve;
  std::vector<double> losses;
  for (int i = 0; i < points; ++i) {
    const double lambda = static_cast<double>(i) / (points - 1);
    curve.lambda.push_back(lambda);
    const InterpolatedModel model(a, b, lambda, repair);
    if (scores == nullptr) {
      curve.points.push_back(evaluator.evaluate(model));
    } else {
      scores->push_back(evaluator.scores(model, {1}));
      curve.points.push_back(evaluation_of(scores->back()));
    }
    losses.push_back(curve.points.back().loss);
    if (progress) progress(i + 1, points);
  }
  curve.barrier = barrier_over_line(curve.lambda, losses);
  curve.barrier_paper = barrier_over_mean(losses);
  return curve;
}

}  // namespace mgit
