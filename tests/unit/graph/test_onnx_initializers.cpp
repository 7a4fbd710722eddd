// Which tensors of a checkpoint the initialisers of an ONNX model are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/graph_builder.h"
#include "unit/graph/onnx_file.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;

using Floats = std::vector<float>;

/// A checkpoint and the model exported from it.
struct ExportedModel {
  OnnxFile file;
  MemoryModel checkpoint;

  void tensor(const std::string& name, const Shape& shape, const Floats& values) {
    const Bytes bytes = std::as_bytes(std::span(values));
    checkpoint.set({name, DType::kF32, shape}, Buffer(bytes.begin(), bytes.end()));
  }
  Graph bind() const {
    const std::string bytes = file.file();
    const auto initializers = onnx_initializers(as_bytes(bytes), "net.onnx");
    return bind_initializers(read(file), *initializers, checkpoint);
  }
  Derivation derive() const { return derive_spec(bind(), checkpoint.tensors()); }
  std::string refusal() const {
    try {
      bind();
    } catch (const Error& error) {
      return error.where() + ": " + error.what();
    }
    return {};
  }
};

/// Two linear layers, 3 to 2 to 2; names and bytes of the weights as an exporter may have left
/// them.
struct TwoLayers {
  std::string first = "fc1.weight";
  std::string second = "onnx::MatMul_7";
  Floats first_values = {1, 2, 3, 4, 5, 6};
  Floats second_values = {7, 9, 8, 10};  // [in, out]
  Floats second_tensor = {7, 8, 9, 10};  // [out, in]

