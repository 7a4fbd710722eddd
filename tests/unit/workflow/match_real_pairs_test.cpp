// Matching of real networks, against the plain algorithm's objectives (tools/reference.py, seed 0).
#include <gtest/gtest.h>

#include "mgit/match.h"
#include "mgit/store.h"
#include "support/support.h"

namespace mgit {
namespace {

struct Pair {
  const char* a;
  const char* b;
  double reference;
};

class RealPairs : public ::testing::TestWithParam<Pair> {};

TEST_P(RealPairs, ReachTheObjectiveOfTheReference) {
  const auto data = testing::shared_data();
  if (!data) GTEST_SKIP() << "no real models: set MGIT_DATA to the folder that has models/";
  const auto open = [&](const std::string& name) {
    return open_checkpoint_file(*data / "models" / (name + ".safetensors"));
  };
  const auto a = open(GetParam().a);
  const auto b = open(GetParam().b);
  const auto spec = recognise(a->tensors());
  ASSERT_TRUE(spec.has_value());
  const MatchResult result = match_weights(*spec, *a, *b);
  EXPECT_GE(result.objective_after, 0.999 * GetParam().reference);
  const PermutedModel permuted(*b, *spec, result.permutation);
  EXPECT_NEAR(objective(*spec, *a, permuted), result.objective_after,
              1e-9 * result.objective_after);
  EXPECT_LT(cosine(*a, *b), 0.02);
}

INSTANTIATE_TEST_SUITE_P(Models, RealPairs,
                         ::testing::Values(Pair{"mlp-s1", "mlp-s2", 305.18},
                                           Pair{"mlpbias-s10", "mlpbias-s11", 185.34},
                                           Pair{"vgg-s1", "vgg-s2", 1025.27},
                                           Pair{"mnistresnet-s1", "mnistresnet-s2", 470.10},
                                           Pair{"mnistresnet64-s1", "mnistresnet64-s2", 1686.64}),
                         [](const auto& pair) {
                           std::string name = pair.param.a;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace mgit
