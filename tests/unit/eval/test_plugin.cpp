// The plugin: trained and real networks. Skipped, loudly, where the plugin or the data is absent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/mapped_file.h"
#include "base/os.h"
#include "eval/digits.h"
#include "eval/idx.h"
#include "eval/plugin.h"
#include "eval/safetensors_writer.h"
#include "mgit/eval.h"
#include "mgit/format.h"
#include "support/support.h"
#include "with_plugin.h"
#include "written_network.h"

namespace mgit {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using ::testing::HasSubstr;
using testing::load;

class Plugin : public testing::WithPlugin {
 protected:
  testing::TemporaryDirectory directory_;
};

MgitTorchTraining small_training(std::uint64_t seed) {
  return {.channels = 0,
          .width = 32,
          .hidden = 2,
          .classes = 10,
          .epochs = 3,
          .batch = 50,
          .seed = seed,
          .learning_rate = 5e-3,
          .weight_decay = 0.01,
          .epoch_done = nullptr,
          .context = nullptr};
}

/// A network trained for a moment, saved with its data.
class TrainedNetwork : public Plugin {
 protected:
  void SetUp() override {
    Plugin::SetUp();
    if (IsSkipped()) return;
    const MemoryModel data = draw_digits(2000, 1);
    const TorchNetwork network = train(1);
    weights_ = network.weights();
    options_ = {.graph = directory_.path() / "net.pt", .data = directory_.path() / "data"};
    network.save(options_.graph);
    write_safetensors(options_.data, data);
  }

  static TorchNetwork train(std::uint64_t seed) {
    const MemoryModel data = draw_digits(2000, 1);
    return TorchNetwork::train(small_training(seed), data.read("input").view,
                               data.read("target").view);
  }

  /// The weights with one tensor taken away.
  MemoryModel without(const std::string& name) const {
    MemoryModel model;
    for (const TensorInfo& info : weights_.tensors())
      if (info.name != name) model.set(info, copy_of(info.name));
    return model;
  }

  Buffer copy_of(const std::string& name) const {
    const Bytes data = weights_.read(name).view.data;
    return {data.begin(), data.end()};
  }

  std::string evaluation_error(const TensorSource& weights) const {
    return error_of([&] { open_evaluator(options_)->evaluate(weights); });
  }

