#include "merge/strategy.h"

#include <gtest/gtest.h>

#include "mgit/merge.h"
#include "support/support.h"

namespace mgit {
namespace {

TEST(Strategies, HaveNamesOfTheirOwnAndAreFoundByThem) {
  for (const MergeStrategy& strategy : merge_strategies()) {
    EXPECT_EQ(find_strategy(strategy.name)->summary, strategy.summary);
    EXPECT_FALSE(strategy.summary.empty());
  }
  EXPECT_EQ(find_strategy("ort"), nullptr);
  EXPECT_EQ(require_strategy("mean").name, "mean");
}

TEST(Strategies, AnUnknownOneIsRefusedWithTheListOfThoseThere) {
  try {
    require_strategy("median");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.where(), "median");
    EXPECT_NE(error.hint().find("mean"), std::string::npos);
  }
}

TEST(Strategies, MeanIsTheWeightedMean) {
  const Buffer a = testing::random_floats(100, 1);
  const Buffer b = testing::random_floats(100, 2);
  const std::vector<TensorView> sides{{DType::kF32, {100}, a}, {DType::kF32, {100}, b}};
  const std::vector<double> weights{3, 1};
  EXPECT_EQ(require_strategy("mean").merge({"w", sides, weights}), weighted_mean(sides, weights));
}

}  // namespace
}  // namespace mgit
