// Files with graphs as networks that are evaluated, against what the interpreter computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/os.h"
#include "eval/graph_network.h"
#include "eval/plugin.h"
#include "eval/safetensors_writer.h"
#include "eval/training_loss.h"
#include "eval/unit_correlations.h"
#include "mgit/format.h"
#include "support/support.h"
#include "unit/graph/data_file.h"
#include "with_plugin.h"

namespace mgit {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::load;

class GraphFiles : public testing::WithPlugin {
 protected:
  void write_data(const Shape& input, DType dtype, const Shape& target) {
    MemoryModel data;
    const auto count = [](const Shape& shape) { return element_count(shape).value(); };
    if (dtype == DType::kI64) {
      Buffer tokens(count(input) * 8);
      for (std::size_t i = 0; i < count(input); ++i) tokens[i * 8] = std::byte(i * 5 % 9);
      data.set({"input", dtype, input}, std::move(tokens));
    } else {
      data.set({"input", dtype, input}, testing::random_floats(count(input), 1));
    }
    if (!target.empty())
      data.set({"target", DType::kF32, target}, testing::random_floats(count(target), 2));
    write_safetensors(options_.data, data);
  }

  void use(const std::string& name) {
    options_.graph = directory_.path() / name;
    os::write_file(options_.graph, as_bytes(testing::from_disk(name)));
  }