  ExportedModel exported() const {
    ExportedModel net;
    net.file.input("x", {"batch", "3"}).weight(first, {2, 3}, first_values);
    net.file.weight(second, {2, 2}, second_values).weight("fc1.bias", {2}, {0, 0});
    net.file.node("Gemm", {"x", first, "fc1.bias"}, {"h"}, {integer("transB", 1)});
    net.file.node("Relu", {"h"}, {"r"}).node("MatMul", {"r", second}, {"m"});
    net.file.node("Add", {"fc1.bias", "m"}, {"y"}).output("y");
    net.tensor("fc1.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
    net.tensor("fc1.bias", {2}, {0, 0});
    net.tensor("fc2.weight", {2, 2}, second_tensor);
    return net;
  }
};

TEST(OnnxInitializers, ATransposedWeightUnderAnotherNameIsFound) {
  ExportedModel net = TwoLayers().exported();
  const std::string text = graph_text(net.bind());
  EXPECT_THAT(text, HasSubstr("parameter %fc2.weight F32[2,2] = fc2.weight\n"));
  EXPECT_THAT(text, HasSubstr("= aten.t.default(self=%fc2.weight)\n"));
}

/// As TwoLayers, without the bias, so that the hidden units can move.
ExportedModel plain_layers() {
  ExportedModel net;
  net.file.input("x", {"batch", "3"}).weight("a", {3, 2}, {1, 4, 2, 5, 3, 6});
  net.file.weight("b", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}).node("MatMul", {"x", "a"}, {"h"});
  net.file.node("Relu", {"h"}, {"r"}).node("MatMul", {"r", "b"}, {"y"}).output("y");
  net.tensor("fc1.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  net.tensor("fc2.weight", {4, 2}, {1, 5, 2, 6, 3, 7, 4, 8});
  return net;
}

TEST(OnnxInitializers, TheSpecSpeaksOfTheCheckpointsAxes) {
  const Derivation found = plain_layers().derive();
  EXPECT_EQ(layout_of(found, "fc1.weight"), "fc1, _");
  EXPECT_EQ(layout_of(found, "fc2.weight"), "_, fc1");
}

TEST(OnnxInitializers, ContentsThatChangedUnderANameAreRefused) {
  TwoLayers folded;
  folded.first_values = {2, 4, 6, 8, 10, 12};  // a norm was folded into it
  EXPECT_EQ(folded.exported().refusal(),
            "net.onnx: initializers have other contents than the checkpoint's tensors of their "
            "names: fc1.weight");
}

TEST(OnnxInitializers, ContentsThatAreLeftOverOnBothSidesAreRefused) {
  TwoLayers folded;
  folded.second_values = {70, 90, 80, 100};
  EXPECT_EQ(folded.exported().refusal(),
            "net.onnx: no initializer has the contents of fc2.weight, and no tensor of the "
            "checkpoint those of onnx::MatMul_7");
}

TEST(OnnxInitializers, AWeightThatIsItsOwnTransposeIsRefused) {
  TwoLayers symmetric;
  symmetric.second_values = {7, 8, 8, 10};
  symmetric.second_tensor = symmetric.second_values;
  EXPECT_THAT(symmetric.exported().refusal(),
              HasSubstr("onnx::MatMul_7 is tensor fc2.weight or its transpose"));
}

TEST(OnnxInitializers, TensorsOfTheCheckpointThatTheModelLacksAreDerivesRefusal) {
  ExportedModel net = plain_layers();
  net.tensor("head.weight", {2, 2}, {11, 12, 13, 14});
  EXPECT_THROW(net.derive(), Error);
}

TEST(OnnxInitializers, MergedInitializersStandForAllTensorsOfTheirContents) {
  ExportedModel net = TwoLayers().exported();
  net.tensor("fc2.bias", {2}, {0, 0});  // the exporter kept one of two zero biases
  const Graph graph = net.bind();
  std::size_t names = 0;
  for (const GraphParameter& each : graph.parameters)
    names += each.tensor == "fc1.bias" || each.tensor == "fc2.bias" ? 1U : 0U;
  EXPECT_EQ(names, 2u);
  EXPECT_NO_THROW(net.derive());
}

TEST(OnnxInitializers, RowsOfATableThatWereLookedUpBefore) {
  ExportedModel net;
  net.file.input("x", {"batch", "3", "2"}).weight("embedding_1", {1, 3, 2}, {5, 6, 1, 2, 5, 6});
  net.file.node("Add", {"x", "embedding_1"}, {"y"}).output("y");
  net.tensor("positions.weight", {3, 2}, {1, 2, 3, 4, 5, 6});
  const Graph graph = net.bind();
  EXPECT_THAT(graph_text(graph), HasSubstr("aten.embedding.default(weight=%positions.weight"));
  std::vector<std::int64_t> rows(3);
  std::memcpy(rows.data(), graph.constants.begin()->second.data->data(), 24);
  EXPECT_EQ(rows, (std::vector<std::int64_t>{2, 0, 2}));
}

TEST(OnnxInitializers, ATensorThatWasExpandedBefore) {
  ExportedModel net;
  net.file.input("x", {"2", "3", "2"}).weight("expand", {2, 1, 2}, {5, 6, 5, 6});
  net.file.node("Concat", {"expand", "x"}, {"y"}, {integer("axis", 1)}).output("y");
  net.tensor("token", {1, 1, 2}, {5, 6});
  EXPECT_THAT(graph_text(net.bind()),
              HasSubstr("aten.expand.default(self=%token, size=[2, 1, 2])"));
}

TEST(OnnxInitializers, WhatIsNoTensorOfTheCheckpointIsAConstant) {
  ExportedModel net = plain_layers();
  net.file.weight("slopes", {4}, {1, 2, 3, 4}).node("Mul", {"y", "slopes"}, {"z"}).output("z");
  const Graph graph = net.bind();
  ASSERT_EQ(graph.constants.size(), 1u);
  EXPECT_EQ(graph.constants.begin()->second.info.name, "slopes");
  EXPECT_EQ(graph.parameters.size(), 2u);
}

TEST(OnnxInitializers, WeightsOfAnLstmWithItsGatesInOnnxsOrder) {
  ExportedModel net;
  net.file.input("x", {"7", "2", "1"});
  // in, out, forget, cell: one row each.
  net.file.weight("W", {1, 4, 1}, {1, 4, 2, 3}).weight("R", {1, 4, 1}, {11, 14, 12, 13});
  net.file.weight("B", {1, 8}, {21, 24, 22, 23, 31, 34, 32, 33});
  net.file.node("LSTM", {"x", "W", "R", "B"}, {"y"}, {integer("hidden_size", 1)}).output("y");
  net.tensor("lstm.weight_ih_l0", {4, 1}, {1, 2, 3, 4});
  net.tensor("lstm.weight_hh_l0", {4, 1}, {11, 12, 13, 14});
  net.tensor("lstm.bias_ih_l0", {4}, {21, 22, 23, 24});
  net.tensor("lstm.bias_hh_l0", {4}, {31, 32, 33, 34});
  EXPECT_THAT(graph_text(net.bind()),
              HasSubstr("params=[%lstm.weight_ih_l0, %lstm.weight_hh_l0, %lstm.bias_ih_l0, "
                        "%lstm.bias_hh_l0], has_biases=true"));
}

TEST(OnnxInitializers, ContentsInAnotherFileAreNotCompared) {
  ExportedModel net;
  net.file.input("x", {"batch", "3"});
  net.file.initializer(Message().number(1, 3).number(2, 1).bytes(8, "w").number(14, 1).text());
  net.file.node("Mul", {"x", "w"}, {"y"}).output("y");
  net.tensor("w", {3}, {1, 2, 3});
  EXPECT_THAT(net.refusal(), HasSubstr("contents of initializer w are in another file"));
}

TEST(OnnxInitializers, AModelIsItsOwnCheckpoint) {
  ExportedModel net;
  net.file.input("x", {"batch", "3"}).weight("fc1.weight", {2, 3}).weight("fc2.weight", {4, 2});
  net.file.node("Gemm", {"x", "fc1.weight"}, {"h"}, {integer("transB", 1)});
  net.file.node("Constant", {}, {"half"},
                {Message()
                     .bytes(1, "value")
                     .bytes(5, tensor_proto("", {}, kOnnxFloat, raw_floats({0.5F})))
                     .text()});
  net.file.node("Mul", {"h", "half"}, {"s"});
  net.file.node("Gemm", {"s", "fc2.weight"}, {"y"}, {integer("transB", 1)}).output("y");
  const std::vector<TensorInfo> network = {{"fc1.weight", DType::kF32, {2, 3}},
                                           {"fc2.weight", DType::kF32, {4, 2}},
                                           {"half.value", DType::kF32, {}}};
  const Derivation found = derive_spec(read(net.file), network);
  EXPECT_EQ(layout_of(found, "fc2.weight"), "_, fc1");
  EXPECT_THAT(found.spec_text, HasSubstr("skip half.value\n"));
}

}  // namespace
}  // namespace mgit::testing
