// The reader of ONNX models, on models made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/onnx_file.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

OnnxFile small() {
  OnnxFile file;
  file.input("x", {"batch", "4"}).weight("fc.weight", {3, 4}).weight("fc.bias", {3});
  file.node("Gemm", {"x", "fc.weight", "fc.bias"}, {"h"}, {integer("transB", 1)});
  return file.node("Relu", {"h"}, {"y"}).output("y");
}

TEST(Onnx, OperatorsBecomeThoseOfATen) {
  EXPECT_EQ(text_of(small()),
            "input %x F32[?,4]\n"
            "parameter %fc.weight F32[3,4] = fc.weight\n"
            "parameter %fc.bias F32[3] = fc.bias\n"
            "%h F32[?,3] = aten.linear.default(input=%x, weight=%fc.weight, bias=%fc.bias) in net\n"
            "%y F32[?,3] = aten.relu.default(self=%h) in net\n"
            "output %y F32[?,3]\n");
  EXPECT_EQ(read(small()).source, "net.onnx");
}

TEST(Onnx, ShapesThatTheGraphComputesAreFollowed) {
  OnnxFile file;
  file.input("x", {"batch", "steps", "12"});
  file.longs("zero", {}, {0}).longs("axis", {1}, {0}).longs("heads", {2}, {3, -1});
  file.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
  file.node("Unsqueeze", {"batch", "axis"}, {"one"});
  file.longs("at", {}, {1}).node("Gather", {"shape", "at"}, {"steps"});
  file.node("Unsqueeze", {"steps", "axis"}, {"two"});
  file.node("Concat", {"one", "two", "heads"}, {"target"}, {integer("axis", 0)});
  file.node("Reshape", {"x", "target"}, {"y"}).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("F32[?,?,3,4] = aten.reshape"));
}

TEST(Onnx, AnOpenLengthThatIsAskedForIsRead) {
  OnnxFile file;
  file.input("x", {"batch", "4"}).longs("first", {}, {0}).longs("two", {}, {2});
  file.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "first"}, {"batch"});
  file.node("Mul", {"batch", "two"}, {"twice"}).longs("axis", {1}, {0}).longs("half", {1}, {2});
  file.node("Unsqueeze", {"twice", "axis"}, {"rows"});
  file.node("Concat", {"rows", "half"}, {"target"}, {integer("axis", 0)});
  file.node("Reshape", {"x", "target"}, {"y"}).output("y");
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("= aten.sym_size.int(self=%x, dim=0)"));
  EXPECT_THAT(text, HasSubstr("= _operator.mul("));
  EXPECT_THAT(text, HasSubstr("%y F32[?,2] = aten.reshape"));
}

TEST(Onnx, WhatIsNotKnownKeepsItsNameAndAllThatItReads) {
  OnnxFile file;
  file.input("x", {"2", "4"}).weight("w", {4});
  file.node("Strange", {"x", "", "w"}, {"a"}, {}, "com.example").node("Relu", {"a"}, {"b"});
  OnnxFile body;
  body.node("Add", {"x", "w"}, {"sum"}).output("sum");
  file.node("If", {"b"}, {"c"}, {subgraph("then_branch", body.graph())}).output("c");
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("com.example.Strange(0=%x, 1=none, 2=%w)"));
  EXPECT_THAT(text, HasSubstr("onnx.Relu(0=%a)")) << "of unknown rank";
  EXPECT_THAT(text, HasSubstr("onnx.If(0=%b, 1=%x, 2=%w)"));
}

TEST(Onnx, AnOperatorInAFormThatIsNotKnownStaysAsItIs) {
  OnnxFile file;
  file.input("x", {"1", "2", "8", "8"}).describe("y", {"1", "2", "16", "16"});
  file.weight("scales", {4}, {1, 1, 2, 2});
  file.node("Resize", {"x", "", "scales"}, {"y"}, {word("mode", "nearest")}).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("%y F32[1,2,16,16] = onnx.Resize("));
}

TEST(Onnx, PaddingThatIsNotEvenIsAnOperatorOfItsOwn) {
  OnnxFile file;
  file.input("x", {"1", "2", "8"}).weight("w", {5, 2, 3});
  file.node("Conv", {"x", "w"}, {"y"}, {integers("pads", {2, 1}), integers("strides", {2})});
  file.output("y");
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("F32[1,2,11] = aten.constant_pad_nd.default(self=%x, pad=[2, 1]"));
  EXPECT_THAT(text, HasSubstr("F32[1,5,5] = aten.conv1d"));
}

