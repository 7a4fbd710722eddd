// Specs that are proved by running the graph, and the wrong ones that are found out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unit/graph/data_file.h"
#include "unit/graph/pt2_file.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Written {
  explicit Written(const std::string& archive)
      : graph(read_pt2(as_bytes(archive), "net.pt2")), model(zeros_for(graph)) {}

  NumericProof proof(const std::string& spec) const {
    return prove(graph, bind_spec(spec, "test.perm", model.tensors()), model);
  }
  std::string derived() const { return derive_spec(graph, model.tensors()).spec_text; }

  Graph graph;
  MemoryModel model;
};

constexpr const char* kMlp =
    "mgit-perm 1\nperm A:8\nperm B:8\nscale: _\n"
    "fc1.weight: A, _\nfc1.bias: A\nfc2.weight: B, A\nfc2.bias: B\nfc3.weight: _, B\nfc3.bias: _\n";

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Prove, AnMlp) {
  const Written net(from_disk("mlp.pt2"));
  const NumericProof proof = net.proof(kMlp);
  EXPECT_TRUE(proof.proved) << proof.reason;
  EXPECT_LT(proof.largest_change, 1e-12);
  EXPECT_EQ(proof.permutations, 5u);  // all groups on three inputs, and each alone
  EXPECT_EQ(proof.controls, 6u);
  EXPECT_THAT(proof.silent, IsEmpty());
  EXPECT_EQ(net.proof(kMlp).largest_change, proof.largest_change);
}

TEST(Prove, SaysHowFarItIs) {
  const Written net(from_disk("mlp.pt2"));
  std::uint64_t done = 0;
  std::set<std::uint64_t> totals;
  const Spec spec = bind_spec(kMlp, "test.perm", net.model.tensors());
  prove(net.graph, spec, net.model, 1, [&](std::uint64_t more, std::uint64_t total) {
    done += more;
    totals.insert(total);
  });
  EXPECT_EQ(done, 14u);  // 3 inputs, before and after; 2 groups alone, and 6 axes without them
  EXPECT_THAT(totals, ElementsAre(14u));
}

TEST(Prove, AnMlpWithAnAxisLeftOutOrTooMany) {
  const Written net(from_disk("mlp.pt2"));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"fc1.bias: A", "fc1.bias: _"}, {"fc2.weight: B, A", "fc2.weight: A, B"}}) {
    const std::string text = changed(kMlp, from, to);
    const NumericProof proof = net.proof(text);
    EXPECT_FALSE(proof.proved) << to;
    EXPECT_THAT(proof.reason, HasSubstr("all groups at once change the outputs by")) << to;
  }
}

TEST(Prove, WhatIsDerivedIsProved) {
  for (const char* name : {"mlp.pt2", "mlp_flat.pt2", "attention.pt2", "llama.pt2"}) {
    const Written net(from_disk(name));
    const NumericProof proof = net.proof(net.derived());
    EXPECT_TRUE(proof.proved) << name << ": " << proof.reason;
    EXPECT_LT(proof.largest_change, 1e-12) << name;
  }
}

/// Two heads of four, in a network of eight.
constexpr const char* kAttention =
    "mgit-perm 1\nperm H:2\nperm Q:4 in H\nperm V:4 in H\nln.weight: _\nln.bias: _\n"
    "q.weight: H*Q, _\nq.bias: H*Q\nk.weight: H*Q, _\nk.bias: H*Q\n"
    "v.weight: H*V, _\nv.bias: H*V\no.weight: _, H*V\no.bias: _\n";

