// Specs from graphs: which units may move, and which may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/graph_builder.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string derive_refusal(const GraphBuilder& net) {
  try {
    net.derive();
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return "derived";
}

GraphBuilder mlp() {
  GraphBuilder net;
  ValueId x = net.input({3, 5});
  x = net.relu(net.linear("fc1", x, 7));
  x = net.relu(net.linear("fc2", x, 6));
  net.output(net.linear("fc3", x, 4));
  return net;
}

TEST(Derive, AnMlpHasAGroupForEachHiddenLayer) {
  const Derivation found = mlp().derive();
  EXPECT_EQ(found.spec_text,
            "mgit-perm 1\n"
            "arch derived\n"
            "perm fc1:7\n"
            "perm fc2:6\n"
            "fc1.bias: fc1\n"
            "fc1.weight: fc1, _\n"
            "fc2.bias: fc2\n"
            "fc2.weight: fc2, fc1\n"
            "fc3.bias: _\n"
            "fc3.weight: _, fc2\n");
  EXPECT_THAT(found.unknown_operators, IsEmpty());
  const GraphBuilder net = mlp();
  const Spec spec = bind_spec(found.spec_text, "derived", const_cast<GraphBuilder&>(net).network());
  EXPECT_EQ(spec.groups.size(), 2U);
}

TEST(Derive, InputsAndOutputsArePinnedAndSaid) {
  const Derivation found = mlp().derive();
  ASSERT_EQ(found.pins.size(), 2U);
  EXPECT_EQ(found.pins[0].op, "aten.linear");
  EXPECT_EQ(found.pins[0].where, "net.aten.linear");
  EXPECT_EQ(found.pins[0].reason, "input of the network");
  EXPECT_THAT(found.pins[0].tensors, ElementsAre("fc1.weight"));
  EXPECT_EQ(found.pins[1].reason, "output of the network");
  EXPECT_THAT(found.pins[1].tensors, ElementsAre("fc3.bias", "fc3.weight"));
}

TEST(Derive, AResidualStreamIsOneGroup) {
  GraphBuilder net;
  ValueId x = net.linear("embed", net.input({3, 5}), 8);
  x = net.add(x, net.linear("down", net.relu(net.linear("up", x, 6)), 8));
  net.output(net.linear("head", x, 4));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm embed:8", "perm up:6"));
  EXPECT_EQ(layout_of(found, "down.weight"), "embed, up");
  EXPECT_EQ(layout_of(found, "down.bias"), "embed");
}

TEST(Derive, RollingExchangesTheEndsOfAnAxis) {
  const auto rolled = [](std::int64_t by) {
    GraphBuilder net;
    const ValueId x = net.input({3, 5});
    const std::vector<std::optional<ValueId>> parts = {net.relu(net.linear("a", x, 4)),
                                                       net.relu(net.linear("b", x, 6))};
    const ValueId both = net.op("cat", {{"tensors", parts}, {"dim", std::int64_t{1}}}, {3, 10});
    const ValueId moved = net.op("roll",
                                 {{"self", both},
                                  {"shifts", std::vector<std::int64_t>{by}},
                                  {"dims", std::vector<std::int64_t>{1}}},
                                 {3, 10});
    net.output(net.linear("head", moved, 4));
    return net.derive();
  };
  EXPECT_EQ(layout_of(rolled(6), "head.weight"), "_, b+a");
  EXPECT_EQ(layout_of(rolled(-4), "head.weight"), "_, b+a");
  EXPECT_EQ(layout_of(rolled(10), "head.weight"), "_, a+b");
  // One order for what is moved and one for what stays.
  const Derivation inside = rolled(2);
  EXPECT_EQ(layout_of(inside, "head.weight"), "_, b.part.2+a+b.part");
  EXPECT_EQ(layout_of(inside, "b.weight"), "b.part+b.part.2, _");
}

