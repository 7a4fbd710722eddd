#include "merge/tensor_role.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Names = std::vector<std::string>;

std::size_t index_of(const TensorRoles& roles, const std::string& name) {
  for (std::size_t i = 0; i < roles.tensors().size(); ++i)
    if (roles.tensors()[i].name == name) return i;
  throw std::runtime_error("no tensor " + name);
}

TensorRole role_of(const TensorRoles& roles, const std::string& name) {
  return roles.of(index_of(roles, name));
}

std::vector<Names> units_of(const TensorRoles& roles) {
  std::vector<Names> result;
  for (const TensorUnit& unit : roles.units()) {
    Names names;
    for (const std::size_t member : unit.members) names.push_back(roles.tensors()[member].name);
    result.push_back(names);
  }
  return result;
}

TEST(TensorRole, WhatIsNotQuantisedIsAveraged) {
  const TensorRoles roles({{"fc.bias", DType::kF32, {4}},
                           {"fc.weight", DType::kF32, {4, 8}},
                           {"logit_scale", DType::kF32, {}},
                           {"norm.scale", DType::kF32, {8}},
                           {"norm.shift", DType::kBF16, {8}}});
  for (const char* name : {"fc.bias", "fc.weight", "logit_scale", "norm.scale", "norm.shift"})
    EXPECT_EQ(role_of(roles, name), TensorRole::kAveraged) << name;
  EXPECT_THAT(roles.units(), IsEmpty());
}

TEST(TensorRole, CountersIndexesAndMasksStandAlone) {
  const TensorRoles roles({{"bn.num_batches_tracked", DType::kI64, {}},
                           {"bn.running_mean", DType::kF32, {4}},
                           {"class_counts", DType::kI64, {10}},
                           {"embeddings.position_ids", DType::kI64, {1, 512}},
                           {"attn.relative_position_index", DType::kI64, {49, 49}},
                           {"attn.scale", DType::kF32, {4}},
                           {"attn.bias", DType::kU8, {1, 1, 64, 64}},
                           {"fc.weight_mask", DType::kF32, {4, 8}},
                           {"fc.weight_orig", DType::kF32, {4, 8}},
                           {"keep", DType::kBool, {4}}});
  EXPECT_EQ(role_of(roles, "bn.num_batches_tracked"), TensorRole::kCounter);
  EXPECT_EQ(role_of(roles, "class_counts"), TensorRole::kCounter);
  EXPECT_EQ(role_of(roles, "embeddings.position_ids"), TensorRole::kIndex);
  EXPECT_EQ(role_of(roles, "attn.relative_position_index"), TensorRole::kIndex);
  EXPECT_EQ(role_of(roles, "attn.bias"), TensorRole::kMask);
  EXPECT_EQ(role_of(roles, "fc.weight_mask"), TensorRole::kMask);
  EXPECT_EQ(role_of(roles, "keep"), TensorRole::kMask);
  for (const char* name : {"bn.running_mean", "attn.scale", "fc.weight_orig"})
    EXPECT_EQ(role_of(roles, name), TensorRole::kAveraged) << name;
  EXPECT_THAT(roles.units(), IsEmpty());
}

TEST(TensorRole, TheStateOfATrainingIsNoWeight) {
  const TensorRoles roles({{"model.fc.weight", DType::kF32, {4, 8}},
                           {"opt.state.0.exp_avg", DType::kF32, {4, 8}},
                           {"opt.state.0.step", DType::kF32, {}},
                           {"optimizer.state.0.state1", DType::kU8, {32}},
                           {"optimizer_states.0.state.0.momentum_buffer", DType::kF32, {4, 8}},
                           {"optimizer_G.state.3.sum", DType::kF32, {4}},
                           {"random.cpu", DType::kU8, {5056}},
                           {"random.cuda.0", DType::kU8, {16}},
                           {"rng_state", DType::kU8, {5056}}});
  EXPECT_EQ(role_of(roles, "model.fc.weight"), TensorRole::kAveraged);
  for (std::size_t i = 1; i < roles.tensors().size(); ++i)
    EXPECT_EQ(roles.of(i), TensorRole::kTrainingState) << roles.tensors()[i].name;
  EXPECT_THAT(roles.units(), IsEmpty());
}

struct Scheme {
  const char* name;
  std::vector<TensorInfo> tensors;  // one unit, all of them
};

