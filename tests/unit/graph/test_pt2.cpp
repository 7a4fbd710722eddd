// The reader of torch.export archives, on archives made here and two that PyTorch wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "unit/graph/data_file.h"
#include "unit/graph/pt2_file.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> floats_of(const GraphConstant& constant) {
  std::vector<float> values(constant.data->size() / sizeof(float));
  std::memcpy(values.data(), constant.data->data(), constant.data->size());
  return values;
}

Pt2File small() {
  Pt2File file;
  file.parameter("p_w", "fc.weight", {3, 4}).input("x", {-1, 4}).value("linear", {-1, 3});
  file.node("aten.linear.default", {{"input", "%x"}, {"weight", "%p_w"}}, "%linear", "fc");
  return file.output("linear");
}

TEST(Pt2, ReadsAProgram) {
  EXPECT_EQ(text_of(small()),
            "input %x F32[?,4]\n"
            "parameter %p_w F32[3,4] = fc.weight\n"
            "%linear F32[?,3] = aten.linear.default(input=%x, weight=%p_w) in fc\n"
            "output %linear F32[?,3]\n");
  const Graph graph = read(small().archive());
  EXPECT_EQ(graph.source, "net.pt2");
  EXPECT_EQ(std::get<ValueId>(*graph.nodes[0].find("input")), graph.inputs[0]);
  EXPECT_EQ(graph.nodes[0].find("bias"), nullptr);
}

TEST(Pt2, BothLayoutsThatPyTorchWroteGiveOneGraph) {
  const Graph folder = read(from_disk("mlp.pt2"));
  const Graph flat = read(from_disk("mlp_flat.pt2"));
  EXPECT_EQ(graph_text(folder), graph_text(flat));
  ASSERT_EQ(folder.constants.size(), 1u);
  const GraphConstant& shift = folder.constants.begin()->second;
  EXPECT_EQ(shift.info.name, "shift");
  EXPECT_EQ(floats_of(shift), (std::vector<float>{-1, 0, 1, 2, 3, 4}));
  EXPECT_EQ(*shift.data, *flat.constants.begin()->second.data);
  EXPECT_EQ(folder.nodes.size(), 7u);
  EXPECT_EQ(folder.nodes.back().module, "fc3");
}

TEST(Pt2, ATransformerOfTheHubsWithRotaryPositions) {
  const Graph graph = read(from_disk("llama.pt2"));
  EXPECT_EQ(graph.parameters.size(), 12u);
  const auto inv_freq = std::find_if(
      graph.constants.begin(), graph.constants.end(),
      [](const auto& each) { return each.second.info.name == "model.model.rotary_emb.inv_freq"; });
  ASSERT_NE(inv_freq, graph.constants.end());
  EXPECT_EQ(floats_of(inv_freq->second), (std::vector<float>{1.0f, 0.01f}));
  const auto attention = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const auto& node) {
    return node.op == "aten.scaled_dot_product_attention";
  });
  ASSERT_NE(attention, graph.nodes.end());
  EXPECT_EQ(attention->module, "model.model.layers.0.self_attn");
  EXPECT_EQ(std::get<double>(*attention->find("scale")), 0.5);
}

TEST(Pt2, ConstantsAreReadRowMajorFromTheirPlaceInAStorage) {
  Pt2File file = small();
  file.constant("c_t", "t", {2, 2})
      .stored("t", meta_json({2, 2}, 7, {1, 2}, 1), floats({9, 1, 2, 3, 4}));
  file.buffer("b_e", "e", {3}, false).stored("e", meta_json({3}, 7, {0}), floats({7}));
  const Graph graph = read(file.archive());
  std::map<std::string, std::vector<float>> found;
  for (const auto& [id, constant] : graph.constants)
    found[constant.info.name] = floats_of(constant);
  EXPECT_EQ(found["t"], (std::vector<float>{1, 3, 2, 4}));
  EXPECT_EQ(found["e"], (std::vector<float>{7, 7, 7}));
}