  MemoryModel weights_;
  EvaluatorOptions options_;
};

TEST_F(TrainedNetwork, LearnsAndIsReproducible) {
  const Evaluation result = open_evaluator(options_)->evaluate(weights_);
  EXPECT_GT(result.accuracy.value_or(0), 0.6);
  EXPECT_EQ(result.samples, 2000U);
  const MemoryModel again = train(1).weights();
  const MemoryModel other = train(2).weights();
  EXPECT_EQ(as_text(again.read("fc2.weight").view.data),
            as_text(weights_.read("fc2.weight").view.data));
  EXPECT_NE(as_text(other.read("fc2.weight").view.data),
            as_text(weights_.read("fc2.weight").view.data));
}

TEST_F(TrainedNetwork, HasTheNamesOfAPerceptron) {
  std::vector<std::string> names;
  for (const TensorInfo& info : weights_.tensors()) names.push_back(info.name);
  EXPECT_THAT(names, ::testing::ElementsAre("fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight",
                                            "fc3.bias", "fc3.weight"));
  EXPECT_EQ(weights_.find("fc1.weight")->shape, (Shape{32, 256}));
}

TEST_F(TrainedNetwork, TheSavedNetworkTakesWhateverWeightsItIsGiven) {
  const auto evaluator = open_evaluator(options_);
  const double own = evaluator->evaluate(weights_).loss;
  const double other = evaluator->evaluate(train(2).weights()).loss;
  EXPECT_NE(own, other);
  EXPECT_EQ(evaluator->evaluate(weights_).loss, own);
}

TEST_F(TrainedNetwork, TheBatchSizeDoesNotMatter) {
  const double whole = open_evaluator(options_)->evaluate(weights_).loss;
  options_.batch = 7;
  EXPECT_NEAR(open_evaluator(options_)->evaluate(weights_).loss, whole, 1e-6);
}

TEST_F(TrainedNetwork, ScoresOfSamplesAddUpToWhatAllCost) {
  options_.batch = 300;
  const auto evaluator = open_evaluator(options_);
  const Evaluation all = evaluator->evaluate(weights_);
  const SampleScores scores = evaluator->scores(weights_, {1, 0, 2});
  EXPECT_EQ(scores.samples, 2000u);
  EXPECT_EQ(scores.losses.size(), 6000u);
  EXPECT_NEAR(scores.loss(), all.loss, 1e-9);
  EXPECT_NEAR(scores.loss(1), std::log(10.0), 1e-6);  // all ten digits alike
  EXPECT_NE(scores.loss(2), scores.loss());
  double correct = 0;
  for (const double each : scores.correct) correct += each;
  EXPECT_EQ(correct / 2000, all.accuracy);
  EXPECT_NE(scores.losses[0], scores.losses[1]);
}

TEST_F(TrainedNetwork, OtherFloatsAreConverted) {
  const double own = open_evaluator(options_)->evaluate(weights_).loss;
  MemoryModel wide = without("fc2.weight");
  const TensorInfo& info = *weights_.find("fc2.weight");
  std::vector<double> values(element_count(info.shape).value());
  to_double(weights_.read(info.name).view, values);
  Buffer bytes(values.size() * sizeof(double));
  from_double(values, DType::kF64, bytes);
  wide.set({info.name, DType::kF64, info.shape}, std::move(bytes));
  EXPECT_EQ(open_evaluator(options_)->evaluate(wide).loss, own);
}

TEST_F(TrainedNetwork, NamesTheTensorThatDoesNotFit) {
  EXPECT_THAT(evaluation_error(without("fc2.bias")), HasSubstr("fc2.bias: the checkpoint lacks"));
  MemoryModel more = weights_;
  more.set({"fc9.bias", DType::kF32, {1}}, Buffer(4));
  EXPECT_THAT(evaluation_error(more), HasSubstr("fc9.bias: the network has no such"));
  MemoryModel wrong = without("fc1.bias");
  wrong.set({"fc1.bias", DType::kF32, {31}}, Buffer(31 * 4));
  EXPECT_THAT(evaluation_error(wrong), HasSubstr("fc1.bias: has shape 31, the network's is 32"));
  MemoryModel integers = without("fc1.bias");
  integers.set({"fc1.bias", DType::kI32, {32}}, Buffer(32 * 4));
  EXPECT_THAT(evaluation_error(integers), HasSubstr("fc1.bias: is I32, the network has F32"));
}

TEST_F(TrainedNetwork, DataThatDoesNotFitIsOneLineOfText) {
  const auto with_data = [&](const MemoryModel& data) {
    write_safetensors(options_.data, data);
    return evaluation_error(weights_);
  };
  MemoryModel data = draw_digits(100, 1);
  data.set({"target", DType::kI64, {99}}, Buffer(99 * 8));
  EXPECT_THAT(with_data(data), HasSubstr("same number of samples"));
  data.set({"target", DType::kI64, {100}}, Buffer(100 * 8, std::byte{1}));
  EXPECT_THAT(with_data(data), HasSubstr("not among the network's 10 classes"));
  data.set({"target", DType::kF32, {100}}, Buffer(100 * 4));
  EXPECT_THAT(with_data(data), HasSubstr("integer targets"));
  data = draw_digits(100, 1);
  data.set({"input", DType::kF32, {100, 5}}, Buffer(100 * 5 * 4));
  const std::string error = with_data(data);
  EXPECT_THAT(error, HasSubstr("shapes cannot be multiplied"));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  data.set({"input", DType::kC64, {100, 1}}, Buffer(100 * 8));
  EXPECT_THAT(with_data(data), HasSubstr("C64"));
}

TEST_F(TrainedNetwork, MeanSquaresAndUnknownLosses) {
  MemoryModel data = draw_digits(4, 1);
  data.set({"target", DType::kF32, {4, 10}}, Buffer(4 * 10 * 4));
  write_safetensors(options_.data, data);
  options_.loss = "mse";
  const Evaluation result = open_evaluator(options_)->evaluate(weights_);
  EXPECT_GT(result.loss, 0);
  EXPECT_FALSE(result.accuracy.has_value());
  options_.loss = "hinge";
  EXPECT_THAT(evaluation_error(weights_), HasSubstr("unknown loss 'hinge'"));
}

TEST_F(TrainedNetwork, AFileThatIsNoNetworkIsRefused) {
  options_.graph = options_.data;
  EXPECT_THAT(evaluation_error(weights_), HasSubstr("not a TorchScript network"));
  options_.graph = directory_.path() / "absent.pt";
  EXPECT_THAT(evaluation_error(weights_), HasSubstr("there is no such network"));
}

/// All values of one module, the batches one after the other; the shape of a batch of all samples.
struct Activation {
  Shape shape;
  std::vector<float> values;
};

std::vector<Activation> activations_of(const EvaluatorOptions& options, const TensorSource& weights,
                                       const ActivationRequest& request) {
  std::vector<Activation> all(request.modules.size());
  open_evaluator(options)->activations(
      weights, request, [&](std::size_t module, const TensorView& view) {
        EXPECT_EQ(view.dtype, DType::kF32);
        Activation& each = all.at(module);
        const std::uint64_t before = each.shape.empty() ? 0 : each.shape[0];
        each.shape = view.shape;
        each.shape[0] += before;
        const std::size_t held = each.values.size();
        each.values.resize(held + view.data.size() / sizeof(float));
        std::memcpy(each.values.data() + held, view.data.data(), view.data.size());
      });
  return all;
}

std::vector<float> floats_of(const TensorSource& model, const std::string& name) {
  const TensorData data = model.read(name);
  std::vector<float> values(element_count(data.view.shape).value());
  to_float(data.view, values);
  return values;
}

/// inputs · weightᵀ + bias, as it is defined.
std::vector<float> linear(const std::vector<float>& inputs, const TensorSource& model,
                          const std::string& layer) {
  const std::vector<float> weight = floats_of(model, layer + ".weight");
  const std::vector<float> bias = floats_of(model, layer + ".bias");
  const std::size_t width = weight.size() / bias.size();
  std::vector<float> outputs;
  for (std::size_t row = 0; row < inputs.size() / width; ++row)
    for (std::size_t unit = 0; unit < bias.size(); ++unit) {
      double sum = static_cast<double>(bias[unit]);
      for (std::size_t i = 0; i < width; ++i)
        sum += static_cast<double>(inputs[row * width + i]) *
               static_cast<double>(weight[unit * width + i]);
      outputs.push_back(static_cast<float>(sum));
    }
  return outputs;
}

std::vector<float> rectified(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0F);
  return values;
}

