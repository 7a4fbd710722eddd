#include <algorithm>
#include <cmath>
#include <limits>

#include "mgit/eval.h"
#include "mgit/merge.h"

namespace mgit {
namespace {

/// A loss that is not a number is worse than any other.
double comparable(double loss) {
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

void set_barriers(BarrierCurve& curve) {
  const double first = curve.points.front().loss;
  const double last = curve.points.back().loss;
  double above_line = -std::numeric_limits<double>::infinity();
  double highest = above_line;
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    const double loss = comparable(curve.points[i].loss);
    const double line = (1 - curve.lambda[i]) * first + curve.lambda[i] * last;
    above_line = std::max(above_line, loss - line);
    highest = std::max(highest, loss);
  }
  curve.barrier = above_line;
  curve.barrier_paper = highest - (first + last) / 2;
}

}  // namespace

BarrierCurve barrier_curve(Evaluator& evaluator, const TensorSource& a, const TensorSource& b,
                           int points, const std::function<void(int, int)>& progress,
                           const NormRepair* repair) {
  if (points < 2) throw UsageError("a curve needs at least 2 points");
  BarrierCurve curve;
  for (int i = 0; i < points; ++i) {
    const double lambda = static_cast<double>(i) / (points - 1);
    curve.lambda.push_back(lambda);
    curve.points.push_back(evaluator.evaluate(InterpolatedModel(a, b, lambda, repair)));
    if (progress) progress(i + 1, points);
  }
  set_barriers(curve);
  return curve;
}

}  // namespace mgit