TEST(Pt2, ConstantsThatLieAreRefused) {
  const auto refused = [](const std::string& meta, const std::string& bytes) {
    Pt2File file = small();
    file.constant("c_t", "t", {2, 2});
    if (!meta.empty()) file.stored("t", meta, bytes);
    return refusal(file.archive());
  };
  EXPECT_EQ(refused("", ""), "net.pt2: constant t is missing");
  EXPECT_EQ(refused(meta_json({2, 2}), floats({1, 2, 3})),
            "net.pt2: constant t does not lie in its storage");
  EXPECT_EQ(refused(meta_json({2, 2}), ""), "net.pt2: constant t does not lie in its storage");
  EXPECT_EQ(refused(meta_json({2, 2}, 7, {1, 2}, 2), floats({1, 2, 3, 4})),
            "net.pt2: constant t does not lie in its storage");
  EXPECT_EQ(refused(meta_json({4}), floats({1, 2, 3, 4})),
            "net.pt2: constant t is F32 [4], where the graph has F32 [2,2]");
  EXPECT_EQ(refused(meta_json({2, 2}, 6), floats({1, 2})),
            "net.pt2: constant t is F16 [2,2], where the graph has F32 [2,2]");
  EXPECT_EQ(refused(meta_json({2, 2}, 7, {1, 2}, -1), floats({1, 2, 3, 4})),
            "net.pt2: a stored tensor has no fixed offset");
  Pt2File huge = small();
  huge.constant("c_t", "t", {1000000, 1000000});
  huge.stored("t", meta_json({1000000, 1000000}, 7, {0, 0}), floats({1}));
  EXPECT_EQ(refusal(huge.archive()), "net.pt2: constant t is too large");
}

TEST(Pt2, TiedWeightsAreOneValue) {
  Pt2File file;
  file.parameter("p_e", "emb.weight", {5, 4}, "w").parameter("p_h", "head.weight", {5, 4}, "w");
  file.input("x", {2, 4}).value("y", {2, 5});
  file.node("aten.linear.default", {{"input", "%x"}, {"weight", "%p_h"}}, "%y").output("y");
  EXPECT_EQ(text_of(file),
            "input %x F32[2,4]\n"
            "parameter %p_e F32[5,4] = emb.weight\n"
            "parameter %p_e F32[5,4] = head.weight\n"
            "%y F32[2,5] = aten.linear.default(input=%x, weight=%p_e)\n"
            "output %y F32[2,5]\n");
}

TEST(Pt2, WhatTheNetworkReturnsComesBeforeWhatItLeavesInBuffers) {
  Pt2File file;
  file.parameter("b_n", "steps", {4}).input("x", {4}).value("n", {4}).value("y", {4});
  file.node("aten.add.Tensor", {{"self", "%b_n"}, {"other", "%x"}}, "%n").changed("n", "steps");
  file.node("aten.relu.default", {{"self", "%n"}}, "%y").output("y");
  EXPECT_THAT(text_of(file), HasSubstr("output %y F32[4]\noutput %n F32[4]\n"));
}

TEST(Pt2, ComputedSizesAreValues) {
  Pt2File file;
  file.input("x", {-1, 8}).symbol("n").symbol("m").value("v", {-1, 2, 4});
  file.node("aten.sym_size.int", {{"self", "%x"}, {"dim", R"({"as_int":0})"}},
            R"({"as_sym_int":{"as_name":"n"}})");
  file.node("_operator.mul",
            {{"a", R"({"as_sym_int":{"as_name":"n"}})"}, {"b", R"({"as_sym_int":{"as_int":2}})"}},
            R"({"as_sym_int":{"as_name":"m"}})");
  file.node(
      "aten.view.default",
      {{"self", "%x"}, {"size", R"({"as_sym_ints":[{"as_name":"m"},{"as_int":2},{"as_int":-1}]})"}},
      "%v");
  file.node("aten.view.default", {{"self", "%v"}, {"size", R"({"as_sym_ints":[{"as_int":-1}]})"}},
            "%w");
  file.value("w", {-1}).output("w");
  EXPECT_EQ(text_of(file),
            "input %x F32[?,8]\n"
            "constant %2 I64[] = 8 bytes of 2\n"
            "constant %-1 I64[] = 8 bytes of -1\n"
            "%n I64[] = aten.sym_size.int(self=%x, dim=0)\n"
            "%m I64[] = _operator.mul(a=%n, b=2)\n"
            "%v F32[?,2,4] = aten.view.default(self=%x, size=[%m, %2, %-1])\n"
            "%w F32[?] = aten.view.default(self=%v, size=[-1])\n"
            "output %w F32[?]\n");
}