/// A convolution with kernel 3 and padding 1.
ValueId convolution(GraphBuilder& net, const std::string& name, ValueId x, std::uint64_t out,
                    std::int64_t groups = 1) {
  GraphBuilder::Lengths shape = net.graph().values[x].shape;
  const ValueId weight =
      net.parameter(name + ".weight", {out, *shape[1] / static_cast<std::uint64_t>(groups), 3, 3});
  const ValueId bias = net.parameter(name + ".bias", {out});
  shape[1] = out;
  return net.op("conv2d",
                {{"input", x},
                 {"weight", weight},
                 {"bias", bias},
                 {"padding", std::vector<std::int64_t>{1, 1}},
                 {"groups", groups}},
                shape);
}

ValueId batch_norm(GraphBuilder& net, const std::string& name, ValueId x) {
  const GraphBuilder::Lengths shape = net.graph().values[x].shape;
  GraphBuilder::Arguments arguments = {{"input", x}};
  for (const char* part : {"weight", "bias", "running_mean", "running_var"})
    arguments.emplace_back(part, net.parameter(name + "." + part, {*shape[1]}));
  return net.op("batch_norm", arguments, shape);
}

TEST(Derive, ChannelsAreTheSlowIndexOfAFlattenedPicture) {
  GraphBuilder net;
  ValueId x = convolution(net, "conv", net.input({2, 3, 4, 4}), 6);
  x = net.relu(batch_norm(net, "bn", x));
  x = net.op("flatten", {{"self", x}, {"start_dim", std::int64_t{1}}}, {2, 96});
  net.output(net.linear("fc", x, 5));
  net.network().push_back({"bn.num_batches_tracked", DType::kI64, {}});
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "conv.weight"), "conv, _, _, _");
  EXPECT_EQ(layout_of(found, "bn.weight"), "conv");
  EXPECT_EQ(layout_of(found, "bn.running_var"), "conv !nomatch");
  EXPECT_EQ(layout_of(found, "fc.weight"), "_, conv*_:16");
  EXPECT_THAT(found.spec_text, HasSubstr("skip bn.num_batches_tracked\n"));
  bind_spec(found.spec_text, "derived", net.network());
}

TEST(Derive, GroupedConvolutionsAreFamiliesAndDepthwiseOnesAreNot) {
  GraphBuilder net;
  ValueId x = convolution(net, "a", net.input({2, 3, 4, 4}), 12);
  x = convolution(net, "grouped", x, 24, 4);
  x = convolution(net, "b", x, 5);
  x = convolution(net, "depthwise", x, 5, 5);
  net.output(convolution(net, "c", x, 2));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm a.blocks:4", "perm a.units:3 in a.blocks",
                                            "perm grouped.units:6 in a.blocks", "perm b:5"));
  EXPECT_EQ(layout_of(found, "grouped.weight"), "a.blocks*grouped.units, a.units, _, _");
  EXPECT_EQ(layout_of(found, "b.weight"), "b, a.blocks*grouped.units, _, _");
  EXPECT_EQ(layout_of(found, "depthwise.weight"), "b, _, _, _");
}

TEST(Derive, ConcatenationIsASumAndEqualPartsStayEqual) {
  GraphBuilder net;
  const ValueId x = net.input({3, 5});
  const ValueId a = net.linear("a", x, 6);
  const ValueId b = net.linear("b", x, 4);
  const ValueId all = net.op("cat",
                             {{"tensors", std::vector<std::optional<ValueId>>{a, b, net.relu(a)}},
                              {"dim", std::int64_t{1}}},
                             {3, 16});
  net.output(net.linear("head", all, 2));
  EXPECT_EQ(layout_of(net.derive(), "head.weight"), "_, a+b+a");
}

TEST(Derive, AGateIsTwoHalves) {
  GraphBuilder net;
  const ValueId x = net.linear("up", net.input({3, 5}), 12);
  const auto halves =
      net.node("aten.chunk", {{"self", x}, {"chunks", std::int64_t{2}}, {"dim", std::int64_t{1}}},
               {{3, 6}, {3, 6}});
  const ValueId gated =
      net.op("mul", {{"self", halves[0]}, {"other", net.relu(halves[1])}}, {3, 6});
  net.output(net.linear("down", gated, 2));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "up.weight"), "up.part+up.part, _");
  EXPECT_EQ(layout_of(found, "down.weight"), "_, up.part");
}

