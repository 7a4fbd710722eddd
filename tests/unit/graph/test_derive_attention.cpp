// Specs from graphs: heads, and what moves inside of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/graph_builder.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kTokens = 5;
constexpr std::uint64_t kWidth = 12;

struct Projections {
  ValueId query, key, value;  // [batch, heads, tokens, depth]
};

ValueId finish(GraphBuilder& net, const Projections& in, std::uint64_t heads) {
  const std::uint64_t depth = kWidth / heads;
  const ValueId turned = net.permute(in.key, {0, 1, 3, 2});
  ValueId scores =
      net.op("matmul", {{"self", in.query}, {"other", turned}}, {2, heads, kTokens, kTokens});
  scores = net.op("softmax", {{"self", scores}, {"dim", std::int64_t{-1}}},
                  {2, heads, kTokens, kTokens});
  const ValueId mixed =
      net.op("matmul", {{"self", scores}, {"other", in.value}}, {2, heads, kTokens, depth});
  return net.linear("out", net.reshape(net.permute(mixed, {0, 2, 1, 3}), {2, kTokens, kWidth}), 4);
}

Projections separate(GraphBuilder& net, ValueId x, std::uint64_t heads) {
  return {net.heads(net.linear("q", x, kWidth), heads),
          net.heads(net.linear("k", x, kWidth), heads),
          net.heads(net.linear("v", x, kWidth), heads)};
}

TEST(DeriveAttention, HeadsMoveTogetherAndInsideThemQueryKeyAndValueAreFree) {
  GraphBuilder net;
  net.output(finish(net, separate(net, net.input({2, kTokens, 6}), 3), 3));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm q.blocks:3", "perm q.units:4 in q.blocks",
                                            "perm v.units:4 in q.blocks"));
  EXPECT_EQ(layout_of(found, "q.weight"), "q.blocks*q.units, _");
  EXPECT_EQ(layout_of(found, "k.weight"), "q.blocks*q.units, _");
  EXPECT_EQ(layout_of(found, "v.bias"), "q.blocks*v.units");
  EXPECT_EQ(layout_of(found, "out.weight"), "_, q.blocks*v.units");
}

TEST(DeriveAttention, FusedAttentionIsSpelledOutAttention) {
  GraphBuilder net;
  const Projections in = separate(net, net.input({2, kTokens, 6}), 3);
  const ValueId mixed =
      net.op("scaled_dot_product_attention",
             {{"query", in.query}, {"key", in.key}, {"value", in.value}, {"is_causal", true}},
             {2, 3, kTokens, 4});
  net.output(
      net.linear("out", net.reshape(net.permute(mixed, {0, 2, 1, 3}), {2, kTokens, kWidth}), 4));
  EXPECT_EQ(layout_of(net.derive(), "out.weight"), "_, q.blocks*v.units");
}

/// One matrix for the three, as a vision transformer has it: viewed as [.., 3, heads, depth].
TEST(DeriveAttention, OneMatrixForThreeIsTakenApart) {
  GraphBuilder net;
  ValueId x = net.linear("qkv", net.input({2, kTokens, 6}), 3 * kWidth);
  x = net.permute(net.reshape(x, {2, kTokens, 3, 3, 4}), {2, 0, 3, 1, 4});
  const GraphBuilder::Lengths part = {2, 3, kTokens, 4};
  const auto parts = net.node("aten.unbind", {{"self", x}}, {part, part, part});
  net.output(finish(net, {parts[0], parts[1], parts[2]}, 3));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "qkv.weight"),
            "qkv.blocks*qkv.units+qkv.blocks*qkv.units+qkv.blocks*qkv.units.2, _");
  EXPECT_EQ(layout_of(found, "out.weight"), "_, qkv.blocks*qkv.units.2");
}

