// ONNX: the branches of an If, and tensors in graphs inside of nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "onnx_file.h"

namespace mgit::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string constant_floats(const std::vector<std::int64_t>& shape,
                            const std::vector<float>& values) {
  return Message()
      .bytes(1, "value")
      .bytes(5, tensor_proto("", shape, kOnnxFloat, raw_floats(values)))
      .text();
}

std::vector<std::string> branches(const OnnxFile& yes, const OnnxFile& no) {
  return {subgraph("then_branch", yes.graph()), subgraph("else_branch", no.graph())};
}

OnnxFile one(const std::string& op, const std::vector<std::string>& inputs,
             const std::string& output) {
  return OnnxFile().node(op, inputs, {output}).output(output);
}

/// What the graph reads from the checkpoint that the file is.
std::vector<std::string> parameters_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphParameter& each : graph.parameters) names.push_back(each.tensor);
  return names;
}

Derivation derived(const OnnxFile& file) {
  const std::string bytes = file.file();
  const auto initializers = onnx_initializers(as_bytes(bytes), "net.onnx");
  const Graph graph = bind_initializers(read(file), *initializers, *initializers);
  return derive_spec(graph, initializers->tensors());
}

TEST(OnnxBranches, OneThatIsKnownIsReadInItsPlace) {
  OnnxFile file;
  file.input("x", {"2", "3"}).longs("two", {}, {2}).longs("at", {}, {0});
  file.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "at"}, {"rows"});
  file.node("Equal", {"rows", "two"}, {"same"});
  OnnxFile other = one("Add", {"x", "bias"}, "n");
  other.weight("bias", {3}, {7, 8, 9});
  file.node("If", {"same"}, {"y"}, branches(one("Relu", {"x"}, "n"), other)).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("%n F32[2,3] = aten.relu.default(self=%x)"));
  EXPECT_THAT(nodes_of(file), Not(HasSubstr("onnx.If")));
  EXPECT_THAT(parameters_of(read(file)), ElementsAre("y.else_branch/bias"))
      << "it is a tensor of the file, though nothing reads it";
}

TEST(OnnxBranches, TwoOfOneShapeAreBothComputed) {
  OnnxFile file;
  file.input("x", {"batch", "3"}).input("c", {}, 9);
  OnnxFile no;
  no.weight("w", {3}, {2, 3, 4}).node("Mul", {"x", "w"}, {"n"}).output("n");
  file.node("If", {"c"}, {"y"}, branches(one("Relu", {"x"}, "n"), no)).output("y");
  const Graph graph = read(file);
  EXPECT_THAT(graph_text(graph),
              HasSubstr("= aten.where.default(condition=%c, self=%n#2, other=%n)"));
  std::map<ValueId, GraphTensor> given;
  given[graph.parameters.at(0).value] = {DType::kF32, {3}, {2, 3, 4}};
  given[graph.inputs.at(0)] = {DType::kF32, {1, 3}, {-1, 1, 5}};
  given[graph.inputs.at(1)] = {DType::kBool, {}, {1}};
  EXPECT_THAT(run_graph(graph, given).at(0).values, ElementsAre(0, 1, 5));
  given[graph.inputs.at(1)].values = {0};
  EXPECT_THAT(run_graph(graph, given).at(0).values, ElementsAre(-2, 3, 20));
}

/// x of n rows through a linear layer, and then as PyTorch exports x.squeeze(0).
OnnxFile squeezed() {
  OnnxFile file;
  file.input("x", {"n", "3"}).weight("w", {4, 3}).weight("v", {5, 4});
  file.node("Gemm", {"x", "w"}, {"a"}, {integer("transB", 1)}).node("Relu", {"a"}, {"h"});
  file.longs("one", {}, {1}).longs("at", {}, {0}).longs("axis", {1}, {0});
  file.node("Shape", {"h"}, {"shape"}).node("Gather", {"shape", "at"}, {"rows"});
  file.node("Equal", {"rows", "one"}, {"same"});
  return file.node("If", {"same"}, {"s"},
                   branches(one("Squeeze", {"h", "axis"}, "n"), one("Identity", {"h"}, "n")));
}