TEST(Prove, AttentionMovesHeadsAndWhatIsInThem) {
  const Written net(from_disk("attention.pt2"));
  const NumericProof proof = net.proof(kAttention);
  EXPECT_TRUE(proof.proved) << proof.reason;
  // A key's bias adds one number to all scores of a query: softmax does not see it.
  EXPECT_THAT(proof.silent, ElementsAre("k.bias axis 0 in H", "k.bias axis 0 in Q"));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

TEST(Prove, WrongTreatmentsOfHeadsAreFoundOut) {
  const Written net(from_disk("attention.pt2"));
  // Rows across heads: of queries and keys alone (C2M3's ViT) no spec may say, there is no
  // consumer.
  const std::string rows =
      changed(changed(changed(kAttention, "perm H:2\n", "perm R:8\n"), "perm Q:4 in H\n", ""),
              "perm V:4 in H\n", "");
  EXPECT_THROW(net.proof(replaced(replaced(rows, "H*Q", "R"), "H*V", "_")), Error);
  EXPECT_FALSE(net.proof(replaced(replaced(rows, "H*Q", "R"), "H*V", "R")).proved);
  // Heads of query and key apart from those of value and output (MuDSC, mergekit).
  std::string apart = changed(kAttention, "perm V:4 in H", "perm G:2\nperm V:4 in G");
  EXPECT_FALSE(net.proof(replaced(apart, "H*V", "G*V")).proved);
  // The bias does not follow.
  EXPECT_FALSE(net.proof(changed(kAttention, "v.bias: H*V", "v.bias: H*_:4")).proved);
  // Dimensions before heads.
  EXPECT_FALSE(net.proof("mgit-perm 1\nperm D:4\nln.weight: _\nln.bias: _\n"
                         "q.weight: D*_:2, _\nq.bias: D*_:2\nk.weight: D*_:2, _\nk.bias: D*_:2\n"
                         "v.weight: D*_:2, _\nv.bias: D*_:2\no.weight: _, D*_:2\no.bias: _\n")
                   .proved);
}

TEST(Prove, WrongTreatmentsOfRotaryPositionsAndGroupedQueriesAreFoundOut) {
  const Written net(from_disk("llama.pt2"));
  const std::string layer = "model.model.layers.0.self_attn.";
  std::string others = "mgit-perm 1\nperm E:16\nperm F:24\n";
  for (const TensorInfo& tensor : net.model.tensors()) {
    if (tensor.name.starts_with(layer)) continue;
    const bool norm = tensor.rank() == 1;
    const bool table = tensor.name.find("embed") != std::string::npos ||
                       tensor.name.find("lm_head") != std::string::npos;
    const bool down = tensor.name.find("down") != std::string::npos;
    others += tensor.name + ": " + (norm ? "E" : table ? "_, E" : down ? "E, F" : "F, E") + "\n";
  }
  // Two keys and values, for two queries each, of four dimensions.
  const auto proved = [&](const std::string& groups, const std::string& q, const std::string& k,
                          const std::string& v, const std::string& o) {
    return net
        .proof(others + groups + layer + "q_proj.weight: " + q + ", E\n" + layer +
               "k_proj.weight: " + k + ", E\n" + layer + "v_proj.weight: " + v + ", E\n" + layer +
               "o_proj.weight: E, " + o + "\n")
        .proved;
  };
  const std::string nested = "perm K:2\nperm R:2 in K\nperm V:4 in K\n";
  EXPECT_TRUE(proved(nested, "K*R*_:4", "K*_:4", "K*V", "K*R*V"));
  // Dimensions inside of heads (mergekit, ZipIt): rotary frequencies differ.
  EXPECT_FALSE(proved(nested + "perm D:4 in K\n", "K*R*D", "K*D", "K*V", "K*R*V"));
  EXPECT_FALSE(proved(nested + "perm D:2 in K\n", "K*R*(_:2+D)", "K*(_:2+D)", "K*V", "K*R*V"));
  // Whole rotary pairs: their frequencies differ as well.
  EXPECT_FALSE(proved(nested + "perm D:2 in K\n", "K*R*(D+D)", "K*(D+D)", "K*V", "K*R*V"));
  // Queries across the groups that share a key.
  EXPECT_FALSE(proved("perm Q:4\nperm V:4\n", "Q*_:4", "_:2*_:4", "_:2*V", "Q*V"));
}

TEST(Prove, AGroupWhoseAxesDoNotMatterProvesNothing) {
  Pt2File file;
  file.parameter("p_a", "a", {4, 3}).parameter("p_b", "b", {3, 4}).input("x", {2, 4});
  file.value("y", {2, 4}).value("z", {3, 3});
  file.node("aten.mm.default", {{"self", "%p_b"}, {"mat2", "%p_a"}}, "%z");
  file.node("aten.relu.default", {{"self", "%x"}}, "%y").output("y");
  const Written net(file.archive());
  const NumericProof proof = net.proof("mgit-perm 1\nperm A:4\na: A, _\nb: _, A\n");
  EXPECT_FALSE(proof.proved);
  EXPECT_EQ(proof.reason, "nothing changes where group A is left out of an axis");
  EXPECT_THAT(proof.silent, ElementsAre("a axis 0 in A", "b axis 1 in A"));
}

TEST(Prove, ASpecThatMovesNothingIsNoProof) {
  const Written net(from_disk("mlp.pt2"));
  EXPECT_EQ(net.proof("mgit-perm 1\nskip *\n").reason, "there is nothing that can move");
}

TEST(Prove, AnUnknownOperatorIsNamed) {
  Pt2File file;
  file.parameter("p_a", "a", {4, 3}).parameter("p_b", "b", {3, 4}).input("x", {2, 3});
  file.value("h", {2, 4}).value("y", {2, 3});
  file.node("lib.mystery.default", {{"self", "%x"}, {"weight", "%p_a"}}, "%h");
  file.node("aten.linear.default", {{"input", "%h"}, {"weight", "%p_b"}}, "%y").output("y");
  const NumericProof proof =
      Written(file.archive()).proof("mgit-perm 1\nperm A:4\na: A, _\nb: _, A\n");
  EXPECT_FALSE(proof.proved);
  EXPECT_EQ(proof.reason, "operator lib.mystery cannot be computed");
}

TEST(Prove, TiedWeightsMoveTogether) {
  Pt2File file;
  file.parameter("p_e", "emb", {5, 4}, "w").parameter("p_h", "head", {5, 4}, "w");
  file.parameter("p_m", "mid", {4, 4}).input("i", {3}, 5).value("h", {3, 4}).value("m", {3, 4});
  file.node("aten.embedding.default", {{"weight", "%p_e"}, {"indices", "%i"}}, "%h");
  file.node("aten.linear.default", {{"input", "%h"}, {"weight", "%p_m"}}, "%m").value("y", {3, 5});
  file.node("aten.linear.default", {{"input", "%m"}, {"weight", "%p_h"}}, "%y").output("y");
  const Written net(file.archive());
  EXPECT_TRUE(net.proof("mgit-perm 1\nperm A:4\nemb: _, A\nmid: A, A\nhead: _, A\n").proved);
  EXPECT_FALSE(
      net.proof("mgit-perm 1\nperm A:4\nperm B:4\nemb: _, A\nmid: B, A\nhead: _, B\n").proved);
}

TEST(Prove, ANetworkThatIsNotTheGraphsIsAnError) {
  const Written net(from_disk("mlp.pt2"));
  const auto failure = [&](const MemoryModel& other) -> std::string {
    try {
      prove(net.graph, bind_spec(kMlp, "test.perm", net.model.tensors()), other);
    } catch (const Error& error) {
      return error.where() + ": " + error.what();
    }
    return {};
  };
  EXPECT_EQ(failure(MemoryModel()), "net.pt2: the network lacks tensor fc1.weight of the graph");
  MemoryModel wrong = net.model;
  wrong.set({"fc2.bias", DType::kF32, {3}}, Buffer(12));
  EXPECT_EQ(failure(wrong), "fc2.bias: the graph has it in another shape");
}

}  // namespace
}  // namespace mgit::testing
