#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "eval/layer_barriers.h"
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

/// The loss is the sum of all numbers of all tensors.
class SumEvaluator : public FakeEvaluator {
 public:
  SumEvaluator() : FakeEvaluator({}) {}
  Evaluation evaluate(const TensorSource& weights) override {
    double sum = 0;
    for (const TensorInfo& info : weights.tensors()) {
      std::vector<float> values(element_count(info.shape).value());
      to_float(weights.read(info.name).view, values);
      for (const float value : values) sum += static_cast<double>(value);
    }
    return {sum, std::nullopt, 1};
  }
};

/// A convolution with its norm, one that two convolutions feed, and two tied matrices.
MemoryModel layered_model(float value) {
  MemoryModel model;
  const auto add = [&](const std::string& name, const Shape& shape, float factor) {
    const std::vector<float> values(element_count(shape).value(), value * factor);
    const Bytes bytes = std::as_bytes(std::span(values));
    model.set({name, DType::kF32, shape}, Buffer(bytes.begin(), bytes.end()));
  };
  add("bn1.running_mean", {2}, 1);
  add("bn1.running_var", {2}, 2);
  add("bn1.weight", {2}, 4);
  add("conv1.weight", {2, 1}, 8);
  add("embed.weight", {3, 2}, 16);
  add("head.bias", {3}, 32);
  add("head.weight", {3, 2}, 16);
  add("out.running_var", {2}, 128);
  add("out.weight", {2}, 64);
  add("x.weight", {2, 2}, 256);
  add("y.weight", {2, 2}, 512);
  return model;
}

TEST(LayerBarriers, AreOfOneLayerWithItsNormAndWhatIsTiedToIt) {
  const std::vector<BatchNorm> norms = {
      {"bn1.running_var", {{0, 2, {{"conv1.weight"}}}}},
      {"out.running_var", {{0, 2, {{"x.weight"}, {"y.weight"}}}}},
  };
  const MemoryModel a = layered_model(1);
  const MemoryModel b = layered_model(3);
  const std::vector<ModelLayer> layers = model_layers(a, b, norms);
  std::vector<std::string> names;
  for (const ModelLayer& layer : layers) names.push_back(layer.name);
  using ::testing::ElementsAre;
  EXPECT_THAT(names, ElementsAre("conv1", "embed", "out", "x", "y"));
  EXPECT_THAT(layers[0].tensors,
              ElementsAre("bn1.running_mean", "bn1.running_var", "bn1.weight", "conv1.weight"));
  EXPECT_THAT(layers[1].tensors, ElementsAre("embed.weight", "head.bias", "head.weight"));
  EXPECT_THAT(layers[2].tensors, ElementsAre("out.weight"));

  SumEvaluator evaluator;
  const double ours = evaluator.evaluate(a).loss;
  int done = 0;
  const auto found =
      layer_barriers(evaluator, a, b, layers, norms, false, ours + 7, [&] { ++done; });
  EXPECT_EQ(done, 5);
  // In the middle a layer's tensors are 2 instead of 1: the loss rises by their sum in A.
  const std::vector<std::pair<std::string, double>> expected = {{"y", 4 * 512},
                                                                {"x", 4 * 256},
                                                                {"embed", 12 * 16 + 3 * 32},
                                                                {"out", 2 * 64},
                                                                {"conv1", 2 * (1 + 2 + 4 + 8)}};
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].layer, expected[i].first);
    EXPECT_NEAR(found[i].midpoint.loss, ours + expected[i].second, 1e-6);
    EXPECT_NEAR(found[i].barrier, expected[i].second - 7, 1e-6);
  }
  // Repaired, the norm that two layers feed has a variance by its weights, not A's.
  const auto repaired = layer_barriers(evaluator, a, b, layers, norms, true, ours);
  const auto x = std::find_if(repaired.begin(), repaired.end(),
                              [](const LayerBarrier& layer) { return layer.layer == "x"; });
  EXPECT_GT(std::abs(x->barrier - 4 * 256), 1);
}

}  // namespace
}  // namespace mgit
