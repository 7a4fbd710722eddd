// Two specs of one network: alike in meaning, or where they differ.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mgit/perm.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Spec bound(const std::string& text) {
  return bind_spec("mgit-perm 1\n" + text, "test", attention());
}

const std::string kHeads =
    "perm R\nperm H:3\nperm Q:4 in H\nperm V:4 in H\nin: R, _\nq: H*Q, R\nk: H*Q, R\n"
    "v: H*V, R\no: R, H*V\nout: _, R\n";

TEST(SpecComparison, NamesOrdersAndWaysToWriteDoNotCount) {
  const std::string other =
      "perm Zz\nperm A:4 in N\nperm B in N\nperm N:3\nout: _:2, Zz\no: Zz, N*B\nv: (N*B), Zz\n"
      "k: N*(A), Zz\nq: N*A, Zz\nin: Zz, _:5\n";
  const SpecComparison same = compare_specs(bound(kHeads), bound(other));
  EXPECT_EQ(same.alike, 4U);
  EXPECT_THAT(same.differences, IsEmpty());
}

TEST(SpecComparison, SaysWhatStandsWhereInOneAlone) {
  const Spec a = bound(kHeads);
  const Spec b = bound(
      "perm R\nperm H:3\nperm V:4 in H\nin: R, _\nq: H*_, R\nk: H*_, R\nv: H*V, R\no: R, H*V\n"
      "out: _, R\n");
  const SpecComparison comparison = compare_specs(a, b);
  EXPECT_EQ(comparison.alike, 3U);
  ASSERT_THAT(comparison.differences, SizeIs(1));
  const GroupDifference& difference = comparison.differences.front();
  EXPECT_EQ(a.groups[difference.a.value()].name, "Q");
  EXPECT_FALSE(difference.b);
  EXPECT_THAT(difference.only_a, ElementsAre("k:0, 3 times", "q:0, 3 times"));

  const SpecComparison back = compare_specs(b, a);
  ASSERT_THAT(back.differences, SizeIs(1));
  EXPECT_EQ(a.groups[back.differences.front().b.value()].name, "Q");
}

TEST(SpecComparison, AFamilyIsNotOneOrderForAllMembers) {
  const Spec a = bound(kHeads);
  const Spec b = bound(
      "perm R\nperm H:3\nperm Q:4\nperm V:4 in H\nin: R, _\nq: H*Q, R\nk: H*Q, R\nv: H*V, R\n"
      "o: R, H*V\nout: _, R\n");
  const SpecComparison comparison = compare_specs(a, b);
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(a.groups[comparison.differences.front().a.value()].name, "Q");
  EXPECT_EQ(b.groups[comparison.differences.front().b.value()].name, "Q");
  EXPECT_THAT(comparison.differences.front().only_a, IsEmpty());
}

TEST(SpecComparison, RefusesAnotherNetwork) {
  const Spec other =
      bind_spec("mgit-perm 1\nin: _, _\n", "test", NetworkBuilder().add("in", {6, 5}).build());
  EXPECT_THROW(compare_specs(bound(kHeads), other), Error);
}

}  // namespace
}  // namespace mgit::testing
