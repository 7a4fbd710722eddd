// Whether one spec allows all that another does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mgit/spec_relation.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;

Spec spec_of(const std::string& text) {
  return bind_spec("mgit-perm 1\n" + text, "test", attention());
}

const std::string kStream = "perm R\nin: R, _\nout: _, R\n";
const std::string kAllHeads =
    kStream +
    "perm H:3\nperm Q:4 in H\nperm V:4 in H\nq: H*Q, R\nk: H*Q, R\nv: H*V, R\no: R, H*V\n";

TEST(Beyond, ASpecAllowsItselfAndWhatIsLess) {
  const Spec all = spec_of(kAllHeads);
  EXPECT_EQ(beyond(all, all), std::nullopt);
  for (const char* less :
       {"q: _, R\nk: _, R\nv: _, R\no: R, _\n",
        "perm H:3\nq: H*_, R\nk: H*_, R\nv: H*_, R\no: R, H*_\n",
        "perm H:3\nperm V:4 in H\npin H\nq: _, R\nk: _, R\nv: H*V, R\no: R, H*V\n",
        "perm H:3\nperm V:4\nq: H*_, R\nk: H*_, R\nv: H*V, R\no: R, H*V\n",
        "perm A:4\nq: _, R\nk: _, R\nv: A+_, R\no: R, A+_\n"})
    EXPECT_EQ(beyond(all, spec_of(kStream + less)), std::nullopt) << less;
}

TEST(Beyond, NamesTheGroupThatGoesTooFar) {
  const Spec all = spec_of(kAllHeads);
  const auto too_far = [&](const std::string& more) {
    return beyond(all, spec_of(kStream + more)).value_or("");
  };
  EXPECT_THAT(too_far("perm I:3\nq: _, R\nk: _, R\nv: I*_, R\no: R, I*_\n"), HasSubstr("group I "));
  EXPECT_THAT(too_far("perm P:12\nq: _, R\nk: _, R\nv: P, R\no: R, P\n"), HasSubstr("group P "));
  EXPECT_THAT(too_far("perm Q:4\nq: 3xQ, R\nk: _, R\nv: _, R\no: R, 3xQ\n"), HasSubstr("group Q "));
  EXPECT_THAT(too_far("perm A:2\nperm V:6 in A\nq: _, R\nk: _, R\nv: A*V, R\no: R, A*V\n"),
              HasSubstr("group A "));
  const Spec stream = spec_of(kStream + "q: _, R\nk: _, R\nv: _, R\no: R, _\n");
  EXPECT_THAT(beyond(stream, all).value_or(""), HasSubstr("group H "));
}

TEST(Beyond, SeesThroughOtherShapes) {
  const Network grouped =
      NetworkBuilder().add("in", {6, 5}).add("mid", {12, 2, 3}).add("out", {2, 12}).build();
  const std::string head = "mgit-perm 1\n";
  const Spec families = bind_spec(head +
                                      "perm G:3\nperm I:2 in G\nperm O:4 in G\n"
                                      "in: G*I, _\nmid: G*O, I, _\nout: _, G*O\n",
                                  "test", grouped);
  const Spec outputs =
      bind_spec(head + "perm O:4\nin: _, _\nmid: _*O, _, _\nout: _, _*O\n", "test", grouped);
  EXPECT_EQ(beyond(families, outputs), std::nullopt);
  EXPECT_THAT(beyond(outputs, families).value_or(""), HasSubstr("in another shape"));
}

}  // namespace
}  // namespace mgit::testing
