// Graphs computed in float64, against what PyTorch computed in float64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mgit/format.h"
#include "unit/graph/data_file.h"
#include "unit/graph/pt2_file.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The tensors of a file of torch.save's.
std::map<std::string, GraphTensor> tensors_of(const std::string& name) {
  const std::string file = from_disk(name);
  const Bytes bytes = as_bytes(file);
  std::map<std::string, GraphTensor> result;
  for (const StoredTensor& tensor : parse_checkpoint(bytes, name).tensors) {
    const Bytes storage = bytes.subspan(tensor.offset, tensor.length);
    Buffer data(storage.begin(), storage.end());
    if (tensor.placement) {
      data.resize(byte_size(tensor.info.dtype, tensor.info.shape).value());
      gather_placed(storage, tensor.info.dtype, tensor.info.shape, *tensor.placement, data);
    }
    result[tensor.info.name] = graph_tensor({tensor.info.dtype, tensor.info.shape, data});
  }
  return result;
}

/// "w:NAME" are weights, "i:0" .. inputs, "o:0" .. outputs.
void expect_what_pytorch_computed(const std::string& name, std::size_t outputs) {
  const Graph graph = read_pt2(as_bytes(from_disk(name + ".pt2")), name);
  const auto tensors = tensors_of(name + ".pt");
  std::map<ValueId, GraphTensor> given;
  for (const GraphParameter& parameter : graph.parameters)
    given[parameter.value] = tensors.at("w:" + parameter.tensor);
  for (std::size_t i = 0; i < graph.inputs.size(); ++i)
    given[graph.inputs[i]] = tensors.at("i:" + std::to_string(i));
  const std::vector<GraphTensor> computed = run_graph(graph, given);
  ASSERT_EQ(computed.size(), outputs);
  for (std::size_t i = 0; i < outputs; ++i) {
    const GraphTensor& expected = tensors.at("o:" + std::to_string(i));
    ASSERT_EQ(computed[i].shape, expected.shape) << i;
    for (std::size_t j = 0; j < expected.values.size(); ++j)
      ASSERT_NEAR(computed[i].values[j], expected.values[j],
                  1e-12 * std::max(1.0, std::fabs(expected.values[j])))
          << "output " << i << ", element " << j;
  }
}

TEST(RunGraph, ProductsAttentionIndexingAndNorms) {
  expect_what_pytorch_computed("reference_linear", 26);
}
TEST(RunGraph, ConvolutionsPoolingAndInterpolation) {
  expect_what_pytorch_computed("reference_space", 14);
}
TEST(RunGraph, RecurrentLayers) { expect_what_pytorch_computed("reference_recurrent", 7); }

GraphTensor tensor(Shape shape, std::vector<double> values, DType dtype = DType::kF32) {
  return {dtype, std::move(shape), std::move(values)};
}

std::vector<GraphTensor> computed(const Pt2File& file, const GraphTensor& input) {
  const Graph graph = read(file.archive());
  return run_graph(graph, {{graph.inputs.at(0), input}});
}