TEST(Pt2, EveryKindOfArgument) {
  Pt2File file;
  file.input("x", {2}).value("y", {2}).value("z", {2});
  file.node("lib.op.default",
            {{"a", R"({"as_none":true})"},
             {"b", R"({"as_float":"-Infinity"})"},
             {"c", R"({"as_floats":[0.5,1]})"},
             {"d", R"({"as_bools":[true,false]})"},
             {"e", R"({"as_scalar_type":13})"},
             {"f", R"({"as_memory_format":2})"},
             {"g", R"({"as_device":{"type":"cuda","index":1}})"},
             {"h", R"({"as_optional_tensors":[{"as_none":true},{"as_tensor":{"name":"x"}}]})"},
             {"i", R"({"as_nested_tensors":[[{"name":"x"}],[{"name":"x"}]]})"},
             {"j", R"({"as_int_lists":[[1],[2,3]]})"},
             {"k", R"({"as_string":"ij->ji"})"},
             {"l", R"({"as_layout":7})"},
             {"m", R"({"as_optional_tensor":{"as_tensor":{"name":"x"}}})"}},
            "[%y, %z]");
  file.output("z");
  EXPECT_EQ(text_of(file),
            "input %x F32[2]\n"
            "%y F32[2], %z F32[2] = lib.op.default(a=none, b=-inf, c=[0.5, 1.0], d=[true, false], "
            "e=\"BF16\", f=\"channels_last\", g=\"cuda\", h=[none, %x], i=[%x, %x], "
            "j=\"[[1],[2,3]]\", k=\"ij->ji\", l=\"strided\", m=%x)\n"
            "output %z F32[2]\n");
}

TEST(Pt2, AGraphInsideANodeBecomesPartOfTheGraph) {
  const std::string inner = fmt::format(
      R"({{"as_graph":{{"name":"submod_1","graph":{{"inputs":[{}],"outputs":[{}],"nodes":[{}],"tensor_values":{{"x":{},"y":{}}},"sym_int_values":{{}},"sym_bool_values":{{}}}}}}}})",
      argument_json("%x"), argument_json("%y"),
      Pt2File::node_json("aten.relu.default", {{"self", "%x"}}, "%y", "act"), meta_json({2}),
      meta_json({2}));
  Pt2File file;
  file.input("x", {2}).value("y", {2}).value("z", {2});
  file.node("aten.neg.default", {{"self", "%x"}}, "%y");
  const Pt2File plain = file;
  file.node("higher_order.wrap_with_set_grad_enabled",
            {{"", R"({"as_bool":false})"}, {"", inner}, {"", "%y"}}, "%z");
  file.output("z");
  EXPECT_EQ(text_of(file),
            "input %x F32[2]\n"
            "%y F32[2] = aten.neg.default(self=%x)\n"
            "%y#2 F32[2] = aten.relu.default(self=%y) in act\n"
            "output %y#2 F32[2]\n");

  Pt2File branch = plain;
  branch.node("higher_order.cond", {{"", "%x"}, {"", inner}, {"", inner}, {"", "[%y]"}}, "%z");
  branch.output("z");
  EXPECT_THAT(text_of(branch),
              HasSubstr("%z F32[2] = higher_order.cond(0=%x, 1=\"submod_1\", 2=\"submod_1\", "
                        "3=[%y])\n"));
}

TEST(Pt2, AssertionsAreLeftOut) {
  Pt2File file = small();
  file.node("aten._assert_tensor_metadata.default",
            {{"a", "%linear"}, {"dtype", R"({"as_scalar_type":7})"}}, "");
  EXPECT_EQ(text_of(file), text_of(small()));
}