TEST(Derive, AGroupNormKeepsUnitsInTheirGroup) {
  GraphBuilder net;
  ValueId x = convolution(net, "conv", net.input({2, 3, 4, 4}), 12);
  const ValueId weight = net.parameter("norm.weight", {12});
  x = net.op("group_norm", {{"input", x}, {"num_groups", std::int64_t{3}}, {"weight", weight}},
             {2, 12, 4, 4});
  net.output(convolution(net, "out", x, 2));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found),
              ElementsAre("perm conv.blocks:3", "perm conv.units:4 in conv.blocks"));
  EXPECT_EQ(layout_of(found, "norm.weight"), "conv.blocks*conv.units");
}

TEST(Derive, AGroupNormOverAConcatenationLeavesCells) {
  GraphBuilder net;
  const ValueId x = net.input({2, 3, 4, 4});
  const ValueId a = convolution(net, "a", x, 9);
  const ValueId b = convolution(net, "b", x, 3);
  ValueId all = net.op(
      "cat", {{"tensors", std::vector<std::optional<ValueId>>{a, b}}, {"dim", std::int64_t{1}}},
      {2, 12, 4, 4});
  all = net.op("group_norm", {{"input", all}, {"num_groups", std::int64_t{3}}}, {2, 12, 4, 4});
  net.output(convolution(net, "out", all, 2));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "out.weight"), "_, a.blocks*a.units+_:1+b, _, _")
      << "two whole groups, one unit alone in the third, and b's three";
}

TEST(Derive, LstmGatesShareOneOrder) {
  GraphBuilder net;
  const ValueId table = net.parameter("embed.weight", {11, 6});
  const ValueId x =
      net.op("embedding", {{"weight", table}, {"indices", net.input({2, 5})}}, {2, 5, 6});
  const ValueId zeros = net.op("zeros", {}, {1, 2, 8});
  const std::vector<std::optional<ValueId>> weights = {
      net.parameter("lstm.weight_ih_l0", {32, 6}), net.parameter("lstm.weight_hh_l0", {32, 8}),
      net.parameter("lstm.bias_ih_l0", {32}), net.parameter("lstm.bias_hh_l0", {32})};
  const auto made = net.node("aten.lstm",
                             {{"input", x},
                              {"hx", std::vector<std::optional<ValueId>>{zeros, zeros}},
                              {"params", weights},
                              {"has_biases", true},
                              {"num_layers", std::int64_t{1}},
                              {"batch_first", true}},
                             {{2, 5, 8}, {1, 2, 8}, {1, 2, 8}});
  net.output(net.linear("head", made[0], 4));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "embed.weight"), "_, embed");
  EXPECT_EQ(layout_of(found, "lstm.weight_ih_l0"), "_:4*lstm.weight_ih_l0.part, embed");
  EXPECT_EQ(layout_of(found, "lstm.weight_hh_l0"),
            "_:4*lstm.weight_ih_l0.part, lstm.weight_ih_l0.part");
  EXPECT_EQ(layout_of(found, "head.weight"), "_, lstm.weight_ih_l0.part");
}

TEST(Derive, TiedWeightsAreOneLayoutAndMayBeMissing) {
  GraphBuilder net;
  const ValueId table = net.parameter("embed.weight", {11, 8});
  net.graph().parameters.push_back({table, "head.weight"});
  const ValueId x =
      net.op("embedding", {{"weight", table}, {"indices", net.input({2, 5})}}, {2, 5, 8});
  ValueId y = net.linear("down", net.relu(net.linear("up", x, 6)), 8);
  y = net.op("linear", {{"input", y}, {"weight", table}}, {2, 5, 11});
  net.output(y);
  EXPECT_EQ(layout_of(net.derive(), "head.weight"), "no line");
  EXPECT_EQ(layout_of(net.derive(), "down.weight"), "embed, up");
  net.network().push_back({"head.weight", DType::kF32, {11, 8}});
  EXPECT_EQ(layout_of(net.derive(), "head.weight"), "_, embed");
}