TEST(RunGraph, InPlaceWritesReachEveryView) {
  Pt2File file;
  file.input("x", {2, 3}).value("y", {2, 3}).value("t", {3, 2}).value("row", {2}).value("w", {2});
  file.node("aten.neg.default", {{"self", "%x"}}, "%y");
  file.node("aten.t.default", {{"self", "%y"}}, "%t");
  file.node("aten.select.int",
            {{"self", "%t"}, {"dim", R"({"as_int":0})"}, {"index", R"({"as_int":-1})"}}, "%row");
  file.node("aten.mul_.Tensor", {{"self", "%row"}, {"other", R"({"as_int":10})"}}, "%w");
  file.output("y").output("t");
  const auto outputs = computed(file, tensor({2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_THAT(outputs.at(0).values, ElementsAre(-1, -2, -30, -4, -5, -60));
  EXPECT_THAT(outputs.at(1).values, ElementsAre(-1, -4, -2, -5, -30, -60));
}

TEST(RunGraph, SizesAreComputedAsTheNetworkDoes) {
  Pt2File file;
  file.input("x", {-1, 4}).symbol("n").symbol("m").value("v", {-1, 2}).output("v");
  file.node("aten.sym_size.int", {{"self", "%x"}, {"dim", R"({"as_int":0})"}},
            R"({"as_sym_int":{"as_name":"n"}})");
  file.node("_operator.mul",
            {{"a", R"({"as_sym_int":{"as_name":"n"}})"}, {"b", R"({"as_sym_int":{"as_int":2}})"}},
            R"({"as_sym_int":{"as_name":"m"}})");
  file.node("aten.view.default",
            {{"self", "%x"}, {"size", R"({"as_sym_ints":[{"as_name":"m"},{"as_int":2}]})"}}, "%v");
  EXPECT_EQ(computed(file, tensor({3, 4}, std::vector<double>(12))).at(0).shape, (Shape{6, 2}));
}

TEST(RunGraph, IntegersAreCutOffAndNothingIsRounded) {
  Pt2File file;
  file.input("x", {2}).value("i", {2}, 5).value("h", {2}, 6).output("i").output("h");
  file.node("aten.to.dtype", {{"self", "%x"}, {"dtype", R"({"as_scalar_type":5})"}}, "%i");
  file.node("aten.to.dtype", {{"self", "%x"}, {"dtype", R"({"as_scalar_type":6})"}}, "%h");
  const auto outputs = computed(file, tensor({2}, {1.75, -1.0001}));
  EXPECT_THAT(outputs.at(0).values, ElementsAre(1, -1));
  EXPECT_THAT(outputs.at(1).values, ElementsAre(1.75, -1.0001));
}

TEST(RunGraph, ACrossProductIsTakenAlongItsAxis) {
  Pt2File file;
  file.input("x", {3, 2}).value("y", {3, 2}).value("z", {3, 2}).output("y").output("z");
  file.node("aten.flip.default", {{"self", "%x"}, {"dims", R"({"as_ints":[1]})"}}, "%y");
  file.value("c", {3, 2}).output("c");
  file.node("aten.cross.default", {{"self", "%x"}, {"other", "%y"}}, "%c");
  file.node("aten.linalg_cross.default",
            {{"self", "%x"}, {"other", "%y"}, {"dim", R"({"as_int":0})"}}, "%z");
  const auto outputs = computed(file, tensor({3, 2}, {1, 4, 2, 5, 3, 6}));
  EXPECT_THAT(outputs.at(1).values, ElementsAre(-3, 3, 6, -6, -3, 3));
  EXPECT_EQ(outputs.at(2).values, outputs.at(1).values);
}

std::string failure(const Pt2File& file, const GraphTensor& input) {
  try {
    computed(file, input);
  } catch (const Error& error) {
    return error.where() + ": " + error.what();
  }
  return {};
}

TEST(RunGraph, WhatCannotBeComputedIsNamed) {
  const GraphTensor x = tensor({2, 3}, std::vector<double>(6));
  Pt2File file;
  file.input("x", {-1, 3}).value("y", {2, 3}).output("y");
  Pt2File unknown = file;
  unknown.node("lib.mystery.default", {{"self", "%x"}}, "%y");
  EXPECT_EQ(failure(unknown, x), "net.pt2: operator lib.mystery cannot be computed");
  Pt2File wrong = file;
  wrong.node("aten.matmul.default", {{"self", "%x"}, {"other", "%x"}}, "%y", "fc");
  EXPECT_EQ(failure(wrong, x), "net.pt2: operator aten.matmul in fc: [2,3] times [2,3]");
  Pt2File same = file;
  same.node("aten.relu.default", {{"self", "%x"}}, "%y");
  EXPECT_EQ(failure(same, x), "");
  EXPECT_EQ(failure(same, tensor({4, 3}, std::vector<double>(12))),
            "net.pt2: operator aten.relu: the result is [4,3], which the graph has otherwise");
}

TEST(RunGraph, ArgumentsThatLieAreRefused) {
  const GraphTensor x = tensor({2, 3}, std::vector<double>(6));
  const auto refused = [&](const std::string& target, const Pt2File::Arguments& arguments) {
    Pt2File file;
    file.input("x", {2, 3}).value("y", {7, 7}).node(target, arguments, "%y").output("y");
    return failure(file, x);
  };
  const std::string huge = R"({"as_int":9223372036854775807})";
  EXPECT_THAT(refused("aten.select.int", {{"self", "%x"}, {"dim", huge}, {"index", huge}}),
              HasSubstr("an axis out of range"));
  EXPECT_THAT(refused("aten.permute.default", {{"self", "%x"}, {"dims", R"({"as_ints":[0,0]})"}}),
              HasSubstr("a permutation that has an axis twice"));
  EXPECT_THAT(refused("aten.expand.default",
                      {{"self", "%x"}, {"size", R"({"as_ints":[1000000,1000000,2,3]})"}}),
              HasSubstr("an array that is too large"));
  EXPECT_THAT(refused("aten.view.default", {{"self", "%x"}, {"size", R"({"as_ints":[-1,4]})"}}),
              HasSubstr("a size that cannot be told"));
  EXPECT_THAT(refused("aten.index_select.default",
                      {{"self", "%x"}, {"dim", R"({"as_int":1})"}, {"index", "%x"}}),
              HasSubstr("the result is [2,6]"));
  EXPECT_THAT(refused("aten.arange.start_step",
                      {{"start", R"({"as_int":0})"}, {"end", huge}, {"step", R"({"as_int":1})"}}),
              HasSubstr("a range without end"));
  EXPECT_THAT(refused("aten.slice.Tensor",
                      {{"self", "%x"}, {"dim", R"({"as_int":0})"}, {"step", R"({"as_int":0})"}}),
              HasSubstr("a slice of nothing"));
  EXPECT_THAT(refused("aten.linear.default", {{"input", "%x"}, {"weight", R"({"as_int":1})"}}),
              HasSubstr("argument weight is no tensor"));
}

}  // namespace
}  // namespace mgit::testing
