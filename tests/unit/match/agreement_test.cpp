// How far the places of a group agree about its order, and ties.
#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "mgit/match.h"
#include "mgit/random_permutation.h"
#include "support/support.h"

namespace mgit {
namespace {

struct BoundNetwork {
  Spec spec;
  MemoryModel model;
};

BoundNetwork bound(const std::string& text, const std::vector<TensorInfo>& tensors,
                   std::uint64_t seed) {
  BoundNetwork result{bind_spec("mgit-perm 1\n" + text, "test.perm", tensors), {}};
  for (const TensorInfo& info : tensors)
    result.model.set(info, testing::random_floats(element_count(info.shape).value(), seed++));
  return result;
}

BoundNetwork chain_of_layers(std::uint64_t seed) {
  return bound("perm P\nperm Q\na.bias: P\na: P, _\nb: Q, P\nb.bias: Q\nc: _, Q\n",
               {{"a", DType::kF32, {40, 50}},
                {"a.bias", DType::kF32, {40}},
                {"b", DType::kF32, {30, 40}},
                {"b.bias", DType::kF32, {30}},
                {"c", DType::kF32, {10, 30}}},
               seed);
}

/// A stream of 24 units, written and read twice.
BoundNetwork stream(std::uint64_t seed) {
  return bound("perm R\nembed: _, R\none: R, _\ntwo: R, _\nout: _, R\n",
               {{"embed", DType::kF32, {60, 24}},
                {"one", DType::kF32, {24, 30}},
                {"two", DType::kF32, {24, 30}},
                {"out", DType::kF32, {60, 24}}},
               seed);
}

Permutation shuffled(const Spec& spec, std::uint64_t seed) {
  Random random(seed);
  return random_permutation(spec, random);
}

std::vector<GroupAgreement> after(const BoundNetwork& a, const TensorSource& b,
                                  MatchResult& match) {
  match = match_weights(a.spec, a.model, b);
  return agreement(a.spec, a.model, b, match.permutation);
}

TEST(Agreement, PlacesAddUpToTheGroupsPartOfTheObjective) {
  const BoundNetwork a = chain_of_layers(1);
  const BoundNetwork b = chain_of_layers(11);
  MatchResult match;
  const auto found = after(a, b.model, match);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].places.size(), 3U);
  for (std::size_t g = 0; g < 2; ++g) {
    double shared = 0;
    for (const PlaceAgreement& place : found[g].places) {
      shared += place.shared;
      EXPECT_GT(place.alone, place.shared) << place.tensor;
      EXPECT_GT(place.elsewhere, 0U) << place.tensor;
    }
    EXPECT_NEAR(shared, match.groups[g].after, 1e-6 * shared);
    EXPECT_GT(found[g].lost(), 0.05);
    EXPECT_EQ(found[g].tied, 0U);
  }
}

TEST(Agreement, AllPlacesOfAPermutedModelAgree) {
  const BoundNetwork a = chain_of_layers(2);
  const Permutation planted = shuffled(a.spec, 1);
  MatchResult match;
  for (const GroupAgreement& group : after(a, PermutedModel(a.model, a.spec, planted), match)) {
    for (const PlaceAgreement& place : group.places) EXPECT_EQ(place.elsewhere, 0U) << place.tensor;
    EXPECT_EQ(group.lost(), 0);
  }
  // Where nothing was moved, they all say so, by more than a half.
  for (const GroupAgreement& group :
       agreement(a.spec, a.model, PermutedModel(a.model, a.spec, planted), {{{}, {}}}))
    EXPECT_GT(group.lost(), 0.5);
}

TEST(Agreement, TheOneThatWantsAnotherOrderIsFound) {
  const BoundNetwork a = stream(3);
  const Permutation another = shuffled(a.spec, 5);
  const PermutedModel other(a.model, a.spec, another);
  MemoryModel b = a.model;
  const TensorData two = other.read("two");
  b.set({"two", DType::kF32, {24, 30}}, Buffer(two.view.data.begin(), two.view.data.end()));
  MatchResult match;
  const auto found = after(a, b, match);
  EXPECT_TRUE(match.permutation.identity() || match.groups[0].moved == 0);
  ASSERT_EQ(found[0].places.size(), 4U);
  for (const PlaceAgreement& place : found[0].places) {
    const bool odd = place.tensor == "two";
    EXPECT_EQ(place.elsewhere > 20, odd) << place.tensor;
    EXPECT_EQ(place.alone > 2 * place.shared, odd) << place.tensor;
  }
}

TEST(Agreement, UnitsThatAreAlikeOrDeadAreTied) {
  BoundNetwork a = stream(4);
  for (const TensorInfo& info : a.model.tensors()) {
    const TensorData tensor = a.model.read(info.name);
    Buffer bytes(tensor.view.data.begin(), tensor.view.data.end());
    const bool rows = info.shape[0] == 24;
    const std::size_t lines = rows ? info.shape[1] : info.shape[0];
    for (std::size_t line = 0; line < lines; ++line) {
      const auto place = [&](std::size_t unit) {
        return bytes.data() + 4 * (rows ? unit * lines + line : line * 24 + unit);
      };
      std::memcpy(place(1), place(0), 4);  // 0 and 1 are alike
      std::memset(place(7), 0, 4);         // 7 and 9 are dead
      std::memset(place(9), 0, 4);
    }
    a.model.set(info, std::move(bytes));
  }
  MatchResult match;
  EXPECT_EQ(after(a, a.model, match)[0].tied, 4U);
}

TEST(Agreement, FamiliesAndFixedGroupsHaveNone) {
  const std::vector<TensorInfo> tensors{{"q", DType::kF32, {12, 5}},
                                        {"k", DType::kF32, {12, 5}},
                                        {"up", DType::kF32, {7, 5}},
                                        {"down", DType::kF32, {5, 7}}};
  const BoundNetwork a = bound(
      "perm H:3\nperm V:4 in H\nperm P\nq: H*V, _\nk: H*V, _\nup: P, _\ndown: _, P\n", tensors, 6);
  MatchResult match;
  const auto found = after(a, a.model, match);
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t g = 0; g < 3; ++g)
    EXPECT_EQ(found[g].places.empty(), a.spec.groups[g].name != "P") << a.spec.groups[g].name;
}

}  // namespace
}  // namespace mgit
