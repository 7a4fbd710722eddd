// In-place operators, as exporters leave them in a graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/graph/pt2_file.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;

const Pt2File::Arguments kRow = {
    {"self", "%y"}, {"dim", R"({"as_int":0})"}, {"index", R"({"as_int":1})"}};

Pt2File negated() {
  Pt2File file;
  file.input("x", {3, 4}).value("y", {3, 4});
  return file.node("aten.neg.default", {{"self", "%x"}}, "%y");
}

/// The nodes and outputs, a line each.
std::string body_of(const Pt2File& file) {
  const std::string text = text_of(file);
  return text.substr(text.find("\n%") + 1);
}

TEST(Functional, TheOldNameHasTheNewContents) {
  Pt2File file = negated().value("r", {3, 4}).value("s", {3, 4});
  file.node("aten.relu_.default", {{"self", "%y"}}, "%r");
  file.node("aten.add.Tensor", {{"self", "%y"}, {"other", "%r"}}, "%s").output("s").output("y");
  EXPECT_EQ(body_of(file),
            "%y F32[3,4] = aten.neg.default(self=%x)\n"
            "%r F32[3,4] = aten.relu.default(self=%y)\n"
            "%s F32[3,4] = aten.add.Tensor(self=%r, other=%r)\n"
            "output %s F32[3,4]\n"
            "output %r F32[3,4]\n");
}

TEST(Functional, WritingARowChangesTheTensorAndItsOtherViews) {
  Pt2File file = negated().value("row", {4}).value("f", {4}).value("t", {4, 3}).value("u", {4, 3});
  file.node("aten.transpose.int",
            {{"self", "%y"}, {"dim0", R"({"as_int":0})"}, {"dim1", R"({"as_int":1})"}}, "%t");
  file.node("aten.select.int", kRow, "%row");
  file.node("aten.fill_.Scalar", {{"self", "%row"}, {"value", R"({"as_int":2})"}}, "%f");
  file.node("aten.exp.default", {{"self", "%t"}}, "%u").output("u").output("y").output("row");
  EXPECT_EQ(body_of(file),
            "%y F32[3,4] = aten.neg.default(self=%x)\n"
            "%t F32[4,3] = aten.transpose.int(self=%y, dim0=0, dim1=1)\n"
            "%row F32[4] = aten.select.int(self=%y, dim=0, index=1)\n"
            "%f F32[4] = aten.fill.Scalar(self=%row, value=2)\n"
            "%y#2 F32[3,4] = aten.select_scatter.int(self=%y, src=%f, dim=0, index=1)\n"
            "%t#2 F32[4,3] = aten.transpose.int(self=%y#2, dim0=0, dim1=1)\n"
            "%u F32[4,3] = aten.exp.default(self=%t#2)\n"
            "output %u F32[4,3]\n"
            "output %y#2 F32[3,4]\n"
            "output %f F32[4]\n");
}

TEST(Functional, ReshapedAndPermutedViewsAreCarriedBack) {
  Pt2File file = negated().value("p", {4, 3}).value("v", {12}).value("w", {12});
  file.node("aten.permute.default", {{"self", "%y"}, {"dims", R"({"as_ints":[-1,0]})"}}, "%p");
  file.node("aten.view.default", {{"self", "%p"}, {"size", R"({"as_ints":[12]})"}}, "%v");
  file.node("aten.mul_.Tensor", {{"self", "%v"}, {"other", "%v"}}, "%w").output("y");
  EXPECT_EQ(body_of(file),
            "%y F32[3,4] = aten.neg.default(self=%x)\n"
            "%p F32[4,3] = aten.permute.default(self=%y, dims=[-1, 0])\n"
            "%v F32[12] = aten.view.default(self=%p, size=[12])\n"
            "%w F32[12] = aten.mul.Tensor(self=%v, other=%v)\n"
            "%p#2 F32[4,3] = aten.reshape.default(self=%w, shape=[4, 3])\n"
            "%y#2 F32[3,4] = aten.permute.default(self=%p#2, dims=[1, 0])\n"
            "output %y#2 F32[3,4]\n");
}

TEST(Functional, WhatMayOrMayNotShareMemoryIsRefusedOnlyIfItMatters) {
  Pt2File file = negated().value("v", {12}).value("r", {12});
  file.node("aten.reshape.default", {{"self", "%y"}, {"shape", R"({"as_ints":[12]})"}}, "%v");
  file.node("aten.relu_.default", {{"self", "%v"}}, "%r");
  Pt2File alone = file;
  EXPECT_THAT(body_of(alone.output("v")), HasSubstr("output %r"));
  EXPECT_THAT(refusal(file.output("y").archive()),
              HasSubstr("net.pt2: it cannot be told whether y changes"));
}

TEST(Functional, NewContentsOfBuffersAreOutputs) {
  Pt2File file = negated();
  file.buffer("b_n", "n", {3}).value("m", {3});
  file.node("aten.add_.Tensor", {{"self", "%b_n"}, {"other", R"({"as_int":1})"}}, "%m").output("y");
  EXPECT_THAT(body_of(file), HasSubstr("output %y F32[3,4]\noutput %m F32[3]\n"));
}

TEST(Functional, CopiesAreNotViews) {
  Pt2File file = negated().value("c", {3, 4}).value("r", {3, 4});
  file.node("aten.clone.default", {{"self", "%y"}}, "%c");
  file.node("aten.relu_.default", {{"self", "%c"}}, "%r").output("y").output("c");
  EXPECT_THAT(body_of(file), HasSubstr("output %y F32[3,4]\noutput %r F32[3,4]\n"));
}

TEST(Functional, DetachInPlaceIsDetach) {
  Pt2File file = negated().value("d", {3, 4}).value("r", {3, 4});
  file.node("aten.detach_.default", {{"self", "%y"}}, "%d");
  file.node("aten.relu_.default", {{"self", "%d"}}, "%r").output("y");
  EXPECT_THAT(body_of(file), HasSubstr("%r F32[3,4] = aten.relu.default(self=%d)\n"
                                       "output %r F32[3,4]\n"));
}

TEST(Functional, OperatorsThatChangeShapesOrMemoryAreRefused) {
  Pt2File file = negated().value("z", {3, 4});
  const auto refused = [&](const std::string& target) {
    Pt2File changed = file;
    return refusal(changed.node(target, {{"self", "%y"}}, "%z").output("z").archive());
  };
  EXPECT_EQ(refused("aten.resize_.default"),
            "net.pt2: in-place operator aten.resize_ is not supported");
  EXPECT_EQ(refused("aten.t_.default"), "");
  file.value("v", {4}).node("aten.select.int", kRow, "%v");
  EXPECT_EQ(refused("aten.t_.default"),
            "net.pt2: in-place operator aten.t_ on a tensor that has views is not supported");
}

TEST(Functional, ViewsMadeAgainDoNotMakeAGraphExplode) {
  Pt2File file = negated();
  std::string before = "y";
  for (int i = 0; i < 300; ++i) {
    const std::string view = "v" + std::to_string(i);
    file.value(view, {3, 4})
        .node("aten.view.default", {{"self", "%" + before}, {"size", R"({"as_ints":[3,4]})"}},
              "%" + view);
    before = view;
  }
  for (int i = 0; i < 300; ++i) {
    const std::string written = "w" + std::to_string(i);
    file.value(written, {3, 4}).node("aten.relu_.default", {{"self", "%" + before}}, "%" + written);
  }
  EXPECT_EQ(refusal(file.output("y").archive()),
            "net.pt2: too many views of tensors that are written in place");
}

}  // namespace
}  // namespace mgit::testing