std::vector<Scheme> schemes() {
  return {
      {"rows of I8",
       {{"proj.weight", DType::kI8, {64, 64}}, {"proj.weight_scale", DType::kF32, {64}}}},
      {"without a module", {{"w", DType::kI8, {64, 64}}, {"w_scale", DType::kF32, {64}}}},
      {"fp8 of Hugging Face",
       {{"m.q.weight", DType::kF8E4M3, {128, 128}}, {"m.q.weight_scale_inv", DType::kF32, {1, 1}}}},
      {"fp8 with activations",
       {{"q.weight", DType::kF8E4M3, {16, 16}},
        {"q.weight_scale", DType::kF32, {}},
        {"q.input_scale", DType::kF32, {}}}},
      {"GPTQ",
       {{"q.g_idx", DType::kI32, {128}},
        {"q.qweight", DType::kI32, {16, 128}},
        {"q.qzeros", DType::kI32, {1, 16}},
        {"q.scales", DType::kF16, {1, 128}}}},
      {"bitsandbytes, 4 bits",
       {{"q.weight", DType::kU8, {2048, 1}},
        {"q.weight.absmax", DType::kU8, {64}},
        {"q.weight.nested_absmax", DType::kF32, {1}},
        {"q.weight.nested_quant_map", DType::kF32, {256}},
        {"q.weight.quant_map", DType::kF32, {16}},
        {"q.weight.quant_state.bitsandbytes__nf4", DType::kU8, {80}}}},
      {"bitsandbytes, 8 bits",
       {{"q.SCB", DType::kF32, {64}},
        {"q.weight", DType::kI8, {64, 64}},
        {"q.weight_format", DType::kU8, {}}}},
      {"compressed tensors",
       {{"q.weight_packed", DType::kI32, {64, 8}},
        {"q.weight_scale", DType::kBF16, {64, 1}},
        {"q.weight_shape", DType::kI64, {2}},
        {"q.weight_zero_point", DType::kI32, {8, 1}}}},
      {"blocks of MXFP4",
       {{"experts.up_blocks", DType::kU8, {8, 64, 16}},
        {"experts.up_scales", DType::kU8, {8, 64, 1}}}},
      {"quanto",
       {{"q.weight._data", DType::kI8, {64, 64}}, {"q.weight._scale", DType::kF16, {64, 1}}}},
      {"HQQ",
       {{"q.W_q", DType::kU8, {2048}},
        {"q.scale", DType::kF16, {64, 1}},
        {"q.zero", DType::kF16, {64, 1}}}},
      {"MLX",
       {{"q.biases", DType::kF16, {64, 2}},
        {"q.scales", DType::kF16, {64, 2}},
        {"q.weight", DType::kU32, {64, 16}}}},
      {"torch, a bias of I32",
       {{"q.bias", DType::kI32, {64}},
        {"q.scale", DType::kF32, {}},
        {"q.weight", DType::kI8, {64, 64}},
        {"q.zero_point", DType::kI64, {}}}},
      {"names that nobody knows", {{"q.B", DType::kI32, {64, 64}}, {"q.s", DType::kF16, {4, 64}}}},
      {"codebooks",
       {{"q.codebooks", DType::kF16, {1, 256, 1, 8}},
        {"q.codes", DType::kI16, {64, 8, 1}},
        {"q.scales", DType::kF16, {64, 1, 1, 1}}}},
  };
}

TEST(TensorRole, CodesAndWhatReadsThemAreOneUnit) {
  for (const Scheme& scheme : schemes()) {
    std::vector<TensorInfo> tensors = scheme.tensors;
    tensors.insert(tensors.begin(), {"embed.weight", DType::kF32, {32, 64}});
    tensors.push_back({"z.norm.scale", DType::kF32, {64}});
    const TensorRoles roles(tensors);
    Names names;
    for (const TensorInfo& info : scheme.tensors) {
      names.push_back(info.name);
      EXPECT_EQ(role_of(roles, info.name), TensorRole::kQuantised) << scheme.name << info.name;
    }
    EXPECT_THAT(units_of(roles), ElementsAre(names)) << scheme.name;
    EXPECT_EQ(role_of(roles, "embed.weight"), TensorRole::kAveraged) << scheme.name;
    EXPECT_EQ(role_of(roles, "z.norm.scale"), TensorRole::kAveraged) << scheme.name;
  }
}

TEST(TensorRole, EachLayerIsItsOwnUnit) {
  const TensorRoles roles({{"a.bias", DType::kF32, {64}},
                           {"a.weight", DType::kI8, {64, 64}},
                           {"a.weight_scale", DType::kF32, {64}},
                           {"b.weight", DType::kI8, {64, 64}},
                           {"b.weight_scale", DType::kF32, {64}},
                           {"c", DType::kQ4_K, {2, 256}},
                           {"d", DType::kC64, {3}}});
  EXPECT_THAT(units_of(roles),
              UnorderedElementsAre(Names{"a.weight", "a.weight_scale"},
                                   Names{"b.weight", "b.weight_scale"}, Names{"c"}, Names{"d"}));
  EXPECT_EQ(role_of(roles, "a.bias"), TensorRole::kAveraged);
  EXPECT_EQ(role_of(roles, "d"), TensorRole::kComplex);
}