TEST(Pt2, ProgramsThatLieAreRefused) {
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string program = small().program();
    const std::size_t at = program.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    program.replace(at, from.size(), to);
    return refusal(small().archive(program));
  };
  EXPECT_EQ(changed(R"("arg":{"as_tensor":{"name":"x"}},"kind")",
                    R"("arg":{"as_tensor":{"name":"linear"}},"kind")"),
            "net.pt2: node 0: linear is used before it is defined");
  EXPECT_EQ(changed(R"("outputs":[{"as_tensor":{"name":"linear"}}],"metadata")",
                    R"("outputs":[{"as_tensor":{"name":"x"}}],"metadata")"),
            "net.pt2: node 0: x is defined twice");
  EXPECT_EQ(changed(R"("linear":{)", R"("other":{)"),
            "net.pt2: node 0: value linear is not described");
  EXPECT_EQ(changed(R"({"as_int":3},{"as_int":4})", R"({"as_int":-3},{"as_int":4})"),
            "net.pt2: value p_w: a size is negative");
  EXPECT_EQ(changed(R"({"as_int":3},{"as_int":4})",
                    R"({"as_int":4611686018427387904},{"as_int":4611686018427387904})"),
            "net.pt2: value p_w: its sizes overflow");
  EXPECT_EQ(changed(R"({"as_int":3},{"as_int":4})", R"({"as_int":99999999999999999999})"),
            "net.pt2: value p_w: a size is not an integer");
  EXPECT_EQ(changed(R"("kind":1})", R"("kind":1},3)"),
            "net.pt2: node 0: no object to have a \"name\"");
  EXPECT_EQ(changed(R"("as_tensor":{"name":"x"}},"kind")", R"("as_tensor":{"name":3}},"kind")"),
            "net.pt2: node 0: a name is not a text");
  EXPECT_EQ(changed(R"("nodes":[)", R"("knots":[)"), "net.pt2: \"nodes\" is missing");
  EXPECT_EQ(changed(R"("inputs":[{"as_tensor":{"name":"p_w"}},)", R"("inputs":[)"),
            "net.pt2: the signature has p_w twice, or it is no input");
  EXPECT_EQ(changed(R"(,{"user_input":{"arg":{"as_tensor":{"name":"x"}}}})", ""),
            "net.pt2: the signature leaves out input x");
  EXPECT_EQ(changed(R"({"major":8)", R"({"major":7)"),
            "net.pt2: a program of schema version 7, where mgit reads version 8");
  EXPECT_EQ(changed("fc.weight", "fc.\xff"), "net.pt2: not JSON");
  EXPECT_EQ(changed("{", ""), "net.pt2: not JSON");
  EXPECT_EQ(changed(R"("kind":1})", R"("kind":1,"kind":2})"), "net.pt2: JSON that has kind twice");
  EXPECT_EQ(changed(R"("kind":1})", R"("kind":1,"stack_trace":{"a":[1,{}],"a":2},"k":3})"), "");
  EXPECT_EQ(
      changed(R"("kind":1})", R"("kind":)" + std::string(300, '[') + std::string(300, ']') + "}"),
      "net.pt2: JSON that is nested too deeply");
}

TEST(Pt2, ArchivesThatAreNoneAreRefused) {
  const auto zip = [](const std::vector<std::string>& names) {
    ZipBuilder builder;
    for (const std::string& name : names) builder.add({.name = name, .data = "big"});
    return refusal(builder.finish());
  };
  EXPECT_EQ(refusal("PK"), "net.pt2: not a torch.export archive");
  EXPECT_EQ(zip({"a/data.pkl", "a/models/"}), "net.pt2: no exported program in it");
  EXPECT_EQ(zip({"a/models/one.json", "a/models/two.json"}),
            "net.pt2: several exported programs in it, none of them called \"model\"");
  EXPECT_EQ(zip({"a/models/one.json", "a/byteorder"}),
            "net.pt2: it comes from a big-endian machine");
  EXPECT_EQ(zip({"a/models/one.json"}),
            "net.pt2: its entry a/data/weights/one_weights_config.json is missing");
  EXPECT_EQ(zip({"serialized_exported_program.json"}),
            "net.pt2: its entry serialized_state_dict.pt is missing");
  const std::string whole = small().archive();
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 10)), HasSubstr("broken ZIP archive"));
}

}  // namespace
}  // namespace mgit::testing