TEST(Derive, AnUnknownOperatorPinsWhatItTouches) {
  GraphBuilder net;
  ValueId x = net.linear("fc1", net.input({3, 5}), 7);
  x = net.node("mine.sparkle", {{"x", x}}, {{3, 7}}).front();
  x = net.linear("fc2", x, 6);
  net.output(net.linear("fc3", x, 4));
  const Derivation found = net.derive();
  EXPECT_THAT(found.unknown_operators, ElementsAre("mine.sparkle"));
  EXPECT_THAT(groups_of(found), ElementsAre("perm fc2:6"));
  ASSERT_EQ(found.pins.size(), 4U);
  EXPECT_EQ(found.pins[1].op, "mine.sparkle");
  EXPECT_THAT(found.pins[1].tensors, ElementsAre("fc1.bias", "fc1.weight"));
}

TEST(Derive, AConstantPinsWhereItDiffersAndNowhereElse) {
  const auto scaled = [](const std::vector<float>& numbers) {
    GraphBuilder net;
    ValueId x = net.linear("fc1", net.input({3, 5}), 4);
    x = net.op("mul", {{"self", x}, {"other", net.constant({4}, numbers)}}, {3, 4});
    net.output(net.linear("fc2", x, 2));
    return groups_of(net.derive());
  };
  EXPECT_THAT(scaled({2, 2, 2, 2}), ElementsAre("perm fc1:4"));
  EXPECT_THAT(scaled({2, 2, 2, 3}), IsEmpty());
}

TEST(Derive, AUniformConstantMayBeMadeOfAWeightThatNothingReads) {
  const auto biased = [](const Shape& unread) {
    GraphBuilder net;
    net.parameter("fc1.bias", unread);
    const ValueId weight = net.parameter("fc1.weight", {4, 5});
    ValueId x = net.op("linear",
                       {{"input", net.input({3, 5})},
                        {"weight", weight},
                        {"bias", net.constant({4}, {0, 0, 0, 0})}},
                       {3, 4});
    net.output(net.linear("fc2", net.relu(x), 2));
    return net.derive();
  };
  EXPECT_THAT(groups_of(biased({3})), ElementsAre("perm fc1:4"));
  EXPECT_THAT(groups_of(biased({4})), IsEmpty());
}

TEST(Derive, WhatNoOutputDependsOnPinsNothing) {
  const auto with = [](bool kept) {
    GraphBuilder net;
    const ValueId x = net.linear("fc1", net.input({3, 5}), 4);
    const ValueId column =
        net.op("select", {{"self", x}, {"dim", std::int64_t{1}}, {"index", std::int64_t{-1}}}, {3});
    net.op("aten.strange", {{"self", x}}, {3, 4});
    net.output(net.linear("fc2", net.relu(x), 2));
    if (kept) net.output(column);
    return net.derive();
  };
  EXPECT_THAT(groups_of(with(false)), ElementsAre("perm fc1:4"));
  EXPECT_THAT(with(false).unknown_operators, IsEmpty());
  EXPECT_THAT(layout_of(with(true), "fc1.bias"), HasSubstr("_:1"));
}

TEST(Derive, ACrossProductPinsItsCoordinatesAlone) {
  const auto crossed = [](std::int64_t dim, std::uint64_t width) {
    GraphBuilder net;
    const ValueId input = net.input({3, 5});
    const ValueId a = net.linear("a", input, width);
    const ValueId b = net.linear("b", input, width);
    net.output(net.linear(
        "out", net.op("linalg_cross", {{"self", a}, {"other", b}, {"dim", dim}}, {3, width}), 2));
    return groups_of(net.derive());
  };
  EXPECT_THAT(crossed(0, 4), ElementsAre("perm a:4"));
  EXPECT_THAT(crossed(-1, 3), IsEmpty());
}

TEST(Derive, NumbersThatTheGraphCountsAreConstants) {
  const auto scaled = [](const std::string& op) {
    GraphBuilder net;
    ValueId x = net.linear("fc1", net.input({3, 5}), 4);
    const ValueId counted = net.op("cos", {{"self", net.op(op, {}, {4})}}, {4});
    x = net.op("mul", {{"self", x}, {"other", counted}}, {3, 4});
    net.output(net.linear("fc2", x, 2));
    return groups_of(net.derive());
  };
  EXPECT_THAT(scaled("arange"), IsEmpty());
  EXPECT_THAT(scaled("full"), ElementsAre("perm fc1:4"));
}