  testing::TemporaryDirectory directory_;
  EvaluatorOptions options_{
      .graph = {}, .data = directory_.path() / "data", .loss = "mse", .batch = 3};
};

MemoryModel checkpoint(const std::string& name) {
  const std::string file = testing::from_disk(name);
  MemoryModel model;
  for (const StoredTensor& tensor : parse_checkpoint(as_bytes(file), name).tensors) {
    const Bytes data = as_bytes(file).subspan(tensor.offset, tensor.length);
    model.set(tensor.info, Buffer(data.begin(), data.end()));
  }
  return model;
}

MemoryModel random_weights(const Graph& graph, std::uint64_t seed) {
  MemoryModel model = testing::zeros_for(graph);
  const std::vector<TensorInfo> infos = model.tensors();
  for (const TensorInfo& info : infos)
    model.set(info, testing::random_floats(element_count(info.shape).value(), seed++));
  return model;
}

/// Mean squared difference to the targets of what the interpreter computes, `batch` samples at a
/// time, with weights by the names of the graph.
double reference(const Graph& graph, const TensorSource& weights, const TensorSource& data) {
  std::map<ValueId, GraphTensor> given;
  for (const GraphParameter& parameter : graph.parameters)
    given[parameter.value] = graph_tensor(weights.read(parameter.tensor).view);
  given[graph.inputs.front()] = graph_tensor(data.read("input").view);
  const std::vector<double> output = run_graph(graph, given).front().values;
  const std::vector<double> target = graph_tensor(data.read("target").view).values;
  double sum = 0;
  for (std::size_t i = 0; i < output.size(); ++i)
    sum += (output[i] - target.at(i)) * (output[i] - target[i]);
  return sum / static_cast<double>(output.size());
}

TEST_F(GraphFiles, AnExportedProgramIsEvaluatedInBatches) {
  use("mlp.pt2");
  write_data({10, 6}, DType::kF32, {10, 3});
  const std::string file = testing::from_disk("mlp.pt2");
  const Graph graph = read_pt2(as_bytes(file), "mlp.pt2");
  const auto evaluator = open_evaluator(options_);
  for (const std::uint64_t seed : {1U, 2U}) {
    const MemoryModel weights = random_weights(graph, seed);
    const Evaluation result = evaluator->evaluate(weights);
    const double expected = reference(graph, weights, load(options_.data));
    EXPECT_NEAR(result.loss, expected, 1e-5 * expected);
    EXPECT_EQ(result.samples, 30U);
    EXPECT_FALSE(result.accuracy);
    const SampleScores scores = evaluator->scores(weights, {1, 2});
    EXPECT_EQ(scores.samples, 10U);
    EXPECT_EQ(scores.losses.size(), 20U);
    EXPECT_NEAR(scores.loss(1), result.loss, 1e-9);
    EXPECT_TRUE(scores.correct.empty());
    EXPECT_EQ(evaluator->largest_output_change(weights, weights), 0);
  }
  EXPECT_GT(evaluator->largest_output_change(random_weights(graph, 1), random_weights(graph, 2)),
            0.1);
}

TEST_F(GraphFiles, TheGradientIsWhatALittleMoreOfAWeightDoesToTheLoss) {
  use("mlp.pt2");
  write_data({10, 6}, DType::kF32, {10, 3});
  MemoryModel weights =
      random_weights(read_pt2(as_bytes(testing::from_disk("mlp.pt2")), "mlp.pt2"), 1);
  TrainingLoss training(options_);
  const std::vector<std::uint64_t> samples{7, 2, 9};
  std::map<std::string, std::vector<float>, std::less<>> gradient;
  const double loss = training.gradient(weights, samples, gradient);
  EXPECT_NEAR(loss, training.loss(weights, samples), 1e-6);
  const double repeated = training.loss(weights, {7, 2, 9, 9});
  EXPECT_NEAR(training.loss(weights, {9, 7, 9, 2}), repeated, 1e-6 * repeated);
  EXPECT_EQ(gradient.size(), weights.tensors().size());
  const std::vector<TensorInfo> infos = weights.tensors();
  for (const TensorInfo& info : infos) {
    constexpr float kLittle = 1e-2F;
    std::vector<float> values(element_count(info.shape).value());
    to_float(weights.read(info.name).view, values);
    const std::size_t place = values.size() / 2;
    const auto loss_with = [&](float more) {
      std::vector<float> changed = values;
      changed[place] += more;
      const Bytes bytes = std::as_bytes(std::span(changed));
      MemoryModel moved = weights;
      moved.set(info, Buffer(bytes.begin(), bytes.end()));
      return training.loss(moved, samples);
    };
    const double slope = (loss_with(kLittle) - loss_with(-kLittle)) / (2 * kLittle);
    EXPECT_NEAR(gradient.at(info.name).at(place), slope, 0.02 * std::abs(slope) + 2e-3)
        << info.name;
  }
  EXPECT_THAT(error_of([&] { training.loss(weights, {10}); }),
              HasSubstr("sample 10 is not among the data's 10"));
}

TEST_F(GraphFiles, ModulesReturnWhatTheirLastNodeGives) {
  use("mlp.pt2");
  write_data({10, 6}, DType::kF32, {});  // nothing is compared with targets
  const std::string file = testing::from_disk("mlp.pt2");
  const MemoryModel weights = random_weights(read_pt2(as_bytes(file), "mlp.pt2"), 1);
  const auto evaluator = open_evaluator(options_);
  std::vector<std::uint64_t> rows(2);
  evaluator->activations(weights, {{"fc2", "fc3"}, 1, 9},
                         [&](std::size_t module, const TensorView& values) {
                           EXPECT_EQ(values.shape.back(), module == 0 ? 8U : 3U);
                           rows[module] += values.shape.front();
                         });
  EXPECT_EQ(rows, (std::vector<std::uint64_t>{8, 8}));
  EXPECT_THAT(error_of([&] {
                evaluator->activations(weights, {{"fc9"}, 0, 1}, {});
              }),
              HasSubstr("no module 'fc9' whose result is in the graph (there is: fc1, fc2, fc3)"));
  EXPECT_THAT(error_of([&] {
                evaluator->activations(weights, {{"fc1"}, 0, 11}, {});
              }),
              HasSubstr("samples 0 to 11 are not among the data's 10"));
  EXPECT_THAT(error_of([&] { evaluator->evaluate(weights); }), HasSubstr("no tensor \"target\""));
}

/// The file takes two samples at a time, and has the weights stacked and under other names.
TEST_F(GraphFiles, AnOnnxModelIsBoundToTheCheckpointOnceAndRunsOthers) {
  use("lstm.onnx");
  write_data({6, 5}, DType::kI64, {6, 5, 4});
  const MemoryModel weights = checkpoint("lstm.safetensors");
  MemoryModel others;
  for (const TensorInfo& info : weights.tensors()) {
    std::vector<float> values(element_count(info.shape).value());
    to_float(weights.read(info.name).view, values);
    for (float& value : values) value *= 0.5F;
    const Bytes bytes = std::as_bytes(std::span(values));
    others.set(info, Buffer(bytes.begin(), bytes.end()));
  }
  const auto evaluator = open_evaluator(options_);
  EXPECT_THAT(error_of([&] { evaluator->evaluate(others); }), HasSubstr("lstm.onnx"));
  const double loss = evaluator->evaluate(weights).loss;
  const double other_loss = evaluator->evaluate(others).loss;
  EXPECT_NE(loss, other_loss);

  const std::string file = testing::from_disk("lstm.onnx");
  const auto initializers = onnx_initializers(as_bytes(file), "lstm.onnx");
  const Graph graph =
      bind_initializers(read_onnx(as_bytes(file), "lstm.onnx"), *initializers, weights);
  const MemoryModel all = load(options_.data);
  double sums[2] = {0, 0};
  for (std::size_t pair = 0; pair < 3; ++pair) {
    MemoryModel two;
    const auto part = [&](const char* name, const Shape& shape) {
      const TensorData data = all.read(name);
      const std::size_t size = data.view.data.size() / 3;
      const Bytes bytes = data.view.data.subspan(pair * size, size);
      two.set({name, data.view.dtype, shape}, Buffer(bytes.begin(), bytes.end()));
    };
    part("input", {2, 5});
    part("target", {2, 5, 4});
    sums[0] += reference(graph, weights, two) / 3;
    sums[1] += reference(graph, others, two) / 3;
  }
  EXPECT_NEAR(loss, sums[0], 1e-5 * sums[0]);
  EXPECT_NEAR(other_loss, sums[1], 1e-5 * sums[1]);
}

TEST_F(GraphFiles, AFixedNumberOfSamplesIsFilledUp) {
  use("lstm.onnx");
  const MemoryModel weights = checkpoint("lstm.safetensors");
  write_data({6, 5}, DType::kI64, {6, 5, 4});
  GraphNetwork six(options_);
  six.set_weights(weights);
  std::vector<double> expected;
  six.for_each_batch(0, 5, [&](const GraphBatch& batch) {
    EXPECT_EQ(batch.given, 2U);
    const auto all = six.runner().run(batch.inputs, {six.output()}).front();
    EXPECT_EQ(all.shape().front(), 2U);
    const TorchTensor own = batch.cut(all);
    EXPECT_EQ(own.shape().front(), batch.samples);
    for (const double value : own.doubles()) expected.push_back(value);
  });
  EXPECT_EQ(expected.size(), 5U * 5 * 4);
  // The sixth sample is another one; what the fifth gives does not hang on what it is filled with.
  std::vector<double> found;
  six.for_each_batch(4, 6, [&](const GraphBatch& batch) {
    found = six.runner().run(batch.inputs, {six.output()}).front().doubles();
  });
  EXPECT_TRUE(std::equal(expected.begin() + 80, expected.end(), found.begin()));
}

TEST_F(GraphFiles, ValuesOfManyPlacesAreCutBySample) {
  GraphBatch batch;
  batch.samples = 2;
  batch.given = 3;
  const auto cut = [&](std::vector<float> values, const Shape& shape) {
    return batch.cut(TorchTensor(TensorView{DType::kF32, shape, std::as_bytes(std::span(values))}))
        .doubles();
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(cut({1, 2, 3}, {3}), ElementsAre(1, 2));
  EXPECT_THAT(cut({1, 1, 2, 2, 3, 3}, {6, 1}), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(error_of([&] { cut({1, 2, 3, 4}, {4}); }), HasSubstr("are not those of 3 samples"));
}

TEST_F(GraphFiles, TrainingTakesAsManySamplesAtATimeAsTheGraph) {
  use("lstm.onnx");
  write_data({6, 5}, DType::kI64, {6, 5, 4});
  EXPECT_EQ(targets_of_a_sample(options_.data), 20U);
  TrainingLoss two(options_);
  EXPECT_EQ(two.batch_size(checkpoint("lstm.safetensors")), 2U);
  use("mlp.pt2");
  write_data({10, 6}, DType::kF32, {10, 3});
  TrainingLoss open(options_);
  EXPECT_EQ(open.batch_size(
                random_weights(read_pt2(as_bytes(testing::from_disk("mlp.pt2")), "mlp.pt2"), 1)),
            options_.batch);
}

/// The rows of a matrix, or entries of a vector, in another order.
void reorder(MemoryModel& model, const std::string& name, const std::vector<std::size_t>& order) {
  const TensorData old = model.read(name);
  const std::size_t row = old.view.data.size() / order.size();
  Buffer data;
  for (const std::size_t from : order) {
    const Bytes part = old.view.data.subspan(from * row, row);
    data.insert(data.end(), part.begin(), part.end());
  }
  model.set({name, old.view.dtype, old.view.shape}, std::move(data));
}

TEST_F(GraphFiles, UnitsInAnotherOrderAreKnownByTheirCorrelations) {
  use("mlp.pt2");
  write_data({10, 6}, DType::kF32, {});
  const std::string file = testing::from_disk("mlp.pt2");
  const Graph graph = read_pt2(as_bytes(file), "mlp.pt2");
  const MemoryModel a = random_weights(graph, 1);
  MemoryModel b = a;
  const std::vector<std::size_t> order = {3, 0, 1, 2, 7, 4, 6, 5};
  reorder(b, "fc1.weight", order);
  reorder(b, "fc1.bias", order);
  GraphNetwork network(options_);
  std::uint64_t done = 0;
  const auto found = unit_correlations(
      network, a, b,
      [](const Graph& own, const std::string& prefix) {
        EXPECT_EQ(prefix, "");
        std::vector<std::vector<UnitAxis>> groups(2);
        for (const GraphNode& node : own.nodes)
          if (node.module == "fc1") groups[0].push_back({node.outputs.front(), 1});
        return groups;
      },
      [&](std::uint64_t samples) { done = samples; });
  EXPECT_EQ(done, 10U);
  ASSERT_EQ(found[0].size(), 64U);
  EXPECT_TRUE(found[1].empty());
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t j = 0; j < 8; ++j) {
      EXPECT_LE(std::abs(found[0][i * 8 + j]), 1);
      if (order[j] == i) {
        EXPECT_NEAR(found[0][i * 8 + j], 1, 1e-6);
      }
    }
  // One of two other units by its definition.
  const std::vector<double> values = [&] {
    std::vector<double> all;
    network.set_weights(a);
    network.for_each_batch(0, 10, [&](const GraphBatch& batch) {
      const ValueId fc1 = *network.runner().returned_by("fc1");
      for (const double v : network.runner().run(batch.inputs, {fc1}).front().doubles())
        all.push_back(v);
    });
    return all;
  }();
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (std::size_t row = 0; row < 10; ++row) {
    const double u = values[row * 8];
    const double v = values[row * 8 + 1];
    x += u / 10, y += v / 10, xx += u * u / 10, yy += v * v / 10, xy += u * v / 10;
  }
  EXPECT_NEAR(found[0][0 * 8 + 2], (xy - x * y) / std::sqrt((xx - x * x) * (yy - y * y)), 1e-6);
}

TEST_F(GraphFiles, WhatDoesNotFitIsSaid) {
  use("convolution_folded.onnx");
  write_data({4, 1, 8, 8}, DType::kF32, {4, 5});
  EXPECT_THAT(
      error_of([&] { open_evaluator(options_)->evaluate(checkpoint("convolution.safetensors")); }),
      HasSubstr("no initializer has the contents of"));
  use("mlp.pt2");
  const std::string file = testing::from_disk("mlp.pt2");
  const MemoryModel weights = random_weights(read_pt2(as_bytes(file), "mlp.pt2"), 1);
  EXPECT_THAT(error_of([&] { open_evaluator(options_)->evaluate(weights); }),
              HasSubstr("the network takes ?,6, the data's \"input\" is 4,1,8,8"));
  options_.loss = "hinge";
  write_data({4, 6}, DType::kF32, {4, 3});
  EXPECT_THAT(error_of([&] { open_evaluator(options_)->evaluate(weights); }),
              HasSubstr("unknown loss 'hinge'"));
  options_.graph = directory_.path() / "absent.onnx";
  EXPECT_THAT(error_of([&] { open_evaluator(options_); }), HasSubstr("there is no such network"));
}

}  // namespace
}  // namespace mgit
