// Intervals of barriers, and how much of a loss is calibration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "mgit/judging.h"

namespace mgit {
namespace {

/// Three points, whose losses are normal around 1, `middle` and 1, with one deviation.
std::vector<SampleScores> normal_scores(std::size_t samples, double middle, std::uint64_t seed) {
  Random random(seed);
  std::vector<SampleScores> points(3);
  for (SampleScores& point : points) {
    point.samples = samples;
    const double mean = &point == &points[1] ? middle : 1;
    for (std::size_t i = 0; i < samples; ++i) {
      point.losses.push_back(mean + random.normal());
      point.correct.push_back(random.uniform() < 0.8 ? 1 : 0);
    }
  }
  return points;
}

TEST(Bootstrap, NineteenOfTwentyIntervalsHoldTheBarrier) {
  // Where the middle is far above the ends the barrier is a difference of means, of variance
  // (1 + 1/4 + 1/4) / n.
  int held = 0;
  int accurate = 0;
  double width = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    const CurveIntervals found =
        bootstrap({0, 0.5, 1}, normal_scores(200, 3, static_cast<std::uint64_t>(trial)), 300);
    held += found.barrier.low <= 2 && 2 <= found.barrier.high ? 1 : 0;
    accurate += found.accuracies[1].low <= 0.8 && 0.8 <= found.accuracies[1].high ? 1 : 0;
    width += (found.barrier.high - found.barrier.low) / kTrials;
  }
  EXPECT_GE(held, kTrials * 89 / 100);
  EXPECT_LE(held, kTrials * 99 / 100);
  EXPECT_GE(accurate, kTrials * 88 / 100);
  EXPECT_NEAR(width, 2 * 1.96 * std::sqrt(1.5 / 200), 0.03);
}

TEST(Bootstrap, IsTheSameEveryTimeAndOfOneDrawForAllPoints) {
  std::vector<SampleScores> points = normal_scores(50, 1, 1);
  points[1] = points[2] = points[0];
  for (double& loss : points[1].losses) loss += 0.25;
  const CurveIntervals found = bootstrap({0, 0.5, 1}, points, 100);
  EXPECT_NEAR(found.barrier.low, 0.25, 1e-12);
  EXPECT_NEAR(found.barrier.high, 0.25, 1e-12);
  EXPECT_GT(found.losses[0].high - found.losses[0].low, 0.1);
  EXPECT_EQ(bootstrap({0, 0.5, 1}, points, 100).losses[0].low, found.losses[0].low);
}

TEST(Bootstrap, ALossThatIsNoNumberIsAnInfiniteBarrier) {
  std::vector<SampleScores> points = normal_scores(20, 1, 1);
  points[1].losses.assign(20, std::nan(""));
  points[1].correct.clear();
  points[0].correct.clear();
  const CurveIntervals found = bootstrap({0, 0.5, 1}, points, 10);
  EXPECT_TRUE(std::isinf(found.barrier.low));
  EXPECT_THAT(found.accuracies, ::testing::IsEmpty());
}

/// Two classes; the difference of the logits is `sharpness` times what it should be.
class TwoClasses : public Evaluator {
 public:
  TwoClasses(std::size_t samples, double sharpness) : sharpness_(sharpness) {
    Random random(7);
    for (std::size_t i = 0; i < samples; ++i) {
      const double logit = 2 * random.normal();
      logits_.push_back(random.uniform() < 1 / (1 + std::exp(-logit)) ? logit : -logit);
    }
  }
  Evaluation evaluate(const TensorSource&) override { return {}; }
  SampleScores scores(const TensorSource&, const std::vector<double>& scales) override {
    ++runs;
    SampleScores result{logits_.size(), {}, std::vector<double>(logits_.size(), 1)};
    for (const double scale : scales)
      for (const double logit : logits_)
        result.losses.push_back(std::log1p(std::exp(-logit * scale * sharpness_)));
    return result;
  }
  double largest_output_change(const TensorSource&, const TensorSource&) override { return 0; }
  void activations(const TensorSource&, const ActivationRequest&,
                   const std::function<void(std::size_t, const TensorView&)>&) override {}

  int runs = 0;

 private:
  double sharpness_;
  std::vector<double> logits_;  // of the right class over the other
};

TEST(Calibrate, FindsTheTemperatureThatWasLeftOut) {
  for (const double sharpness : {0.2, 1.0, 3.0, 9.0}) {
    TwoClasses evaluator(20000, sharpness);
    const auto found = calibrate(evaluator, MemoryModel());
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->temperature / sharpness, 1, 0.08) << sharpness;
    EXPECT_LE(found->loss, found->uncalibrated + 1e-4);
    EXPECT_EQ(evaluator.runs, 2);
    TwoClasses right(20000, 1);
    EXPECT_NEAR(found->loss, calibrate(right, MemoryModel())->uncalibrated, 1e-3);
  }
}

TEST(Calibrate, StaysInItsRange) {
  TwoClasses evaluator(1000, 1000);
  EXPECT_NEAR(calibrate(evaluator, MemoryModel())->temperature, 16, 1e-9);
}

TEST(Calibrate, NeedsTwoSamples) {
  TwoClasses evaluator(1, 1);
  EXPECT_FALSE(calibrate(evaluator, MemoryModel()));
}

}  // namespace
}  // namespace mgit