TEST(Derive, TwoUsersOfOneUniformConstantStayApart) {
  GraphBuilder net;
  const ValueId ones = net.constant({4}, {1, 1, 1, 1});
  ValueId x = net.linear("fc1", net.input({3, 5}), 4);
  x = net.op("mul", {{"self", x}, {"other", ones}}, {3, 4});
  x = net.linear("fc2", x, 4);
  x = net.op("mul", {{"self", x}, {"other", ones}}, {3, 4});
  net.output(net.linear("fc3", x, 2));
  EXPECT_THAT(groups_of(net.derive()), ElementsAre("perm fc1:4", "perm fc2:4"));
}

TEST(Derive, ArgmaxPinsAndAMaximumDoesNot) {
  const auto reduced = [](const std::string& op) {
    GraphBuilder net;
    const ValueId x = net.linear("fc1", net.input({3, 5}), 4);
    const ValueId y = net.linear("fc2", x, 6);
    net.output(net.op(op, {{"self", y}, {"dim", std::vector<std::int64_t>{1}}}, {3}));
    return groups_of(net.derive());
  };
  EXPECT_THAT(reduced("argmax"), ElementsAre("perm fc1:4"));
  EXPECT_THAT(reduced("amax"), ElementsAre("perm fc1:4"))
      << "the order of what nothing else reads is no group";
}

TEST(Derive, TheGraphMustReadWhatTheCheckpointHas) {
  GraphBuilder more = mlp();
  for (const char* name : {"x", "y", "z", "zz"}) more.network().push_back({name, DType::kF32, {2}});
  EXPECT_EQ(derive_refusal(more),
            "net.pt2: the graph does not read every tensor of the checkpoint: x, y, z and 1 more");
  GraphBuilder fewer = mlp();
  fewer.network().erase(fewer.network().begin());
  EXPECT_EQ(derive_refusal(fewer),
            "net.pt2: the graph reads tensors that the checkpoint lacks: fc1.weight");
  GraphBuilder other = mlp();
  other.network()[0].shape = {7, 6};
  EXPECT_EQ(derive_refusal(other),
            "net.pt2: tensor 'fc1.weight' is 7,6 in the checkpoint, 7,5 in the graph");
}

TEST(Derive, APixelShuffleLeavesBlocksOfChannels) {
  GraphBuilder net;
  ValueId x = convolution(net, "conv", net.input({2, 3, 4, 4}), 20);
  x = net.op("pixel_shuffle", {{"self", x}, {"upscale_factor", std::int64_t{2}}}, {2, 5, 8, 8});
  net.output(convolution(net, "out", x, 2));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "conv.weight"), "conv.part*_:4, _, _, _");
  EXPECT_EQ(layout_of(found, "out.weight"), "_, conv.part, _, _");
}

TEST(Derive, UnitsThatAreCutApartStayWhereTheyAre) {
  GraphBuilder net;
  const ValueId x = net.linear("a", net.input({3, 5}), 2);
  const auto units = net.node(
      "aten.split", {{"self", x}, {"split_size", std::int64_t{1}}, {"dim", std::int64_t{1}}},
      {{3, 1}, {3, 1}});
  const ValueId swapped =
      net.op("cat",
             {{"tensors", std::vector<std::optional<ValueId>>{units[1], net.relu(units[0])}},
              {"dim", std::int64_t{1}}},
             {3, 2});
  net.output(net.linear("c", net.add(swapped, net.linear("b", x, 2)), 4));
  EXPECT_THAT(groups_of(net.derive()), IsEmpty());
}

TEST(Derive, AnOpenBatchSizeIsNoObstacle) {
  GraphBuilder net;
  ValueId x = convolution(net, "conv", net.input({std::nullopt, 3, 4, 4}), 6);
  x = net.reshape(x, {std::nullopt, 96});
  net.output(net.linear("fc", x, 5));
  EXPECT_EQ(layout_of(net.derive(), "fc.weight"), "_, conv*_:16");
}

}  // namespace
}  // namespace mgit::testing
