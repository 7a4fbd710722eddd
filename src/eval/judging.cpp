#include "mgit/judging.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "eval/curve.h"

namespace mgit {
namespace {

constexpr double kTail = 0.025;  // of the figures, on either side of an interval
constexpr std::uint64_t kSeed = 1;
constexpr std::size_t kGrid = 17;
constexpr double kWidest = 16;  // temperature, and its reciprocal

Interval interval(std::vector<double> figures) {
  for (double& figure : figures)
    if (std::isnan(figure)) figure = std::numeric_limits<double>::infinity();
  std::sort(figures.begin(), figures.end());
  const auto last = static_cast<double>(figures.size() - 1);
  return {figures[static_cast<std::size_t>(std::floor(kTail * last))],
          figures[static_cast<std::size_t>(std::ceil((1 - kTail) * last))]};
}

/// How often each sample is drawn, over their number.
std::vector<double> draw(Random& random, std::size_t samples) {
  std::vector<double> shares(samples);
  for (std::size_t i = 0; i < samples; ++i)
    shares[random.below(samples)] += 1 / static_cast<double>(samples);
  return shares;
}

double mean(const std::vector<double>& values, const std::vector<double>& shares) {
  double sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) sum += values[i] * shares[i];
  return sum;
}

using Samples = std::vector<std::size_t>;

double loss_of(const SampleScores& scores, std::size_t scale, const Samples& samples) {
  double sum = 0;
  for (const std::size_t i : samples) sum += scores.losses[scale * scores.samples + i];
  return sum / static_cast<double>(samples.size());
}

/// Of evenly spaced logarithms, and 1 behind them.
std::vector<double> scales_between(double low, double high) {
  std::vector<double> scales;
  for (std::size_t i = 0; i < kGrid; ++i)
    scales.push_back(std::exp(low + (high - low) * static_cast<double>(i) / (kGrid - 1)));
  scales.push_back(1);
  return scales;
}

std::size_t best_scale(const SampleScores& scores, std::size_t count, const Samples& samples) {
  std::size_t best = count - 1;  // 1, unless another is better
  for (std::size_t i = 0; i + 1 < count; ++i)
    if (loss_of(scores, i, samples) < loss_of(scores, best, samples)) best = i;
  return best;
}

}  // namespace

CurveIntervals bootstrap(const std::vector<double>& lambda, const std::vector<SampleScores>& points,
                         std::uint64_t resamples) {
  Random random(kSeed);
  std::vector<double> barriers;
  std::vector<double> barriers_paper;
  std::vector<std::vector<double>> losses(points.size());
  std::vector<std::vector<double>> accuracies(points.front().correct.empty() ? 0 : points.size());
  for (std::uint64_t draws = 0; draws < resamples; ++draws) {
    const std::vector<double> shares = draw(random, points.front().samples);
    std::vector<double> here(points.size());
    std::transform(points.begin(), points.end(), here.begin(),
                   [&](const SampleScores& point) { return mean(point.losses, shares); });
    barriers.push_back(barrier_over_line(lambda, here));
    barriers_paper.push_back(barrier_over_mean(here));
    for (std::size_t i = 0; i < points.size(); ++i) losses[i].push_back(here[i]);
    for (std::size_t i = 0; i < accuracies.size(); ++i)
      accuracies[i].push_back(mean(points[i].correct, shares));
  }
  CurveIntervals result{interval(std::move(barriers)), interval(std::move(barriers_paper)), {}, {}};
  for (auto& figures : losses) result.losses.push_back(interval(std::move(figures)));
  for (auto& figures : accuracies) result.accuracies.push_back(interval(std::move(figures)));
  return result;
}

/// The loss is convex in the scale: the best of a coarse grid has the best of all beside it.
std::optional<Calibration> calibrate(Evaluator& evaluator, const TensorSource& weights) {
  const double widest = std::log(kWidest);
  std::vector<double> scales = scales_between(-widest, widest);
  SampleScores scores = evaluator.scores(weights, scales);
  if (scores.correct.empty() || scores.samples < 2) return std::nullopt;
  // Data may be sorted by class, or take turns: halves are drawn.
  const Samples order = Random(kSeed).order(scores.samples);
  const auto half = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  const Samples chosen_on(order.begin(), half);
  const Samples judged_on(half, order.end());
  const double step = 2 * widest / (kGrid - 1);
  const double coarse = std::log(scales[best_scale(scores, scales.size(), chosen_on)]);
  scales = scales_between(std::max(coarse - step, -widest), std::min(coarse + step, widest));
  scores = evaluator.scores(weights, scales);
  const std::size_t best = best_scale(scores, scales.size(), chosen_on);
  return Calibration{1 / scales[best], loss_of(scores, best, judged_on),
                     loss_of(scores, scales.size() - 1, judged_on)};
}

}  // namespace mgit