TEST(DeriveAttention, ThreeSideBySideInEachHead) {
  GraphBuilder net;
  ValueId x = net.linear("qkv", net.input({2, kTokens, 6}), 3 * kWidth);
  x = net.permute(net.reshape(x, {2, kTokens, 3, 12}), {0, 2, 1, 3});
  const GraphBuilder::Lengths part = {2, 3, kTokens, 4};
  const auto parts = net.node(
      "aten.split", {{"self", x}, {"split_size", std::int64_t{4}}, {"dim", std::int64_t{-1}}},
      {part, part, part});
  net.output(finish(net, {parts[0], parts[1], parts[2]}, 3));
  EXPECT_EQ(layout_of(net.derive(), "qkv.weight"),
            "qkv.blocks*(qkv.units+qkv.units+qkv.units.2), _");
}

/// Six queries over two keys and values.
TEST(DeriveAttention, QueriesThatShareAKeyStayTogether) {
  GraphBuilder net;
  const ValueId x = net.input({2, kTokens, 6});
  const ValueId query = net.heads(net.linear("q", x, kWidth), 6);
  const auto repeated = [&](const std::string& name) {
    const ValueId own = net.heads(net.linear(name, x, 4), 2);
    const ValueId wide = net.op(
        "expand",
        {{"self",
          net.op("unsqueeze", {{"self", own}, {"dim", std::int64_t{2}}}, {2, 2, 1, kTokens, 2})}},
        {2, 2, 3, kTokens, 2});
    return net.reshape(wide, {2, 6, kTokens, 2});
  };
  const ValueId key = repeated("k");
  net.output(finish(net, {query, key, repeated("v")}, 6));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found),
              ElementsAre("perm q.blocks:2", "perm q.units:3 in q.blocks",
                          "perm q.units.2:2 in q.blocks", "perm v.units:2 in q.blocks"));
}

TEST(DeriveAttention, RotaryPositionsPinQueryAndKeyButNotTheValue) {
  GraphBuilder net;
  Projections in = separate(net, net.input({2, kTokens, 6}), 3);
  const std::vector<float> turns = {1, 0.1F};
  const ValueId frequencies = net.constant({2}, turns);
  const ValueId positions = net.op("arange", {}, {kTokens});
  const ValueId angles =
      net.op("outer", {{"self", positions}, {"vec2", frequencies}}, {kTokens, 2});
  const ValueId both = net.op(
      "cat",
      {{"tensors", std::vector<std::optional<ValueId>>{angles, angles}}, {"dim", std::int64_t{-1}}},
      {kTokens, 4});
  const ValueId cosine = net.op("cos", {{"self", both}}, {kTokens, 4});
  for (ValueId* side : {&in.query, &in.key}) {
    const auto half = [&](std::int64_t begin, std::int64_t end) {
      return net.op("slice",
                    {{"self", *side}, {"dim", std::int64_t{3}}, {"start", begin}, {"end", end}},
                    {2, 3, kTokens, 2});
    };
    const ValueId second = net.op("neg", {{"self", half(2, 4)}}, {2, 3, kTokens, 2});
    const ValueId turned =
        net.op("cat",
               {{"tensors", std::vector<std::optional<ValueId>>{second, half(0, 2)}},
                {"dim", std::int64_t{-1}}},
               {2, 3, kTokens, 4});
    const ValueId kept = net.op("mul", {{"self", *side}, {"other", cosine}}, {2, 3, kTokens, 4});
    *side = net.add(kept, turned);
  }
  net.output(finish(net, in, 3));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "q.weight"), "q.blocks*_:4, _");
  EXPECT_EQ(layout_of(found, "k.weight"), "q.blocks*_:4, _");
  EXPECT_EQ(layout_of(found, "v.weight"), "q.blocks*v.units, _");
}

TEST(DeriveAttention, ANormThatAllHeadsShareGivesThemOneOrder) {
  GraphBuilder net;
  Projections in = separate(net, net.input({2, kTokens, 6}), 3);
  const ValueId scale = net.parameter("q_norm", {4});
  in.query = net.op("mul", {{"self", in.query}, {"other", scale}}, {2, 3, kTokens, 4});
  net.output(finish(net, in, 3));
  const Derivation found = net.derive();
  EXPECT_EQ(layout_of(found, "q_norm"), "q.part");
  EXPECT_EQ(layout_of(found, "k.weight"), "q.blocks*q.part, _");
  EXPECT_THAT(found.spec_text, HasSubstr("perm q.part:4\n"));
}