void expect_near(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-4) << i;
}

TEST_F(TrainedNetwork, ActivationsAreWhatTheLayersCompute) {
  constexpr std::size_t kBegin = 11;
  constexpr std::size_t kEnd = 50;
  options_.batch = 16;  // the last one is smaller
  const MemoryModel other = train(2).weights();
  for (const MemoryModel* weights : std::initializer_list<const MemoryModel*>{&weights_, &other}) {
    const auto all = activations_of(options_, *weights, {{"fc3", "fc1", "fc2"}, kBegin, kEnd});
    const std::vector<float> pictures = floats_of(draw_digits(2000, 1), "input");
    constexpr std::size_t kPixels = 256;
    const std::vector<float> first = linear(
        {pictures.begin() + kBegin * kPixels, pictures.begin() + kEnd * kPixels}, *weights, "fc1");
    const std::vector<float> second = linear(rectified(first), *weights, "fc2");
    EXPECT_EQ(all[1].shape, (Shape{kEnd - kBegin, 32}));
    EXPECT_EQ(all[0].shape, (Shape{kEnd - kBegin, 10}));
    expect_near(all[1].values, first);
    expect_near(all[2].values, second);
    expect_near(all[0].values, linear(rectified(second), *weights, "fc3"));
  }
}

TEST_F(TrainedNetwork, AskingForActivationsLeavesTheNetworkAsItWas) {
  const auto evaluator = open_evaluator(options_);
  const double loss = evaluator->evaluate(weights_).loss;
  std::size_t calls = 0;
  evaluator->activations(weights_, {{"fc2"}, 0, 2000}, [&](auto, const auto&) { ++calls; });
  EXPECT_EQ(calls, 2U);
  EXPECT_EQ(evaluator->evaluate(weights_).loss, loss);
}

TEST_F(TrainedNetwork, ActivationsThatCannotBeHadAreRefusedBeforeAnyIsGiven) {
  const auto refusal = [&](const ActivationRequest& request) {
    return error_of([&] {
      open_evaluator(options_)->activations(weights_, request,
                                            [](auto, const auto&) { FAIL() << "was called"; });
    });
  };
  EXPECT_THAT(
      refusal({{"fc1", "fc9"}, 0, 10}),
      HasSubstr("no module 'fc9' that always runs and returns a tensor (there is: fc1, fc2"));
  EXPECT_THAT(refusal({{"fc1"}, 0, 2001}), HasSubstr("not among the data's 2000"));
  EXPECT_THAT(refusal({{"fc1"}, 5, 5}), HasSubstr("samples 5 to 5"));
}

