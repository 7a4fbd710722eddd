#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "mgit/eval.h"

namespace mgit {
namespace {

MemoryModel scalar_model(float value) {
  MemoryModel model;
  Buffer bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  model.set({"w", DType::kF32, {1}}, std::move(bytes));
  return model;
}

/// The loss is a given function of the one weight.
class FakeEvaluator : public Evaluator {
 public:
  explicit FakeEvaluator(std::function<double(double)> loss) : loss_(std::move(loss)) {}
  Evaluation evaluate(const TensorSource& weights) override {
    float value = 0;
    std::memcpy(&value, weights.read("w").view.data.data(), sizeof(value));
    return {loss_(static_cast<double>(value)), std::nullopt, 1};
  }
  SampleScores scores(const TensorSource& weights, const std::vector<double>&) override {
    const double loss = evaluate(weights).loss;
    return {2, {loss - 1, loss + 1}, {0, 1}};
  }
  double largest_output_change(const TensorSource& before, const TensorSource& after) override {
    return std::abs(evaluate(after).loss - evaluate(before).loss);
  }
  void activations(const TensorSource&, const ActivationRequest&,
                   const std::function<void(std::size_t, const TensorView&)>&) override {
    FAIL() << "a barrier looks at no activations";
  }

 private:
  std::function<double(double)> loss_;
};

TEST(BarrierCurve, OfAParabolaBetweenUnequalEnds) {
  // The chord from (0,1) to (1,3) is exceeded most in the middle, by 4 x 0.25.
  FakeEvaluator evaluator([](double x) { return 1 + 2 * x + 4 * x * (1 - x); });
  const BarrierCurve curve = barrier_curve(evaluator, scalar_model(0), scalar_model(1), 25);
  EXPECT_EQ(curve.points.size(), 25U);
  EXPECT_NEAR(curve.barrier, 1.0, 1e-6);
  // The maximum of 1+6x-4x² is 3.25 at x = 0.75; the mean of the ends is 2.
  EXPECT_NEAR(curve.barrier_paper, 1.25, 1e-6);
}

TEST(BarrierCurve, IsZeroNotNegativeOverAValley) {
  FakeEvaluator evaluator([](double x) { return 2 - x * (1 - x); });
  const BarrierCurve curve = barrier_curve(evaluator, scalar_model(0), scalar_model(1), 5);
  EXPECT_NEAR(curve.barrier, 0, 1e-9);
  EXPECT_NEAR(curve.barrier_paper, 0, 1e-9);
}

TEST(BarrierCurve, StartsAtTheFirstModelAndEndsAtTheSecond) {
  std::vector<double> seen;
  FakeEvaluator evaluator([&](double x) {
    seen.push_back(x);
    return x;
  });
  std::vector<int> progress;
  const BarrierCurve curve =
      barrier_curve(evaluator, scalar_model(0.1F), scalar_model(0.7F), 3, [&](int done, int total) {
        EXPECT_EQ(total, 3);
        progress.push_back(done);
      });
  EXPECT_THAT(curve.lambda, ::testing::ElementsAre(0, 0.5, 1));
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen.front(), static_cast<double>(0.1F));
  EXPECT_EQ(seen.back(), static_cast<double>(0.7F));
  EXPECT_THAT(progress, ::testing::ElementsAre(1, 2, 3));
}

TEST(BarrierCurve, ALossThatIsNoNumberIsAnInfiniteBarrier) {
  FakeEvaluator evaluator([](double x) { return x > 0.4 && x < 0.6 ? std::nan("") : 1.0; });
  const BarrierCurve curve = barrier_curve(evaluator, scalar_model(0), scalar_model(1), 5);
  EXPECT_TRUE(std::isinf(curve.barrier));
  EXPECT_TRUE(std::isinf(curve.barrier_paper));
}

TEST(BarrierCurve, OfSinglesSamplesHasTheirMeans) {
  FakeEvaluator evaluator([](double x) { return 1 + 2 * x + 4 * x * (1 - x); });
  std::vector<SampleScores> scores;
  const BarrierCurve curve =
      barrier_curve(evaluator, scalar_model(0), scalar_model(1), 5, {}, nullptr, &scores);
  const BarrierCurve plain = barrier_curve(evaluator, scalar_model(0), scalar_model(1), 5);
  EXPECT_EQ(scores.size(), 5u);
  EXPECT_NEAR(curve.barrier, plain.barrier, 1e-12);
  EXPECT_NEAR(curve.barrier_paper, plain.barrier_paper, 1e-12);
  EXPECT_EQ(curve.points[2].accuracy, 0.5);
  EXPECT_EQ(curve.points[2].samples, 2u);
}

TEST(BarrierCurve, NeedsTwoPoints) {
  FakeEvaluator evaluator([](double x) { return x; });
  EXPECT_THROW(barrier_curve(evaluator, scalar_model(0), scalar_model(1), 1), UsageError);
}

}  // namespace
}  // namespace mgit
