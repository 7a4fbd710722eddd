#include "match/activation_matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ActivationMatching : public ::testing::Test {
 protected:
  MatchResult match(const UnitSimilarity* similarity) {
    return match_activations(
        {.spec = spec_, .a = none_, .b = none_, .options = options_, .similarity = similarity});
  }
  std::string refusal(const UnitSimilarity* similarity) {
    try {
      match(similarity);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  Spec spec_{.architecture = "custom", .groups = {{"H1", 3}, {"H2", 2}}, .tensors = {}};
  MemoryModel none_;
  MatchOptions options_;
};

TEST_F(ActivationMatching, EveryUnitOfAGetsTheUnitOfBThatIsMostLikeIt) {
  const UnitSimilarity similarity = {{0.1, 0.9, 0.0,  //
                                      0.2, 0.1, 0.8,  //
                                      0.7, 0.3, 0.1},
                                     {0.9, 0.2, 0.1, 0.8}};
  const MatchResult result = match(&similarity);
  EXPECT_THAT(result.permutation.groups[0], ElementsAre(1, 2, 0));
  EXPECT_THAT(result.permutation.groups[1], ElementsAre(0, 1));
  EXPECT_NEAR(result.objective_before, 0.3 + 1.7, 1e-12);
  EXPECT_NEAR(result.objective_after, 2.4 + 1.7, 1e-12);
  EXPECT_EQ(result.groups[0].moved, 3U);
  EXPECT_EQ(result.groups[1].moved, 0U);
}

TEST_F(ActivationMatching, UnitsThatAreSilentOrEquallyAlikeStay) {
  const UnitSimilarity similarity = {{0, 0, 0,    //
                                      0, 0.5, 0,  //
                                      0, 0, 0},
                                     {0.4, 0.4, 0.4, 0.4}};
  EXPECT_THAT(match(&similarity).permutation.groups[0], ElementsAre(0, 1, 2));
  EXPECT_THAT(match(&similarity).permutation.groups[1], ElementsAre(0, 1));
}

TEST_F(ActivationMatching, WhatItCannotMatchIsRefusedByName) {
  EXPECT_THAT(refusal(nullptr), HasSubstr("needs data"));
  const UnitSimilarity similarity = {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {}};
  EXPECT_THAT(refusal(&similarity), HasSubstr("no values show what the units of group H2"));
  spec_.groups[1].outer = 0;
  EXPECT_THAT(refusal(&similarity), HasSubstr("group H2 is one of families"));
}

}  // namespace
}  // namespace mgit
