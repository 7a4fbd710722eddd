// Permutations: algebra, applying, and their text.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "mgit/perm.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

Network small_resnet() {
  ResNetPlan plan;
  plan.width = 4;
  plan.blocks = {2, 1};
  return resnet(plan);
}

bool same_bytes(const TensorData& a, const TensorData& b) {
  return a.view.data.size() == b.view.data.size() &&
         std::memcmp(a.view.data.data(), b.view.data.data(), a.view.data.size()) == 0;
}

TEST(Permutation, InverseAndComposition) {
  const Spec spec = *recognise(small_resnet());
  const Permutation p = random_permutation(spec, 1);
  const Permutation q = random_permutation(spec, 2);
  EXPECT_TRUE(identity_permutation(spec).identity());
  EXPECT_FALSE(p.identity());
  EXPECT_TRUE(compose(p, inverse(p)).identity());
  EXPECT_EQ(inverse(compose(p, q)), compose(inverse(q), inverse(p)));
  EXPECT_EQ(compose(identity_permutation(spec), p), p);
}

TEST(PermutedModel, GivesBackEveryBitAndKeepsEveryValue) {
  const Network networks[] = {
      small_resnet(), vgg({4, 0, 6, 8, 0}, true, 4, 12, 5),
      NetworkBuilder().linear("fc1", 9, 4).linear("fc2", 7, 9).linear("fc3", 2, 7).build()};
  for (const Network& network : networks) {
    const auto spec = recognise(network);
    ASSERT_TRUE(spec);
    const MemoryModel model = random_model(network, 3);
    const Permutation permutation = random_permutation(*spec, 4);
    const Permutation back = inverse(permutation);
    const PermutedModel permuted(model, *spec, permutation);
    const PermutedModel restored(permuted, *spec, back);
    std::size_t moved = 0;
    for (const TensorInfo& tensor : network) {
      const TensorData before = model.read(tensor.name);
      EXPECT_TRUE(same_bytes(restored.read(tensor.name), before)) << tensor.name;
      if (tensor.dtype != DType::kF32) continue;
      std::vector<double> a = values(model, tensor.name);
      std::vector<double> b = values(permuted, tensor.name);
      moved += a != b;
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      EXPECT_EQ(a, b) << tensor.name;
    }
    EXPECT_GT(moved, network.size() / 2);
  }
}

TEST(PermutedModel, OneAfterTheOtherIsTheComposition) {
  const Network network = small_resnet();
  const Spec spec = *recognise(network);
  const MemoryModel model = random_model(network, 5);
  const Permutation p = random_permutation(spec, 6);
  const Permutation q = random_permutation(spec, 7);
  const Permutation both = compose(p, q);
  const PermutedModel first(model, spec, p);
  const PermutedModel second(first, spec, q);
  const PermutedModel at_once(model, spec, both);
  for (const TensorInfo& tensor : network)
    EXPECT_TRUE(same_bytes(second.read(tensor.name), at_once.read(tensor.name))) << tensor.name;
}

TEST(PermutedModel, RefusesWhatIsNotItsOwn) {
  const Spec spec = *recognise(small_resnet());
  const MemoryModel other = random_model({{"x", DType::kF32, {2}}}, 1);
  const Permutation permutation = random_permutation(spec, 1);
  EXPECT_THROW(PermutedModel(other, spec, permutation).read("x"), MissingError);
  EXPECT_THROW(axis_gather(spec, spec.tensors[0].axes[0], Permutation()), Error);
  Permutation short_one = identity_permutation(spec);
  short_one.groups[0] = {1, 0};
  EXPECT_THROW(tensor_gathers(spec, *spec.find("conv1.weight"),
                              Permutation{std::vector<Gather>(spec.groups.size(), Gather{1, 0})}),
               Error);
}

std::vector<ModelPermutation> two_models() {
  const Spec spec = *recognise(small_resnet());
  ModelPermutation a{"model.safetensors", sha256(as_bytes("a")), spec.groups,
                     random_permutation(spec, 8)};
  a.permutation.groups[1].clear();
  ModelPermutation b{"odd \"path\"\n.safetensors", sha256(as_bytes("b")), {}, {}};
  return {a, b};
}

TEST(PermutationText, GoesThereAndBack) {
  const std::vector<ModelPermutation> models = two_models();
  const std::string text = permutation_text(models);
  EXPECT_EQ(parse_permutation(text, "object"), models);
  EXPECT_EQ(permutation_text(parse_permutation(text, "object")), text);
  EXPECT_EQ(parse_permutation("mgit-permutation 1\n", "object"), std::vector<ModelPermutation>());
}

TEST(PermutationText, HasOneWayToWriteThings) {
  const std::string digest = sha256({}).hex();
  EXPECT_EQ(
      permutation_text({{"m", sha256({}), {{"P", 3}, {"Q", 2}}, {{{2, 0, 1}, {0, 1}}}}}),
      "mgit-permutation 1\nmodel m\nspec " + digest + "\ngroup P 3\n2 0 1\ngroup Q 2\nidentity\n");
}

TEST(PermutationText, IsReadStrictly) {
  const std::string digest = sha256({}).hex();
  const std::string start = "mgit-permutation 1\nmodel m\nspec " + digest + "\n";
  const std::pair<std::string, const char*> broken[] = {
      {"", "object:1"},
      {"mgit-permutation 2\n", "object:1"},
      {"mgit-permutation 1", "object:1"},
      {"mgit-permutation 1\nmodel \n", "object:2"},
      {"mgit-permutation 1\nmodel \"m\"\n", "object:2"},
      {"mgit-permutation 1\nmodel \"a b\nspec " + digest + "\n", "object:2"},
      {"mgit-permutation 1\nmodel a b\nspec " + digest + "\n", "object:2"},
      {"mgit-permutation 1\nmodel m\n", "object:3"},
      {"mgit-permutation 1\nmodel m\nspec abc\n", "object:3"},
      {start + "group P\n", "object:4"},
      {start + "group P 03\n2 0 1\n", "object:4"},
      {start + "group P 3\n", "object:5"},
      {start + "group P 3\n\n", "object:5"},
      {start + "group P 3\n2 0\n", "object:5"},
      {start + "group P 3\n2 0 1 3\n", "object:5"},
      {start + "group P 3\n2 0 0\n", "object:5"},
      {start + "group P 3\n2 0 3\n", "object:5"},
      {start + "group P 3\n2  0 1\n", "object:5"},
      {start + "group P 3\n2 0 -1\n", "object:5"},
      {start + "group P 3\n2 0 1 \n", "object:5"},
      {start + "group P 3\n0 1 2\n", "object:5"},
      {start + "group P 4294967295\n0 1 2\n", "object:5"},
      {start + "group P 3\n2 0 1", "object:5"},
      {start + "groups\n", "object:4"},
  };
  for (const auto& [text, where] : broken) {
    try {
      parse_permutation(text, "object");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const CorruptError& error) {
      EXPECT_EQ(error.where(), where) << text << "\n" << error.what();
    }
  }
}

TEST(PermutationText, SurvivesHostileText) {
  const std::string text = permutation_text(two_models());
  std::mt19937_64 random(9);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mutated = text;
    for (std::uint64_t i = 0; i <= random() % 3; ++i)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    try {
      EXPECT_EQ(permutation_text(parse_permutation(mutated, "object")), mutated);
    } catch (const CorruptError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace mgit::testing