/// Contents of each tensor in the base and on each side.
class Sides {
 public:
  Sides& set(std::size_t tensor, int base, std::vector<int> sides) {
    values_[tensor] = {base, std::move(sides)};
    return *this;
  }

  RoleVerdict settle(const TensorRoles& roles, bool with_base = true) const {
    const auto value = [this](std::size_t side, std::size_t tensor) {
      const auto found = values_.find(tensor);
      return found == values_.end() ? 0 : found->second.second[side];
    };
    const auto base = [this](std::size_t tensor) {
      const auto found = values_.find(tensor);
      return found == values_.end() ? 0 : found->second.first;
    };
    return settle_roles(roles, {2,
                                [&](std::size_t side, std::size_t tensor) {
                                  return !with_base || value(side, tensor) != base(tensor);
                                },
                                [&](std::size_t side, std::size_t tensor) {
                                  Digest digest;
                                  digest.bytes[0] = static_cast<std::uint8_t>(value(side, tensor));
                                  return digest;
                                }});
  }

 private:
  std::map<std::size_t, std::pair<int, std::vector<int>>> values_;
};

const std::vector<TensorInfo> kQuantised{{"n", DType::kI64, {}},
                                         {"q.weight", DType::kI8, {64, 64}},
                                         {"q.weight_scale", DType::kF32, {64}},
                                         {"w", DType::kF32, {4, 4}}};

TEST(SettleRoles, AUnitThatOneSideChangedComesFromIt) {
  const TensorRoles roles(kQuantised);
  const RoleVerdict all = Sides().set(1, 0, {0, 5}).set(2, 0, {0, 6}).settle(roles);
  EXPECT_THAT(all.taken, ElementsAre(0U, 1U, 1U, std::nullopt));
  EXPECT_THAT(all.conflicts, IsEmpty());
  EXPECT_EQ(all.left_out, "");
  // Only the codes: the scale comes along.
  EXPECT_THAT(Sides().set(1, 0, {0, 5}).settle(roles).taken, ElementsAre(0U, 1U, 1U, std::nullopt));
}

TEST(SettleRoles, CodesOfOneSideNeverGetScalesOfTheOther) {
  const TensorRoles roles(kQuantised);
  for (const RoleVerdict& verdict : {Sides().set(1, 0, {4, 5}).set(2, 0, {1, 2}).settle(roles),
                                     Sides().set(1, 0, {4, 0}).set(2, 0, {0, 2}).settle(roles),
                                     Sides().set(1, 0, {4, 5}).settle(roles, false)})
    EXPECT_THAT(verdict.conflicts,
                ElementsAre("q.weight: I8 with q.weight_scale, other codes here and there, which "
                            "cannot be averaged"));
}

TEST(SettleRoles, ScalesAboveEqualCodesAreNumbers) {
  const TensorRoles roles(kQuantised);
  const RoleVerdict verdict = Sides().set(1, 0, {7, 7}).set(2, 0, {1, 2}).settle(roles);
  EXPECT_THAT(verdict.conflicts, IsEmpty());
  EXPECT_EQ(verdict.taken[2], std::nullopt);
}

TEST(SettleRoles, CountersStayOursAndItIsSaid) {
  const TensorRoles roles(kQuantised);
  const RoleVerdict both = Sides().set(0, 0, {3, 4}).settle(roles);
  EXPECT_EQ(both.taken[0], 0U);
  EXPECT_EQ(both.left_out, "1 counter (n)");
  const RoleVerdict theirs = Sides().set(0, 0, {0, 4}).settle(roles);
  EXPECT_EQ(theirs.taken[0], 1U);
  EXPECT_EQ(theirs.left_out, "");
}

TEST(SettleRoles, FakeQuantisationKeepsItsZeroPointWithItsScale) {
  const TensorRoles roles({{"f.scale", DType::kF32, {1}},
                           {"f.zero_point", DType::kI32, {1}},
                           {"w", DType::kF32, {4, 4}}});
  EXPECT_EQ(role_of(roles, "f.scale"), TensorRole::kCalibration);
  const RoleVerdict verdict = Sides().set(0, 0, {3, 4}).set(1, 0, {1, 2}).settle(roles);
  EXPECT_THAT(verdict.taken, ElementsAre(0U, 0U, std::nullopt));
  EXPECT_THAT(verdict.left_out, HasSubstr("2 scales and zero points of fake quantisation"));
}

}  // namespace
}  // namespace mgit