TEST_F(TrainedNetwork, WhatTheTakerThrowsArrives) {
  std::size_t calls = 0;
  options_.batch = 10;
  EXPECT_EQ(error_of([&] {
              open_evaluator(options_)->activations(weights_, {{"fc1"}, 0, 100},
                                                    [&](auto, const auto&) {
                                                      ++calls;
                                                      throw Error("enough", "taker");
                                                    });
            }),
            "taker: enough");
  EXPECT_EQ(calls, 1U);
}

/// Modules in modules, batch norm with its condition, pooling between them.
TEST_F(Plugin, ActivationsInsideAConvolutionalNetwork) {
  MgitTorchTraining training = small_training(3);
  training.channels = 4;
  training.epochs = 1;
  const MemoryModel data = draw_digits(100, 1);
  const TorchNetwork network =
      TorchNetwork::train(training, data.read("input").view, data.read("target").view);
  const EvaluatorOptions options{.graph = directory_.path() / "net.pt",
                                 .data = directory_.path() / "data"};
  network.save(options.graph);
  write_safetensors(options.data, data);
  const MemoryModel weights = network.weights();
  const auto all = activations_of(
      options, weights,
      {{"features.0", "features.1", "features", "classifier.0", "classifier"}, 0, 20});
  EXPECT_EQ(all[0].shape, (Shape{20, 4, 16, 16}));
  EXPECT_EQ(all[2].shape, (Shape{20, 8, 4, 4}));
  expect_near(all[3].values, linear(all[2].values, weights, "classifier.0"));
  EXPECT_EQ(all[4].shape, (Shape{20, 10}));
  // Batch norm, by its own definition, of what the convolution returned.
  const std::vector<float> mean = floats_of(weights, "features.1.running_mean");
  const std::vector<float> variance = floats_of(weights, "features.1.running_var");
  const std::vector<float> scale = floats_of(weights, "features.1.weight");
  const std::vector<float> shift = floats_of(weights, "features.1.bias");
  std::vector<float> normal = all[0].values;
  for (std::size_t i = 0; i < normal.size(); ++i) {
    const std::size_t channel = i / 256 % 4;
    normal[i] =
        (normal[i] - mean[channel]) / std::sqrt(variance[channel] + 1e-5F) * scale[channel] +
        shift[channel];
  }
  expect_near(all[1].values, normal);
}

TEST_F(Plugin, AnActivationIsWhatOneRunReturnedNotWhatWasMadeOfIt) {
  constexpr std::size_t kSamples = 20;
  MemoryModel data;
  data.set({"input", DType::kF32, {kSamples, 8}}, testing::random_floats(kSamples * 8, 1));
  data.set({"target", DType::kF32, {kSamples, 8}}, Buffer(kSamples * 8 * 4));
  const EvaluatorOptions options{.graph = directory_.path() / "net.pt",
                                 .data = directory_.path() / "data",
                                 .loss = "mse",
                                 .batch = 7};
  os::write_file(options.graph, as_bytes(testing::written_network()));
  write_safetensors(options.data, data);
  const MemoryModel none;
  EXPECT_EQ(open_evaluator(options)->evaluate(none).samples, kSamples * 8);

  const auto all = activations_of(options, none, {{"double", "act", "act#2"}, 0, kSamples});
  std::vector<float> doubled = floats_of(data, "input");
  for (float& value : doubled) value *= 2;
  std::vector<float> again = rectified(doubled);
  for (float& value : again) value -= 3;
  EXPECT_EQ(all[0].values, doubled);
  EXPECT_EQ(all[1].values, rectified(doubled));
  EXPECT_EQ(all[2].values, rectified(again));

  for (const char* module : {"pair", "rare", "act#3", ""})
    EXPECT_THAT(
        error_of([&] {
          activations_of(options, none, {{module}, 0, kSamples});
        }),
        HasSubstr(std::string("no module '") + module +
                  "' that always runs and returns a tensor (there is: double, act, act#2)"));
}

class RealNetworks : public Plugin {
 protected:
  void SetUp() override {
    Plugin::SetUp();
    if (IsSkipped()) return;
    const auto shared = testing::shared_data();
    if (!shared) GTEST_SKIP() << "no real models beside the source (set MGIT_DATA)";
    shared_ = *shared;
    data_ = directory_.path() / "mnist.safetensors";
    write_safetensors(data_, read_mnist(shared_ / "data", "t10k"));
  }

