// Graphs of TorchScript archives: their shapes hold when they are run, and the specs derived from
// them are proved. Some archives are PyTorch's (data/make_torchscript.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/data_file.h"
#include "unit/graph/torchscript_file.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;

/// Running a graph compares every shape with the one that the reader told.
std::vector<GraphTensor> run(const Graph& graph) {
  std::map<ValueId, GraphTensor> given;
  for (const ValueId input : graph.inputs) {
    GraphTensor tensor{DType::kF64, {}, {}};
    for (const auto& length : graph.values[input].shape) tensor.shape.push_back(*length);
    for (std::uint64_t i = 0; i < *element_count(tensor.shape); ++i)
      tensor.values.push_back(0.25 + 0.5 * static_cast<double>(i % 7));
    given.emplace(input, std::move(tensor));
  }
  return run_graph(graph, given);
}

TEST(TorchScriptNetworks, ShapesAreThoseThatRunningGives) {
  const std::string body =
      "w = torch.reshape(torch.slice(x, 0, 0, 1), [6])\n"
      "square = torch.matmul(torch.t(torch.view(x, [4, 6])), torch.view(x, [4, 6]))\n"
      "vector = torch.matmul(square, w)\n"
      "number = torch.matmul(w, w)\n"
      "batch = torch.view(x, [2, 2, 6])\n"
      "product = torch.matmul(batch, square)\n"
      "sums = torch.baddbmm(product, torch.bmm(product, torch.transpose(batch, 1, 2)), batch)\n"
      "picture = torch.view(x, [1, 2, 3, 4])\n"
      "kernel = torch.view(torch.slice(torch.flatten(x), 0, 0, 16), [2, 2, 2, 2])\n"
      "a = torch.conv2d(picture, kernel, None, [2, 1], [1, 0])\n"
      "b = torch.conv_transpose2d(picture, kernel, None, [2, 2], [1, 1], [1, 1])\n"
      "c = torch.conv2d(picture, kernel, None, [1, 1], \"same\")\n"
      "d = torch._convolution(picture, kernel, None, [1, 1], [0, 0], [1, 2], False, [0, 0], 1, "
      "False, False, True, True)\n"
      "e = torch.adaptive_avg_pool2d(picture, [2, 1])\n"
      "f = torch.upsample_nearest2d(picture, None, [2., 1.5])\n"
      "g = torch.upsample_bilinear2d(picture, [5, 6], False)\n"
      "h = torch.max_pool2d(f, [2, 2], [2, 1])\n"
      "i = torch.where(torch.gt(w, 1), square, 0.)\n"
      "j, k, = torch.topk(square, 2, 1)\n"
      "l = torch.scaled_dot_product_attention(batch, torch.relu(batch), product)\n"
      "m = torch.einsum(\"bij,jk->bik\", [batch, square])\n"
      "n = torch.stack(torch.unbind(x, 0), 1)\n"
      "o = torch.addmm(w, square, square)\n"
      "p = torch.cumsum(torch.expand(torch.unsqueeze(w, 0), [3, -1]), 1)\n"
      "q = torch.add(torch.unsqueeze(w, 1), w)\n"
      "r = torch.cat([torch.chunk(x, 4, 0)[3], torch.select(batch, 0, -1)], -2)\n"
      "s = torch.slice(torch.permute(picture, [0, -1, 1, 2]), 1, -3, 9223372036854775807, 2)\n"
      "t = torch.split(torch.swapaxes(picture, 0, 3), 3, 0)\n"
      "return (vector, number, sums, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t)";
  const Graph graph = read(method(body, {4, 6}));
  const std::vector<GraphTensor> outputs = run(graph);
  EXPECT_EQ(outputs.size(), 23u);
  const auto shape_of = [&](std::size_t i) { return outputs[i].shape; };
  EXPECT_EQ(shape_of(3), (Shape{1, 2, 2, 3}));
  EXPECT_EQ(shape_of(4), (Shape{1, 2, 5, 7}));
  EXPECT_EQ(shape_of(5), (Shape{1, 2, 3, 4}));
}

