// Graphs on LibTorch against the interpreter, which computes the same in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/random.h"
#include "eval/graph_runner.h"
#include "eval/plugin.h"
#include "graph/run_node.h"
#include "mgit/format.h"
#include "support/support.h"
#include "unit/graph/data_file.h"
#include "unit/graph/random_graph.h"
#include "with_plugin.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::GraphBuilder;
using ::testing::HasSubstr;

using GraphOnTorch = testing::WithPlugin;

TorchTensor tensor_of(const GraphTensor& numbers, DType dtype) {
  return TorchTensor(
             TensorView{DType::kF64, numbers.shape, std::as_bytes(std::span(numbers.values))})
      .to(dtype);
}

TorchTensor floats(const Shape& shape, const std::vector<float>& values) {
  return TorchTensor(TensorView{DType::kF32, shape, std::as_bytes(std::span(values))});
}

/// The parameters among the numbers, as a checkpoint.
MemoryModel checkpoint_of(const Graph& graph, const std::map<ValueId, GraphTensor>& numbers) {
  MemoryModel model;
  for (const GraphParameter& parameter : graph.parameters) {
    const TorchTensor own =
        tensor_of(numbers.at(parameter.value), graph.values[parameter.value].dtype);
    const TensorView view = own.view();
    model.set({parameter.tensor, view.dtype, view.shape},
              Buffer(view.data.begin(), view.data.end()));
  }
  return model;
}

/// Largest difference of any number, relative to the largest number.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double apart = 0;
  double largest = 1e-3;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    apart = std::max(apart, a[i] == b[i] ? 0.0 : std::abs(a[i] - b[i]));
    if (std::isfinite(a[i])) largest = std::max(largest, std::abs(a[i]));
  }
  return apart / largest;
}

/// Runs the graph on both and returns how far the outputs are apart.
double apart(const Graph& graph, const std::map<ValueId, GraphTensor>& numbers) {
  GraphRunner runner(graph);
  runner.set_weights(checkpoint_of(graph, numbers));
  GraphRunner::Inputs inputs;
  for (const ValueId id : graph.inputs)
    inputs.emplace(id, tensor_of(numbers.at(id), graph.values[id].dtype));
  const std::vector<TorchTensor> found = runner.run(inputs, graph.outputs);
  const std::vector<GraphTensor> expected = run_graph(graph, numbers);
  double result = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].shape(), expected[i].shape);
    result = std::max(result, difference(found[i].doubles(), expected[i].values));
  }
  return result;
}

/// For the inputs and parameters of an exported program: open lengths are 3, integers below 3.
std::map<ValueId, GraphTensor> numbers_for(const Graph& graph, std::uint64_t seed) {
  Random random(seed);
  std::map<ValueId, GraphTensor> result;
  const auto draw = [&](ValueId id) {
    const GraphValue& value = graph.values[id];
    GraphTensor tensor{value.dtype, {}, {}};
    for (const auto& length : value.shape) tensor.shape.push_back(length.value_or(3));
    tensor.values.resize(element_count(tensor.shape).value());
    for (double& each : tensor.values)
      each = is_arithmetic(value.dtype) ? random.normal() : static_cast<double>(random.below(3));
    result.emplace(id, std::move(tensor));
  };
  for (const ValueId id : graph.inputs) draw(id);
  for (const GraphParameter& parameter : graph.parameters) draw(parameter.value);
  return result;
}

TEST_F(GraphOnTorch, RandomNetworksAreComputedAsTheInterpreterDoes) {
  const auto [first, last] = testing::seeds_or(1, 150);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const testing::RandomGraph random(seed);
    EXPECT_LT(apart(random.graph(), testing::drawn_numbers(random.graph(), seed)), 2e-4)
        << "seed " << seed << ": " << random.recipe();
  }
}

TEST_F(GraphOnTorch, ExportedProgramsAreComputedAsTheInterpreterDoes) {
  for (const char* name :
       {"attention.pt2", "llama.pt2", "mlp.pt2", "mlp_flat.pt2", "reference_linear.pt2",
        "reference_recurrent.pt2", "reference_space.pt2"}) {
    const std::string file = testing::from_disk(name);
    const Graph graph = read_pt2(as_bytes(file), name);
    EXPECT_LT(apart(graph, numbers_for(graph, 1)), 1e-4) << name;
  }
}