TEST(OnnxBranches, OfTwoTheOneIsReadThatCanRun) {
  OnnxFile file = squeezed();
  // 4 numbers of x, which are no more than a row.
  file.longs("shape2", {2}, {2, 2}).longs("four", {1}, {4}).node("Expand", {"s", "four"}, {"e"});
  file.describe("e", {"4"});
  file.node("Reshape", {"e", "shape2"}, {"y"}).output("y");
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("F32[4] = aten.squeeze.default(self=%h, dim=[0])"));
  EXPECT_THAT(text, Not(HasSubstr("onnx.If")));
}

TEST(OnnxBranches, WhereBothCanRunTheIfStays) {
  OnnxFile file = squeezed();
  file.node("Relu", {"s"}, {"y"}).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("onnx.If(0=%same, 1=%h, 2=%axis)"));
  const Derivation derivation = derived(file);
  EXPECT_THAT(derivation.unknown_operators, Contains("onnx.If"));
  EXPECT_THAT(derivation.spec_text, HasSubstr("w: _, _"));
}

TEST(OnnxBranches, AnIfThatIsKnownOnOneWayAloneIsNotTakenForKnownOnAll) {
  // If the first gives x, the second is known to add; if it gives z, it cannot.
  OnnxFile file;
  file.input("x", {"2", "3"}).input("z", {"n", "4"}).input("c", {}, 9).describe("p", {"m", "k"});
  file.longs("two", {}, {2}).longs("at", {}, {0}).weight("w", {3});
  file.node("If", {"c"}, {"p"}, branches(one("Identity", {"x"}, "n"), one("Identity", {"z"}, "n")));
  file.node("Shape", {"p"}, {"shape"}).node("Gather", {"shape", "at"}, {"rows"});
  file.node("Equal", {"rows", "two"}, {"same"});
  file.node("If", {"same"}, {"q"},
            branches(one("Add", {"p", "w"}, "n"), one("Identity", {"p"}, "n")));
  file.node("Relu", {"q"}, {"y"}).output("y");
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("onnx.If(0=%c, 1=%z, 2=%x)"));
  EXPECT_THAT(text, HasSubstr("onnx.If(0=%same, 1=%p, 2=%w)"));
}