OnnxFile lstm(const std::string& direction, std::int64_t directions) {
  OnnxFile file;
  file.input("x", {"7", "2", "3"});
  std::vector<std::string> lifted[3];
  const std::vector<std::int64_t> shapes[3] = {{8, 3}, {8, 2}, {16}};
  const char* names[3] = {"W", "R", "B"};
  file.longs("axis", {1}, {0}).longs("at0", {1}, {0}).longs("at2", {1}, {2});
  file.longs("at6", {1}, {6}).longs("at8", {1}, {8});
  for (std::int64_t d = 0; d < directions; ++d)
    for (int i = 0; i < 2; ++i) {
      // As PyTorch's exporter: gates in, forget, cell, out become in, out, forget, cell.
      const std::string w = fmt::format("{}{}", names[i], d);
      file.weight(w, shapes[i]);
      file.node("Slice", {w, "at0", "at2", "axis"}, {w + "i"});
      file.node("Slice", {w, "at6", "at8", "axis"}, {w + "o"});
      file.node("Slice", {w, "at2", "at6", "axis"}, {w + "fc"});
      file.node("Concat", {w + "i", w + "o", w + "fc"}, {w + "all"}, {integer("axis", 0)});
      file.node("Unsqueeze", {w + "all", "axis"}, {w + "up"});
      lifted[i].push_back(w + "up");
    }
  for (int i = 0; i < 2; ++i) file.node("Concat", lifted[i], {names[i]}, {integer("axis", 0)});
  file.node("LSTM", {"x", "W", "R"}, {"Y"},
            {word("direction", direction), integer("hidden_size", 2)});
  file.node("Transpose", {"Y"}, {"t"}, {integers("perm", {0, 2, 1, 3})});
  file.longs("shape", {3}, {0, 0, -1}).node("Reshape", {"t", "shape"}, {"y"});
  return file.output("y");
}

TEST(Onnx, GatesThatWereReorderedComeBack) {
  EXPECT_THAT(nodes_of(lstm("forward", 1)), HasSubstr("params=[%W0, %R0], has_biases=false"));
  const std::string both = nodes_of(lstm("bidirectional", 2));
  EXPECT_THAT(both, HasSubstr("params=[%W0, %R0, %W1, %R1]"));
  EXPECT_THAT(both, Not(HasSubstr("aten.slice"))) << "what is not read is left out";
  EXPECT_THAT(both, Not(HasSubstr("aten.reshape"))) << "and so is a detour";
}

TEST(Onnx, AnLstmAndConstantsAreComputedAsTheFileSays) {
  // One step: i = o = f = 1/2 of sigmoid(0), c = tanh(w x).
  OnnxFile file;
  file.input("x", {"1", "1", "1"}).weight("W", {1, 4, 1}, {0, 0, 0, 2}).weight("R", {1, 4, 1});
  file.node("LSTM", {"x", "W", "R"}, {"", "h"}, {integer("hidden_size", 1)});
  file.node("Constant", {}, {"two"}, {Message().bytes(1, "value_float").real(2, 2).text()});
  file.node("Mul", {"h", "two"}, {"y"}).output("y");
  const Graph graph = read(file);
  std::map<ValueId, GraphTensor> given;
  for (const GraphParameter& each : graph.parameters)
    given[each.value] = {
        DType::kF32,
        {1, 4, 1},
        each.tensor == "W" ? std::vector<double>{0, 0, 0, 2} : std::vector<double>(4)};
  given[graph.inputs[0]] = {DType::kF32, {1, 1, 1}, {0.25}};
  const auto outputs = run_graph(graph, given);
  EXPECT_NEAR(outputs.at(0).values.at(0), 2 * 0.5 * std::tanh(0.5 * std::tanh(0.5)), 1e-12);
}

TEST(Onnx, PaddingThatIsComputedByAMatrixIsKnown) {
  OnnxFile file;
  file.input("x", {"1", "2", "8", "8"}).longs("given", {4}, {1, 0, 0, 2}).longs("more", {1}, {4});
  file.node("ConstantOfShape", {"more"}, {"zeros"},
            {Message()
                 .bytes(1, "value")
                 .bytes(5, tensor_proto("", {1}, kOnnxLong, raw_longs({0})))
                 .text()});
  file.node("Concat", {"given", "zeros"}, {"all"}, {integer("axis", 0)});
  file.longs("pairs", {2}, {-1, 2}).node("Reshape", {"all", "pairs"}, {"matrix"});
  file.longs("last", {1}, {-1}).longs("first", {1}, {std::numeric_limits<std::int64_t>::min() + 1});
  file.longs("rows", {1}, {0})
      .node("Slice", {"matrix", "last", "first", "rows", "last"}, {"turned"});
  file.node("Transpose", {"turned"}, {"t"}, {integers("perm", {1, 0})});
  file.node("Reshape", {"t", "last"}, {"pads"}).node("Pad", {"x", "pads"}, {"y"}).output("y");
  EXPECT_THAT(
      nodes_of(file),
      HasSubstr("%y F32[1,2,10,9] = aten.constant_pad_nd.default(self=%x, pad=[1, 0, 0, 2]"));
}

TEST(Onnx, OneSlopeForEachChannel) {
  OnnxFile file;
  file.input("x", {"1", "2", "8"}).weight("slope", {2, 1}, {0.5F, 2});
  file.node("PRelu", {"x", "slope"}, {"y"}).output("y");
  EXPECT_THAT(nodes_of(file), HasSubstr("%y F32[1,2,8] = aten.prelu.default(self=%x, weight="));
}