/// x [batch, 2] -> linear of 3 units -> batch norm -> relu.
struct SmallNetwork {
  GraphBuilder builder;
  ValueId input = builder.input({std::nullopt, 2});
  ValueId hidden = builder.linear("fc", input, 3);
  ValueId normal = builder.op("batch_norm",
                              {{"input", hidden},
                               {"weight", std::monostate{}},
                               {"bias", std::monostate{}},
                               {"running_mean", builder.parameter("norm.running_mean", {3})},
                               {"running_var", builder.parameter("norm.running_var", {3})},
                               {"training", false},
                               {"momentum", 0.1},
                               {"eps", 0.0},
                               {"cudnn_enabled", true}},
                              {std::nullopt, 3});
  ValueId output = builder.relu(normal);
  MemoryModel weights;

  SmallNetwork() {
    builder.output(output);
    set("fc.weight", {3, 2}, {1, 0, 0, 1, 1, 1});
    set("fc.bias", {3}, {0, 0, -1});
    set("norm.running_mean", {3}, {0, 0, 0});
    set("norm.running_var", {3}, {4, 4, 4});
  }
  void set(const std::string& name, Shape shape, const std::vector<float>& values) {
    const Bytes bytes = std::as_bytes(std::span(values));
    weights.set({name, DType::kF32, std::move(shape)}, Buffer(bytes.begin(), bytes.end()));
  }
};

TEST_F(GraphOnTorch, HooksSeeEveryValueAndCanReplaceWhatANodeGives) {
  SmallNetwork net;
  GraphRunner runner(net.builder.graph());
  runner.set_weights(net.weights);
  const GraphRunner::Inputs inputs = {{net.input, floats({2, 2}, {2, 4, 6, 8})}};

  std::map<ValueId, std::vector<double>> seen;
  RunHooks hooks;
  hooks.computed = [&](ValueId id, const TorchTensor& value) { seen[id] = value.doubles(); };
  const auto plain = runner.run(inputs, {net.output}, hooks);
  EXPECT_THAT(seen.at(net.hidden), ElementsAre(2, 4, 5, 6, 8, 13));
  EXPECT_THAT(seen.at(net.normal), ElementsAre(1, 2, 2.5, 3, 4, 6.5));
  EXPECT_EQ(seen.at(net.output), plain.front().doubles());

  hooks.instead = [&](std::size_t node, GraphRun& run) -> std::optional<std::vector<TorchTensor>> {
    const auto other = with_batch_statistics(run.graph().nodes[node]);
    if (!other) return std::nullopt;
    EXPECT_EQ(run.value(net.hidden).doubles(), seen.at(net.hidden));
    return run.compute(*other);
  };
  for (int again = 0; again < 2; ++again) {  // the running statistics stay as they were
    runner.run(inputs, {net.output}, hooks);
    EXPECT_THAT(seen.at(net.normal), ElementsAre(-1, -1, -1, 1, 1, 1));
  }
  EXPECT_EQ(runner.run(inputs, {net.output}).front().doubles(), plain.front().doubles());

  hooks.instead = [&](std::size_t node, GraphRun& run) -> std::optional<std::vector<TorchTensor>> {
    if (run.graph().nodes[node].outputs.front() != net.normal) return std::nullopt;
    return std::vector{floats({2, 3}, {-1, 1, 2, 3, -4, 5})};
  };
  EXPECT_THAT(runner.run(inputs, {net.output}, hooks).front().doubles(),
              ElementsAre(0, 1, 2, 3, 0, 5));
}

TEST_F(GraphOnTorch, OnlyWhatIsWantedRuns) {
  SmallNetwork net;
  GraphRunner runner(net.builder.graph());
  runner.set_weights(net.weights);
  std::vector<ValueId> made;
  RunHooks hooks;
  hooks.computed = [&](ValueId id, const TorchTensor&) { made.push_back(id); };
  const auto results =
      runner.run({{net.input, floats({1, 2}, {1, 1})}}, {net.hidden, net.input}, hooks);
  EXPECT_THAT(made, ElementsAre(net.hidden));
  EXPECT_THAT(results[0].doubles(), ElementsAre(1, 1, 1));
  EXPECT_THAT(results[1].doubles(), ElementsAre(1, 1));
}