TEST(OnnxBranches, ManyInsideEachOtherAreReadInNoTime) {
  OnnxFile inner = one("Relu", {"x"}, "n30");
  for (int depth = 29; depth >= 0; --depth) {
    const std::string name = fmt::format("n{}", depth);
    OnnxFile outer;
    OnnxFile other;
    other.node("Shape", {"x"}, {"s"}).node("Tanh", {"x"}, {"n"}).output("s");
    outer.node("If", {"c"}, {name}, branches(inner, other)).output(name);
    inner = outer;
  }
  OnnxFile file;
  file.input("x", {"2", "3"}).input("c", {}, 9);
  file.node("If", {"c"}, {"y"}, branches(inner, inner)).output("y");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(text_of(file), HasSubstr("onnx.If"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(OnnxBranches, WeightsInThemAndInConstantsMove) {
  const auto layer = [](const std::string& activation, float first) {
    OnnxFile file;
    std::vector<float> up;
    for (int i = 0; i < 12; ++i) up.push_back(first++);
    std::vector<float> down;
    for (int i = 0; i < 8; ++i) down.push_back(first++);
    file.weight("up", {3, 4}, up);
    file.node("Constant", {}, {"down"}, {constant_floats({4, 2}, down)});
    file.node("MatMul", {"x", "up"}, {"h"}).node(activation, {"h"}, {"a"});
    return file.node("MatMul", {"a", "down"}, {"n"}).output("n");
  };
  OnnxFile file;
  file.input("x", {"batch", "3"}).input("c", {}, 9);
  file.node("If", {"c"}, {"y"}, branches(layer("Relu", 1), layer("Tanh", 50))).output("y");
  const Derivation derivation = derived(file);
  EXPECT_THAT(derivation.unknown_operators, ElementsAre());
  for (const char* branch : {"then_branch", "else_branch"}) {
    EXPECT_THAT(derivation.spec_text, HasSubstr(fmt::format("y.{0}/up: _, y.{0}_up", branch)));
    EXPECT_THAT(derivation.spec_text,
                HasSubstr(fmt::format("y.{0}/down.value: y.{0}_up, _", branch)));
  }
}

TEST(OnnxBranches, WhatIsNotReadIsStillCovered) {
  OnnxFile body;
  body.node("Constant", {}, {"c"}, {constant_floats({1}, {3})});
  body.node("Constant", {}, {"d"}, {constant_floats({6}, {3, 4, 5, 6, 7, 8})});
  body.node("Strange", {"x", "c", "d"}, {"n"}, {}, "com.example").output("n");
  OnnxFile file;
  file.input("x", {"2", "2"}).input("c0", {}, 9);
  file.node("Loop", {"", "c0"}, {"y"}, {subgraph("body", body.graph())}).output("y");
  const Derivation derivation = derived(file);
  EXPECT_THAT(derivation.spec_text, HasSubstr("skip y.body/c.value"));
  EXPECT_THAT(derivation.spec_text, HasSubstr("y.body/d.value: _"));
}

TEST(OnnxBranches, LengthsAreThoseThatAreGiven) {
  OnnxFile file = squeezed();
  file.node("Relu", {"s"}, {"y"}).output("y");
  const std::string bytes = file.file();
  const auto text = [&](const std::vector<GraphInput>& inputs) {
    return graph_text(read_onnx(as_bytes(bytes), "net.onnx", inputs));
  };
  EXPECT_THAT(text({{DType::kF32, {1, 3}}}), HasSubstr("%y F32[4] = aten.relu"));
  EXPECT_THAT(text({{DType::kF32, {2, 3}}}), HasSubstr("%y F32[2,4] = aten.relu"));
  const auto refusal = [&](const std::vector<GraphInput>& inputs) -> std::string {
    try {
      text(inputs);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(refusal({{DType::kF32, {1}}}), "input x has 2 axes, not 1");
  EXPECT_EQ(refusal({{DType::kF32, {1, 4}}}), "axis 1 of input x is not 4 long");
  EXPECT_EQ(refusal({{DType::kF32, {1, 3}}, {DType::kF32, {}}}),
            "the network has 1 input, and 2 are named");
}

TEST(OnnxBranches, ANumberThatIsGivenDecides) {
  OnnxFile file;
  file.input("x", {"n", "3"}).input("rate", {}, kOnnxLong).longs("eight", {}, {8000});
  file.node("Equal", {"rate", "eight"}, {"slow"});
  file.node("If", {"slow"}, {"y"}, branches(one("Relu", {"x"}, "n"), one("Tanh", {"x"}, "n")));
  const std::string bytes = file.output("y").file();
  const auto text = [&](std::int64_t rate) {
    return graph_text(
        read_onnx(as_bytes(bytes), "net.onnx", {{DType::kF32, {2, 3}}, {DType::kI64, {}, rate}}));
  };
  EXPECT_THAT(text(8000), HasSubstr("%n F32[2,3] = aten.relu"));
  EXPECT_THAT(text(16000), HasSubstr("%n F32[2,3] = aten.tanh"));
  EXPECT_THROW(
      read_onnx(as_bytes(bytes), "net.onnx", {{DType::kF32, {}, 2}, {DType::kI64, {}, 8000}}),
      Error);
}

TEST(OnnxBranches, OneOpenLengthGoesThroughAReshape) {
  OnnxFile file;
  file.input("x", {"n", "6"}).longs("shape", {2}, {-1, 2});
  file.node("Reshape", {"x", "shape"}, {"r"}).node("Shape", {"r"}, {"s"});
  file.longs("at", {}, {0}).longs("three", {}, {3}).node("Gather", {"s", "at"}, {"rows"});
  file.node("Div", {"rows", "three"}, {"back"}).longs("up", {1}, {0});
  file.node("Unsqueeze", {"back", "up"}, {"b"}).longs("six", {1}, {6});
  file.node("Concat", {"b", "six"}, {"whole"}, {integer("axis", 0)});
  file.node("Reshape", {"r", "whole"}, {"y"}).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("_operator.mul(0=%"));
}

TEST(OnnxBranches, APlaceOfAnOpenLengthLeavesTheChannelsFree) {
  OnnxFile file;
  file.input("x", {"1", "3", "time"}).weight("up", {4, 3, 1}).weight("down", {2, 4});
  file.longs("at", {}, {0}).node("Conv", {"x", "up"}, {"h"});
  file.node("Gather", {"h", "at"}, {"first"}, {integer("axis", 2)});
  file.node("Gemm", {"first", "down"}, {"y"}, {integer("transB", 1)}).output("y");
  EXPECT_THAT(derived(file).spec_text, HasSubstr("down: _, up"));
}

}  // namespace
}  // namespace mgit::testing