TEST(Onnx, LookingUpIsAnEmbeddingOrAnIndexOrAPlace) {
  OnnxFile file;
  file.input("t", {"2", "5"}, kOnnxLong).weight("table", {7, 4}).longs("one", {}, {1});
  file.longs("some", {2}, {3, 0}).node("Gather", {"table", "t"}, {"a"});
  file.node("Gather", {"table", "some"}, {"b"}).node("Gather", {"table", "one"}, {"c"});
  for (const char* name : {"a", "b", "c"}) file.output(name);
  const std::string text = nodes_of(file);
  EXPECT_THAT(text, HasSubstr("%a F32[2,5,4] = aten.embedding.default(weight=%table, indices=%t)"));
  EXPECT_THAT(text, HasSubstr("%b F32[2,4] = aten.index.default(self=%table, indices=[%some])"));
  EXPECT_THAT(text, HasSubstr("%c F32[4] = aten.select.default(self=%table, dim=0, index=1)"));
}

TEST(Onnx, ModelsThatLieAreRefused) {
  const auto refusal = [](const OnnxFile& file) { return onnx_refusal(file.file()); };
  EXPECT_THAT(refusal(small().node("Relu", {"nothing"}, {"z"})),
              HasSubstr("net.onnx: node 2 (Relu): nothing is used before it is defined"));
  EXPECT_THAT(refusal(small().node("Relu", {"h"}, {"y"})), HasSubstr("y is defined twice"));
  EXPECT_THAT(refusal(OnnxFile()
                          .input("x", {"2"})
                          .node("Add", {"x", "b"}, {"a"})
                          .node("Add", {"x", "a"}, {"b"})),
              HasSubstr("b is used before it is defined"))
      << "a cycle";
  EXPECT_THAT(refusal(small().describe("h", {"batch", "5"})), HasSubstr("other lengths"));
  EXPECT_THAT(refusal(small().describe("h", {"batch"})), HasSubstr("another rank"));
  EXPECT_THAT(refusal(small().output("nothing")), HasSubstr("used before it is defined"));
  EXPECT_THAT(
      refusal(
          OnnxFile().input("x", {"2", "3"}).input("y", {"2", "4"}).node("Add", {"x", "y"}, {"z"})),
      HasSubstr("lengths that do not fit each other"));
  const auto reshaped = [&](const std::vector<std::int64_t>& shape) {
    OnnxFile file;
    file.input("x", {"2", "3"});
    file.longs("s", {static_cast<std::int64_t>(shape.size())}, shape);
    return refusal(file.node("Reshape", {"x", "s"}, {"y"}).output("y"));
  };
  EXPECT_THAT(reshaped({3, 2}), IsEmpty());
  EXPECT_THAT(reshaped({4, 2}), HasSubstr("does not fit"));
  EXPECT_THAT(reshaped({-1, -1}), HasSubstr("two lengths"));
  EXPECT_THAT(reshaped({-1, 4}), HasSubstr("does not fit"));
}

TEST(Onnx, TensorsThatLieAreRefused) {
  const auto refusal = [](const std::string& tensor) {
    OnnxFile file;
    return onnx_refusal(file.input("x", {"2"}).initializer(tensor).output("x").file());
  };
  EXPECT_THAT(refusal(tensor_proto("n", {3}, kOnnxLong, raw_longs({1, 2}))),
              HasSubstr("n has not the bytes of its shape"));
  EXPECT_THAT(refusal(tensor_proto("n", {1LL << 40, 1LL << 40}, kOnnxFloat, "")),
              HasSubstr("sizes overflow"));
  EXPECT_THAT(refusal(Message().number(1, 2).number(2, 7).bytes(8, "n").number(14, 1).text()),
              HasSubstr("n is in another file"));
  EXPECT_THAT(refusal(Message().number(1, 1).number(2, 8).bytes(8, "n").bytes(6, "text").text()),
              HasSubstr("text"));
}

TEST(Onnx, GraphsNestedWithoutEndAreRefused) {
  std::string graph = OnnxFile().output("x").graph();
  for (int i = 0; i < 40; ++i) {
    OnnxFile outer;
    graph = outer.node("If", {}, {"y"}, {subgraph("then_branch", graph)}).graph();
  }
  EXPECT_THAT(onnx_refusal(Message().number(1, 10).bytes(7, graph).text()),
              HasSubstr("nested too deeply"));
}

TEST(Onnx, EveryTruncationIsRefusedOrAGraph) {
  const std::string file = lstm("bidirectional", 2).file();
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_THAT(onnx_refusal(file.substr(0, size)), HasSubstr("net.onnx: ")) << size;
  EXPECT_THAT(onnx_refusal("PK\x03\x04 no protocol buffer"), HasSubstr("not an ONNX model"));
}

}  // namespace
}  // namespace mgit::testing