TEST(TorchScriptNetworks, AStepOfACellIsALayerOverASequenceOfOne) {
  const std::vector<GraphTensor> outputs = run(read(method(
      "h = torch.slice(x, 1, 0, 4)\n"
      "c = torch.slice(x, 1, 2, 6)\n"
      "s = torch.unsqueeze(x, 0)\n"
      "w = torch.div(torch.reshape(torch.arange(0, 96), [16, 6]), 100)\n"
      "u = torch.div(torch.reshape(torch.arange(0, 64), [16, 4]), 50)\n"
      "b = torch.select(u, 1, 1)\n"
      "y, hn, cn, = torch.lstm(s, [torch.unsqueeze(h, 0), torch.unsqueeze(c, 0)], [w, u, b, b], "
      "True, 1, 0., False, False, False)\n"
      "h1, c1, = torch.lstm_cell(x, [h, c], w, u, b, b)\n"
      "w3 = torch.slice(w, 0, 0, 12)\n"
      "u3 = torch.slice(u, 0, 0, 12)\n"
      "z, hz, = torch.gru(s, torch.unsqueeze(h, 0), [w3, u3], False, 1, 0., False, False, False)\n"
      "g1 = torch.gru_cell(x, h, w3, u3)\n"
      "w1 = torch.slice(w, 0, 0, 4)\n"
      "u1 = torch.slice(u, 0, 0, 4)\n"
      "r, hr, = torch.rnn_tanh(s, torch.unsqueeze(h, 0), [w1, u1], False, 1, 0., False, False, "
      "False)\n"
      "r1 = torch.rnn_tanh_cell(x, h, w1, u1)\n"
      "return (torch.select(y, 0, 0), h1, torch.select(cn, 0, 0), c1, torch.select(hz, 0, 0), g1, "
      "torch.select(r, 0, 0), r1)")));
  ASSERT_EQ(outputs.size(), 8u);
  for (std::size_t i = 0; i < outputs.size(); i += 2)
    EXPECT_EQ(outputs[i].values, outputs[i + 1].values) << i;
  EXPECT_NE(outputs[0].values, outputs[2].values);
}

TEST(TorchScriptNetworks, LayersInOneOperatorAreTakenApart) {
  ScriptFile file = method(
      "w = torch.zeros([12, 4])\n"
      "b = torch.ones([12])\n"
      "s = torch.ones([4, 4])\n"
      "t = torch.ones([4])\n"
      "y, n, = torch._native_multi_head_attention(x, x, x, 4, 2, w, b, s, t)\n"
      "return torch._transformer_encoder_layer_fwd(y, 4, 2, w, b, s, t, True, False, 1e-05, t, t, "
      "t, t, w, b, torch.t(w), t)",
      {2, 3, 4});
  const Graph graph = read(file);
  std::size_t attentions = 0;
  for (const GraphNode& node : graph.nodes)
    attentions += node.op == "aten.scaled_dot_product_attention" ? 1U : 0U;
  EXPECT_EQ(attentions, 2u);
  EXPECT_EQ(run(graph).at(0).shape, (Shape{2, 3, 4}));
  EXPECT_THAT(
      script_refusal(method("return torch._native_multi_head_attention(x, x, x, 4, 2, x, x, "
                            "x, x, x)",
                            {2, 3, 4})
                         .archive()),
      HasSubstr("attention with a mask is not understood"));
}

/// The spec that a graph allows, which is proved by running it.
std::string proved_spec(const Graph& graph) {
  const MemoryModel network = zeros_for(graph);
  const Derivation derivation = derive_spec(graph, network.tensors());
  EXPECT_EQ(derivation.unknown_operators, std::vector<std::string>{});
  const Spec spec = bind_spec(derivation.spec_text, "derived", network.tensors());
  const NumericProof proof = prove(graph, spec, network);
  EXPECT_TRUE(proof.proved) << proof.reason;
  return derivation.spec_text;
}

TEST(TorchScriptNetworks, AConvolutionalNetworkOfPyTorchs) {
  const std::string file = from_disk("picture.torchscript.pt");
  const Graph all = read_torchscript(as_bytes(file), "net.pt");
  std::vector<std::string> names;
  for (const GraphParameter& parameter : all.parameters)
    if (parameter.tensor != "scale") names.push_back(parameter.tensor);
  const std::string spec = proved_spec(read_torchscript(as_bytes(file), "net.pt", names));
  EXPECT_THAT(spec, HasSubstr("enter.weight: "));
  EXPECT_THAT(spec, HasSubstr("deep.weight: enter.blocks*deep.units, enter.units, _, _"));
  EXPECT_THAT(spec,
              HasSubstr("join.weight: join, enter.blocks*deep.units+enter.blocks*enter.units, "));
  EXPECT_THAT(spec, HasSubstr("leave.weight: _, join*_:9"));
}

TEST(TorchScriptNetworks, AttentionAndALstmOfPyTorchs) {
  const std::string spec =
      proved_spec(read_torchscript(as_bytes(from_disk("words.torchscript.pt")), "net.pt"));
  EXPECT_THAT(spec, HasSubstr("head.weight: _, rnn.weight_hh_l0"));
  EXPECT_THAT(spec, HasSubstr("embed.weight: _, "));
}

TEST(TorchScriptNetworks, AScriptedNetworkOfPyTorchs) {
  const std::string file = from_disk("scripted.torchscript.pt");
  const std::string spec =
      proved_spec(read_torchscript(as_bytes(file), "net.pt", {}, {{DType::kF32, {200, 4}}}));
  EXPECT_THAT(spec, HasSubstr("leave.weight: _, layers.2"));
  EXPECT_THAT(script_refusal(file, {{DType::kF32, {4}}}), HasSubstr("a batch of rows"));
}

}  // namespace
}  // namespace mgit::testing