TEST(DeriveAttention, SlopesPinHeadsAndLeaveTheirInsideFree) {
  GraphBuilder net;
  const Projections in = separate(net, net.input({2, kTokens, 6}), 3);
  const ValueId slopes = net.constant({3, 1, 1}, {0.5F, 0.25F, 0.125F});
  const ValueId turned = net.permute(in.key, {0, 1, 3, 2});
  ValueId scores =
      net.op("matmul", {{"self", in.query}, {"other", turned}}, {2, 3, kTokens, kTokens});
  scores = net.op("mul", {{"self", scores}, {"other", slopes}}, {2, 3, kTokens, kTokens});
  const ValueId mixed =
      net.op("matmul", {{"self", scores}, {"other", in.value}}, {2, 3, kTokens, 4});
  net.output(
      net.linear("out", net.reshape(net.permute(mixed, {0, 2, 1, 3}), {2, kTokens, kWidth}), 4));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm q.blocks:3", "perm q.units:4 in q.blocks",
                                            "perm v.units:4 in q.blocks", "pin q.blocks"));
}

/// A matrix over heads: units of different heads meet, so that they have one order.
TEST(DeriveAttention, WhatMixesHeadsTiesTheirInside) {
  GraphBuilder net;
  const ValueId x = net.reshape(net.linear("a", net.input({2, 6}), 12), {2, 3, 4});
  const ValueId weight = net.parameter("mix.weight", {3, 3});
  ValueId y = net.op("matmul", {{"self", weight}, {"other", x}}, {2, 3, 4});
  y = net.add(y, x);
  net.output(net.linear("out", net.reshape(y, {2, 12}), 4));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm a.part:3", "perm a.part.2:4"));
  EXPECT_EQ(layout_of(found, "mix.weight"), "a.part, a.part");
  EXPECT_THAT(found.spec_text, Not(HasSubstr(" in ")));
}

/// All pairs of heads are compared over their depth.
TEST(DeriveAttention, AGramMatrixOfHeadsTiesTheirInside) {
  GraphBuilder net;
  const ValueId x = net.reshape(net.linear("a", net.input({2, 6}), 12), {2, 3, 4});
  ValueId y = net.op("matmul", {{"self", x}, {"other", net.permute(x, {0, 2, 1})}}, {2, 3, 3});
  y = net.op("matmul", {{"self", y}, {"other", x}}, {2, 3, 4});
  net.output(net.linear("out", net.reshape(y, {2, 12}), 4));
  EXPECT_THAT(net.derive().spec_text, Not(HasSubstr(" in ")));
}

TEST(DeriveAttention, ASoftmaxOverHeadsTiesTheirInside) {
  GraphBuilder net;
  ValueId x = net.reshape(net.linear("a", net.input({2, 6}), 12), {2, 3, 4});
  x = net.op("softmax", {{"self", x}, {"dim", std::int64_t{1}}}, {2, 3, 4});
  net.output(net.linear("out", net.reshape(x, {2, 12}), 4));
  const Derivation found = net.derive();
  EXPECT_THAT(groups_of(found), ElementsAre("perm a.part:3", "perm a.part.2:4"));
}

TEST(DeriveAttention, ASoftmaxInsideHeadsDoesNot) {
  GraphBuilder net;
  ValueId x = net.reshape(net.linear("a", net.input({2, 6}), 12), {2, 3, 4});
  x = net.op("softmax", {{"self", x}, {"dim", std::int64_t{2}}}, {2, 3, 4});
  net.output(net.linear("out", net.reshape(x, {2, 12}), 4));
  EXPECT_THAT(groups_of(net.derive()),
              ElementsAre("perm a.blocks:3", "perm a.units:4 in a.blocks"));
}

}  // namespace
}  // namespace mgit::testing