TEST_F(GraphOnTorch, WhatCannotRunIsRefusedByName) {
  const auto refusal = [](const std::string& op, GraphBuilder::Arguments more = {}) {
    GraphBuilder builder;
    const ValueId input = builder.input({3});
    more.emplace(more.begin(), "self", input);
    builder.output(builder.node(op, std::move(more), {{3}}).front());
    GraphRunner runner(builder.graph());
    return error_of([&] {
      runner.run({{input, floats({3}, {1, 2, 3})}}, builder.graph().outputs);
    });
  };
  EXPECT_EQ(refusal("onnx.Hardmax"),
            "net.pt2: operator onnx.Hardmax is none of ATen's, and cannot be run in "
            "net.onnx.Hardmax");
  EXPECT_THAT(refusal("aten.from_file"),
              HasSubstr("operator aten.from_file is none that mgit runs"));
  EXPECT_THAT(refusal("aten.relu_"), HasSubstr("operator aten.relu_ is none that mgit runs"));
  EXPECT_THAT(refusal("aten.add"), HasSubstr("operator aten.add: argument other is missing"));
  EXPECT_THAT(refusal("aten.relu", {{"slope", 0.1}}),
              HasSubstr("operator aten.relu: argument slope is not known in net.aten.relu"));
  EXPECT_THAT(refusal("aten.softmax", {{"dim", std::int64_t{7}}}),
              HasSubstr("operator aten.softmax: Dimension out of range"));
  EXPECT_THAT(refusal("aten.sum"), HasSubstr("operator aten.sum in net.aten.sum gives [scalar]"));
}

/// LibTorch 1.13 dies of these.
TEST_F(GraphOnTorch, ArgumentsThatWouldCrashAreRefused) {
  const auto refusal = [](const std::string& op, GraphBuilder::Arguments more) {
    GraphBuilder builder;
    const ValueId input = builder.input({1, 4, 2, 2});
    const ValueId one = builder.constant({1}, {1});
    for (auto& [name, argument] : more)
      if (std::holds_alternative<ValueId>(argument)) argument = name == "input" ? input : one;
    builder.output(builder.node(op, std::move(more), {{1, 4, 2, 2}}).front());
    GraphRunner runner(builder.graph());
    return error_of([&] {
      runner.run({{input, floats({1, 4, 2, 2}, std::vector<float>(16))}}, builder.graph().outputs);
    });
  };
  const GraphBuilder::Arguments norm = {{"input", ValueId{0}},
                                        {"weight", std::monostate{}},
                                        {"bias", std::monostate{}},
                                        {"running_mean", std::monostate{}},
                                        {"running_var", std::monostate{}},
                                        {"momentum", 0.1},
                                        {"eps", 1e-5}};
  GraphBuilder::Arguments plain = norm;
  plain.emplace_back("training", false);
  EXPECT_THAT(refusal("aten.native_batch_norm", plain),
              HasSubstr("argument running_mean has not one number for each of 4 channels"));
  GraphBuilder::Arguments narrow = norm;
  for (auto& [name, argument] : narrow)
    if (std::holds_alternative<std::monostate>(argument)) argument = ValueId{0};
  EXPECT_THAT(refusal("aten._native_batch_norm_legit_no_training", narrow),
              HasSubstr("argument weight has not one number for each of 4 channels"));
  EXPECT_THAT(refusal("aten.native_channel_shuffle", {{"input", ValueId{0}}}),
              HasSubstr("argument groups is not positive"));
  EXPECT_THAT(
      refusal("aten.softmax",
              {{"input", ValueId{0}}, {"dim", std::int64_t{1}}, {"dtype", std::int64_t{-1}}}),
      HasSubstr("operator aten.softmax"));
  const TorchTensor row = floats({1, 3}, {1, 2, 3});
  EXPECT_THAT(error_of([&] {
                call_torch("aten.cumsum", "",
                           {{"self", row}, {"dim", std::int64_t{1}}, {"dtype", std::int64_t{-3}}});
              }),
              HasSubstr("argument dtype is no name"));
  EXPECT_THAT(refusal("aten.reflection_pad1d",
                      {{"input", ValueId{0}}, {"padding", std::vector<std::int64_t>{}}}),
              HasSubstr("argument padding is no list of two numbers"));
}

