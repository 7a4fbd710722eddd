// Methods that go by data: mixed, and straight-through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "match/mixed_matching.h"
#include "match/straight_through.h"
#include "support/support.h"

namespace mgit {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kUnits = 8;
constexpr std::uint32_t kInputs = 5;

Permutation turned(std::uint32_t by) {
  Gather gather(kUnits);
  for (std::uint32_t i = 0; i < kUnits; ++i) gather[i] = (i + by) % kUnits;
  return {{gather}};
}

class LearnedMatching : public ::testing::Test {
 protected:
  LearnedMatching() {
    spec_.groups = {{"P", kUnits}};
    spec_.tensors = {{"in.weight", {{kUnits, {{0, 0, 1, 1}}}, {kInputs, {}}}}};
    const TensorInfo info{"in.weight", DType::kF32, {kUnits, kInputs}};
    a_.set(info, testing::random_floats(kUnits * kInputs, 1));
    b_.set(info, testing::random_floats(kUnits * kInputs, 2));
  }
  MatchingInput input() const { return {.spec = spec_, .a = a_, .b = b_, .options = options_}; }
  /// Units of A are like those of B that `order` brings to them.
  static UnitSimilarity similarity(const Permutation& order, double value) {
    UnitSimilarity result{std::vector<double>(kUnits * kUnits)};
    for (std::size_t i = 0; i < kUnits; ++i) result[0][i * kUnits + order.groups[0][i]] = value;
    return result;
  }
  static std::string refusal(const std::function<void()>& match) {
    try {
      match();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  Spec spec_;
  MemoryModel a_;
  MemoryModel b_;
  MatchOptions options_;
};

TEST_F(LearnedMatching, MixedGoesByWeightsWhereUnitsAreSilentAndByActivityWhereItIsClear) {
  MatchingInput given = input();
  const Permutation by_weights = match_weights(spec_, a_, b_, options_).permutation;
  const Permutation other = compose(by_weights, turned(1));
  const UnitSimilarity silent = similarity(other, 0);
  given.similarity = &silent;
  EXPECT_EQ(match_mixed(given).permutation, by_weights);
  const UnitSimilarity clear = similarity(other, 1);
  given.similarity = &clear;
  const MatchResult mixed = match_mixed(given);
  EXPECT_EQ(mixed.permutation, other);
  EXPECT_EQ(mixed.groups.size(), 1U);
  const UnitSimilarity faint = similarity(other, 0.01);
  given.similarity = &faint;
  EXPECT_EQ(match_mixed(given).permutation, by_weights);
}

TEST_F(LearnedMatching, MixedOfNoDataIsRefused) {
  MatchingInput given = input();
  EXPECT_THAT(refusal([&] { match_mixed(given); }), HasSubstr("needs data"));
  const UnitSimilarity none{{}};
  given.similarity = &none;
  EXPECT_THAT(refusal([&] { match_mixed(given); }), HasSubstr("any group"));
}

/// The midpoint is the better, the more units are where `best` has them; its gradient leads there.
class ToyMidpoint : public MidpointLoss {
 public:
  ToyMidpoint(const Spec& spec, const TensorSource& b, Permutation best)
      : spec_(spec), b_(b), best_(std::move(best)) {}

  double gradient(const Permutation& permutation, int, Gradient& gradient) override {
    std::vector<float>& slope = gradient["in.weight"];
    slope.resize(kUnits * kInputs);
    to_float(PermutedModel(b_, spec_, best_).read("in.weight").view, slope);
    for (float& value : slope) value = -value;
    return held_out(permutation);
  }
  double held_out(const Permutation& permutation) override {
    ++asked_;
    double loss = 0;
    for (std::uint32_t i = 0; i < kUnits; ++i) {
      const Gather& gather = permutation.groups[0];
      if ((gather.empty() ? i : gather[i]) != best_.groups[0][i]) loss += 1;
    }
    return loss;
  }
  int asked() const { return asked_; }

 private:
  const Spec& spec_;
  const TensorSource& b_;
  Permutation best_;
  int asked_ = 0;
};

TEST_F(LearnedMatching, StraightThroughFollowsTheLossToAnOrderThatWeightsDoNotFind) {
  const Permutation by_weights = match_weights(spec_, a_, b_, options_).permutation;
  const Permutation best = compose(by_weights, turned(3));
  MatchingInput given = input();
  ToyMidpoint midpoint(spec_, b_, best);
  given.midpoint = &midpoint;
  options_.steps = 200;
  const MatchResult result = match_straight_through(given);
  EXPECT_EQ(result.permutation, best);
  ASSERT_TRUE(result.held_out.has_value());
  EXPECT_EQ(result.held_out->by_weights, kUnits);
  EXPECT_EQ(result.held_out->after, 0);
  EXPECT_EQ(result.sweeps, 200);
}

TEST_F(LearnedMatching, StraightThroughNeverEndsWithALargerLossThanItBeganWith) {
  ToyMidpoint midpoint(spec_, b_, turned(0));
  MatchingInput given = input();
  given.midpoint = &midpoint;
  options_.steps = 0;
  const MatchResult none = match_straight_through(given);
  EXPECT_TRUE(none.permutation.identity());
  EXPECT_EQ(none.held_out->after, 0);
  EXPECT_EQ(midpoint.asked(), 2);
  EXPECT_THAT(refusal([&] { match_straight_through(input()); }), HasSubstr("labelled data"));
}

}  // namespace
}  // namespace mgit
