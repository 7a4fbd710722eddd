#include "repair/layer_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repair/input_rows.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

/// A graph, node by node, of F32 values.
class Builder {
 public:
  using Lengths = std::vector<std::optional<std::uint64_t>>;

  ValueId input(std::uint64_t units) {
    graph.inputs.push_back(value({{}, units}));
    return graph.inputs.back();
  }
  ValueId parameter(const std::string& name, Lengths shape) {
    const ValueId id = value(std::move(shape));
    graph.parameters.push_back({id, name});
    return id;
  }
  ValueId op(const std::string& name, std::uint64_t units,
             std::vector<std::pair<std::string, Argument>> arguments) {
    const ValueId id = value({{}, units});
    graph.nodes.push_back({"aten." + name, "default", std::move(arguments), {id}, ""});
    return id;
  }
  ValueId linear(ValueId input, const std::string& name, std::uint64_t units = 4) {
    return op("linear", units,
              {{"input", input},
               {"weight", parameter(name + ".weight", {units, 4})},
               {"bias", parameter(name + ".bias", {units})}});
  }
  ValueId relu(ValueId input) { return op("relu", 4, {{"self", input}}); }

  Graph graph;

 private:
  ValueId value(Lengths shape) {
    graph.values.push_back(
        {"v" + std::to_string(graph.values.size()), DType::kF32, std::move(shape)});
    return static_cast<ValueId>(graph.values.size() - 1);
  }
};

TEST(LayerNodes, ANormBelongsToTheLayerThatItAloneReads) {
  Builder b;
  const ValueId x = b.input(4);
  const ValueId normal = b.op("batch_norm", 4,
                              {{"input", b.linear(x, "fc1")},
                               {"running_mean", b.parameter("bn.running_mean", {4})},
                               {"running_var", b.parameter("bn.running_var", {4})},
                               {"training", false},
                               {"eps", 1e-3}});
  b.graph.outputs = {b.linear(b.relu(normal), "fc2", 2)};
  const NetworkNodes nodes = network_nodes(b.graph);
  ASSERT_THAT(nodes.layers, SizeIs(1));  // the last one makes the output
  const LayerNode& layer = nodes.layers.front();
  ASSERT_TRUE(layer.norm.has_value());
  EXPECT_EQ(layer.norm->epsilon, 1e-3);
  EXPECT_EQ(layer.target, normal);
  EXPECT_EQ(layer.input, x);
  EXPECT_THAT(nodes.norms, SizeIs(1));
}

TEST(LayerNodes, WhatIsAddedToAStreamIsFittedToTheStream) {
  Builder b;
  const ValueId x = b.input(4);
  const ValueId branch = b.linear(b.relu(x), "fc1");
  const ValueId same = b.op("dropout", 4, {{"input", branch}, {"train", false}});
  const ValueId sum = b.op("add", 4, {{"self", x}, {"other", same}});
  b.graph.outputs = {b.relu(sum)};
  const NetworkNodes nodes = network_nodes(b.graph);
  ASSERT_THAT(nodes.layers, SizeIs(1));
  EXPECT_EQ(nodes.layers.front().target, sum);
  EXPECT_EQ(nodes.layers.front().other, x);
}

TEST(LayerNodes, AStreamThatIsMadeLaterSaysNothingYet) {
  Builder b;
  const ValueId x = b.input(4);
  const ValueId first = b.linear(x, "fc1");
  const ValueId second = b.linear(x, "fc2");
  const ValueId sum = b.op("add", 4, {{"self", first}, {"other", second}});
  b.graph.outputs = {b.relu(sum)};
  const NetworkNodes nodes = network_nodes(b.graph);
  ASSERT_THAT(nodes.layers, SizeIs(2));
  EXPECT_EQ(nodes.layers[0].target, first);
  EXPECT_EQ(nodes.layers[0].other, std::nullopt);
  EXPECT_EQ(nodes.layers[1].target, sum);
  EXPECT_EQ(nodes.layers[1].other, first);
}

TEST(LayerNodes, ATransposeOfAParameterIsAWeight) {
  Builder b;
  const ValueId x = b.input(4);
  const ValueId weight = b.parameter("w", {4, 4});
  const ValueId turned = b.op("t", 4, {{"self", weight}});
  b.graph.outputs = {b.relu(b.op("matmul", 4, {{"self", x}, {"other", turned}}))};
  const NetworkNodes nodes = network_nodes(b.graph);
  ASSERT_THAT(nodes.layers, SizeIs(1));
  EXPECT_EQ(nodes.layers.front().weight, weight);
  EXPECT_FALSE(nodes.layers.front().transposed);
}

TEST(LayerNodes, WhatIsSharedIsLeft) {
  Builder b;
  const ValueId weight = b.parameter("w", {4, 4});  // two nodes of one value
  const ValueId once = b.op("linear", 4, {{"input", b.input(4)}, {"weight", weight}});
  const ValueId twice = b.op("linear", 4, {{"input", once}, {"weight", weight}});
  const ValueId tied = b.linear(b.linear(twice, "fc"), "fc");  // two values of one tensor
  b.graph.outputs = {b.relu(b.linear(tied, "other"))};
  const NetworkNodes nodes = network_nodes(b.graph);
  ASSERT_THAT(nodes.layers, SizeIs(1));
  EXPECT_EQ(nodes.layers.front().input, tied);
}

TEST(InputRows, OfAConvolutionWithStrideBorderAndGroups) {
  LayerNode layer;
  layer.convolution = Convolution{{2}, {1}, {1}, 2};
  // One sample, four channels of three; two groups of two channels, kernel 3.
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const InputRows rows(layer, values, {1, 4, 3}, {1, 2, 2}, {2, 2, 3});
  EXPECT_EQ(rows.places(), 2U);
  ASSERT_EQ(rows.length(), 6U);
  std::vector<double> row(6);
  rows.read(0, 0, row);
  EXPECT_THAT(row, ElementsAre(0, 1, 2, 0, 4, 5));
  rows.read(1, 1, row);
  EXPECT_THAT(row, ElementsAre(8, 9, 0, 11, 12, 0));
  EXPECT_EQ(rows.output_at(1, 1, 0), 3U);
}

TEST(InputRows, OfALinearLayerOverSequences) {
  LayerNode layer;
  layer.transposed = true;
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const InputRows rows(layer, values, {2, 3, 2}, {2, 3, 5}, {2, 5});
  EXPECT_EQ(rows.places(), 6U);
  EXPECT_EQ(rows.outputs(), 5U);
  std::vector<double> row(2);
  rows.read(4, 0, row);
  EXPECT_THAT(row, ElementsAre(9, 10));
  EXPECT_EQ(rows.output_at(4, 0, 1), 21U);
}

TEST(InputRows, RefusesWhatDoesNotFit) {
  LayerNode layer;
  const std::vector<double> values(12);
  EXPECT_THROW(InputRows(layer, values, {2, 3, 2}, {2, 3, 5}, {5, 3}), Error);
  layer.convolution = Convolution{{1}, {0}, {1}, 3};
  EXPECT_THROW(InputRows(layer, values, {1, 4, 3}, {1, 2, 3}, {2, 2, 1}), Error);
}

}  // namespace
}  // namespace mgit