  BarrierCurve curve(const std::string& graph, const std::string& a, const std::string& b) {
    const auto evaluator =
        open_evaluator({.graph = shared_ / "graphs" / (graph + ".torchscript.pt"), .data = data_});
    return barrier_curve(*evaluator, load(shared_ / "models" / (a + ".safetensors")),
                         load(shared_ / "models" / (b + ".safetensors")), 5);
  }

  fs::path shared_;
  fs::path data_;
};

// Figures of an independent reference in Python, 5 points.
TEST_F(RealNetworks, PerceptronsHaveTheReferencesBarrierAndAccuracies) {
  const BarrierCurve mlp = curve("mlp", "mlp-s1", "mlp-s2");
  EXPECT_NEAR(mlp.barrier, 0.753, 0.001);
  EXPECT_NEAR(mlp.points[0].accuracy.value_or(0), 0.9860, 1e-4);
  EXPECT_NEAR(mlp.points[2].accuracy.value_or(0), 0.9512, 2e-4);
  const BarrierCurve biased = curve("mlp", "mlpbias-s10", "mlpbias-s11");
  EXPECT_NEAR(biased.barrier, 0.778, 0.001);
  EXPECT_NEAR(biased.points[0].accuracy.value_or(0), 0.9738, 1e-4);
  EXPECT_NEAR(biased.points[4].accuracy.value_or(0), 0.9752, 1e-4);
}

TEST_F(RealNetworks, BatchNormAndItsBuffersAreSet) {
  const BarrierCurve resnet = curve("mnistresnet", "mnistresnet-s1", "mnistresnet-s2");
  EXPECT_NEAR(resnet.barrier, 2.644, 0.002);
  EXPECT_NEAR(resnet.points[0].accuracy.value_or(0), 0.9910, 1e-4);
  EXPECT_NEAR(resnet.points[4].accuracy.value_or(0), 0.9904, 1e-4);
}

TEST_F(RealNetworks, AWrappedTransformerTakesNamesWithoutTheWrapper) {
  MemoryModel data;
  constexpr std::uint64_t kTokens = 8 * 128;
  Buffer tokens(kTokens * sizeof(std::int64_t));
  for (std::uint64_t i = 0; i < kTokens; ++i) {
    const auto token = static_cast<std::int64_t>(i * 7 % 65);
    std::memcpy(tokens.data() + i * sizeof(token), &token, sizeof(token));
  }
  data.set({"input", DType::kI64, {8, 128}}, tokens);
  data.set({"target", DType::kI64, {8, 128}}, std::move(tokens));
  write_safetensors(data_, data);
  const auto evaluator =
      open_evaluator({.graph = shared_ / "graphs/gpt2.torchscript.pt", .data = data_});
  const Evaluation result = evaluator->evaluate(load(shared_ / "models/gpt2-s1/model.safetensors"));
  EXPECT_EQ(result.samples, kTokens);
  EXPECT_TRUE(std::isfinite(result.loss));
  evaluator->activations(load(shared_ / "models/gpt2-s1/model.safetensors"),
                         {{"transformer.h.0.mlp.c_fc"}, 0, 8}, [](auto, const TensorView& values) {
                           EXPECT_EQ(values.shape.size(), 3U);
                           EXPECT_EQ(values.shape[1], 128U);
                         });
}

TEST_F(RealNetworks, ActivationsOfBlocks) {
  const EvaluatorOptions options{.graph = shared_ / "graphs/mnistresnet.torchscript.pt",
                                 .data = data_};
  const MemoryModel weights = load(shared_ / "models/mnistresnet-s1.safetensors");
  const auto all = activations_of(options, weights, {{"layer3.0", "fc"}, 9990, 10'000});
  ASSERT_EQ(all[0].shape.size(), 4U);
  const std::size_t area = all[0].shape[2] * all[0].shape[3];
  std::vector<float> pooled(all[0].values.size() / area);
  for (std::size_t i = 0; i < all[0].values.size(); ++i)
    pooled[i / area] += all[0].values[i] / static_cast<float>(area);
  expect_near(all[1].values, linear(pooled, weights, "fc"));
}

TEST_F(RealNetworks, ACheckpointOfAnotherNetworkIsRefused) {
  const auto evaluator =
      open_evaluator({.graph = shared_ / "graphs/vgg.torchscript.pt", .data = data_});
  EXPECT_THAT(error_of([&] { evaluator->evaluate(load(shared_ / "models/mlp-s1.safetensors")); }),
              HasSubstr("the checkpoint lacks"));
}

}  // namespace
}  // namespace mgit