TEST_F(GraphOnTorch, OperatorsThatWriteOrReadFilesAreRefusedByThePlugin) {
  const TorchTensor tensor = floats({2}, {1, 2});
  EXPECT_THAT(error_of([&] {
                call_torch("aten.relu_", "", {{"self", tensor}});
              }),
              HasSubstr("operator aten.relu_: it writes into its arguments, or reads files"));
  EXPECT_THAT(error_of([&] {
                call_torch("aten.from_file", "",
                           {{"filename", std::string("/dev/zero")}, {"size", std::int64_t{4}}});
              }),
              HasSubstr("reads files"));
  EXPECT_THAT(error_of([&] { call_torch("aten.no_such", "", {}); }),
              HasSubstr("operator aten.no_such is not in this LibTorch"));
}

TEST_F(GraphOnTorch, ArgumentsTakeTheFormThatTheSchemaWants) {
  const TorchTensor tensor = floats({2, 2}, {1, 2, 3, 4});
  const auto values = [](const std::vector<TorchTensor>& results) {
    return results.front().doubles();
  };
  // Numbers for tensors and tensors for numbers, single ones for lists, by any overload.
  EXPECT_THAT(values(call_torch("aten.add", "default",
                                {{"self", tensor}, {"other", TorchTensor::number(1)}})),
              ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(values(call_torch("aten.mul", "Tensor", {{"self", tensor}, {"other", 0.5}})),
              ElementsAre(0.5, 1, 1.5, 2));
  EXPECT_THAT(values(call_torch(
                  "aten.reshape", "",
                  {{"self", tensor}, {"shape", TorchArgument::Tensors{TorchTensor::number(4)}}})),
              ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(
      values(call_torch("aten.sum", "dim_IntList", {{"self", tensor}, {"dim", std::int64_t{0}}})),
      ElementsAre(4, 6));
  EXPECT_THAT(
      values(call_torch("aten.unbind", "int", {{"self", tensor}, {"dim", std::int64_t{1}}}, 1)),
      ElementsAre(1, 3));
  const TorchTensor whole = call_torch_for_one("aten.full", {{"size", std::vector<std::int64_t>{2}},
                                                             {"fill_value", std::int64_t{7}},
                                                             {"dtype", std::string("I64")},
                                                             {"layout", std::string("strided")},
                                                             {"device", std::string("cuda:0")},
                                                             {"pin_memory", false}});
  EXPECT_EQ(whole.dtype(), DType::kI64);
  EXPECT_THAT(whole.doubles(), ElementsAre(7, 7));
}

TEST_F(GraphOnTorch, MomentsOfBatchesAreThoseOfAll) {
  ChannelMoments moments;
  moments.add(floats({2, 2, 2}, {1, 2, 10, 20, 3, 4, 30, 40}), 1);
  moments.add(floats({1, 2, 2}, {5, 9, 0, 80}), 1);
  EXPECT_EQ(moments.count(), 6U);
  EXPECT_THAT(moments.mean(), ElementsAre(::testing::DoubleEq(4), ::testing::DoubleEq(30)));
  EXPECT_NEAR(moments.variance()[0], 40.0 / 6, 1e-12);
  EXPECT_NEAR(moments.mean_square()[1], 9400.0 / 6, 1e-9);
  EXPECT_THAT(error_of([&] { moments.add(floats({1}, {1}), 1); }), HasSubstr("no axis 1"));
  EXPECT_THAT(error_of([&] { moments.add(floats({3}, {1, 2, 3}), 0); }), HasSubstr("3 units"));
}

TEST_F(GraphOnTorch, WeightsThatDoNotFitAreNamed) {
  SmallNetwork net;
  GraphRunner runner(net.builder.graph());
  EXPECT_THAT(error_of([&] {
                runner.run({{net.input, floats({1, 2}, {1, 1})}}, {net.output});
              }),
              HasSubstr("is not there"));
  MemoryModel less;
  less.set({"fc.weight", DType::kF32, {3, 2}}, Buffer(24));
  EXPECT_THAT(error_of([&] { runner.set_weights(less); }),
              HasSubstr("fc.bias: the checkpoint lacks this tensor of the network"));
  net.set("fc.bias", {4}, {0, 0, 0, 0});
  EXPECT_THAT(error_of([&] { runner.set_weights(net.weights); }),
              HasSubstr("fc.bias: has shape 4, the network's is 3"));
}

}  // namespace
}  // namespace mgit
