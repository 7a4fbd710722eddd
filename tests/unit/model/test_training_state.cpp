#include "model/training_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/model_form.h"
#include "model/optimizer_state.h"

namespace mgit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Infos = std::vector<TensorInfo>;

Infos sorted(Infos infos) {
  std::sort(infos.begin(), infos.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  return infos;
}

TensorInfo f32(const std::string& name, Shape shape = {2}) { return {name, DType::kF32, shape}; }

/// Names in the order of the network.
const Infos kNet{f32("fc1.weight", {5, 3}), f32("fc1.bias", {5}), f32("fc2.weight", {4, 5}),
                 f32("fc2.bias", {4})};

Infos with_prefix(const Infos& infos, const std::string& prefix) {
  Infos result = infos;
  for (TensorInfo& info : result) info.name.insert(0, prefix);
  return result;
}

Infos operator+(Infos a, const Infos& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(WeightPrefixes, AreFoundByKeysAndWrappers) {
  const auto prefixes = [](const Infos& infos, const std::string& key = "") {
    return weight_prefixes(sorted(infos), key);
  };
  const Infos moment{f32("optimizer.state.0.exp_avg")};
  EXPECT_THAT(prefixes(kNet), ElementsAre(""));
  EXPECT_THAT(prefixes(kNet + moment), ElementsAre(""));
  EXPECT_THAT(prefixes(with_prefix(kNet, "module.")), ElementsAre("", "module."));
  EXPECT_THAT(prefixes(with_prefix(kNet, "model.") + moment), ElementsAre("", "model."));
  EXPECT_THAT(prefixes(with_prefix(kNet, "state_dict.model.") + moment),
              ElementsAre("", "state_dict.", "state_dict.model."));
  EXPECT_THAT(prefixes(with_prefix(kNet, "model.module._orig_mod.")),
              ElementsAre("", "model.", "model.module.", "model.module._orig_mod."));
  EXPECT_THAT(prefixes(with_prefix(kNet, "mine.") + moment), ElementsAre("", "mine."));
  EXPECT_THAT(prefixes(with_prefix(kNet, "model.") + with_prefix(kNet, "ema.")),
              ElementsAre("", "model."));
  // A transformer whose body is called "model" is no training state.
  EXPECT_THAT(prefixes(with_prefix(kNet, "model.") + Infos{f32("lm_head.weight")}),
              ElementsAre(""));
}

TEST(WeightPrefixes, AKeyDecides) {
  const Infos both = sorted(with_prefix(kNet, "model.") + with_prefix(kNet, "ema.module."));
  EXPECT_THAT(weight_prefixes(both, "ema"), ElementsAre("ema.", "ema.module."));
  EXPECT_THAT(weight_prefixes(both, "ema.module"), ElementsAre("ema.module."));
  EXPECT_THROW(weight_prefixes(both, "emma"), Error);
}

/// A state of kNet under "model.", with an Adam whose parameters are numbered in `order`.
struct State {
  Infos tensors;
  Outline outline;
};

State state_of(const std::vector<std::vector<std::size_t>>& groups,
               const std::vector<std::size_t>& order, const Infos& net = kNet) {
  State state{with_prefix(net, "model."), {}};
  for (std::size_t i = 0; i < net.size(); ++i)
    state.outline.tensors.push_back({"model." + net[i].name, 100 * (i + 1)});
  for (std::size_t number = 0; number < order.size(); ++number)
    state.tensors.push_back(
        f32("optimizer.state." + std::to_string(number) + ".exp_avg", net[order[number]].shape));
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t k = 0; k < groups[g].size(); ++k)
      state.outline.scalars.push_back(
          {"optimizer.param_groups." + std::to_string(g) + ".params." + std::to_string(k),
           std::to_string(groups[g][k])});
  state.tensors = sorted(state.tensors);
  return state;
}

Spec whole(const State& state, Moments moments = Moments::kMove) {
  const auto weights = recognise(weights_under(state.tensors, "model."));
  EXPECT_TRUE(weights);
  return spec_of_state(*weights, "model.", state.tensors, state.outline, moments);
}

/// Whether the moment with this number moves as this parameter does.
void expect_follows(const Spec& spec, std::size_t number, const std::string& parameter) {
  const SpecTensor* moment = spec.find("optimizer.state." + std::to_string(number) + ".exp_avg");
  ASSERT_NE(moment, nullptr);
  EXPECT_EQ(moment->axes, spec.find("model." + parameter)->axes) << parameter;
  EXPECT_FALSE(moment->match);
}

TEST(SpecOfState, MomentsFollowTheirParameters) {
  const Spec spec = whole(state_of({{0, 1, 2, 3}}, {0, 1, 2, 3}));
  for (std::size_t i = 0; i < kNet.size(); ++i) expect_follows(spec, i, kNet[i].name);
  EXPECT_EQ(
      bind_spec(spec_text(spec), "text", state_of({{0, 1, 2, 3}}, {0, 1, 2, 3}).tensors).tensors,
      spec.tensors);
}

TEST(SpecOfState, WeightsThatDecayMayComeFirst) {
  const Spec spec = whole(state_of({{0, 1}, {2, 3}}, {0, 2, 1, 3}));
  expect_follows(spec, 0, "fc1.weight");
  expect_follows(spec, 1, "fc2.weight");
  expect_follows(spec, 2, "fc1.bias");
  const Spec last = whole(state_of({{0, 1}, {2, 3}}, {1, 3, 0, 2}));
  expect_follows(last, 0, "fc1.bias");
  expect_follows(last, 3, "fc2.weight");
}

TEST(SpecOfState, WhatCannotBeKnownIsRefused) {
  const auto refusal = [](const State& state) -> std::string {
    try {
      whole(state);
    } catch (const Error& error) {
      return error.where() + ": " + error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(state_of({{0, 1}}, {2, 3})),
              HasSubstr("the optimizer has 2 parameters, the network 4"));
  EXPECT_THAT(refusal(state_of({{0, 1, 2, 3}}, {2, 3, 0, 1})),
              HasSubstr("optimizer.state.0.exp_avg is 4,5, parameter fc1.weight"));
  State lost = state_of({{0, 1, 2, 3}}, {0, 1, 2, 3});
  lost.outline.scalars.clear();
  EXPECT_THAT(refusal(lost), HasSubstr("the optimizer has 0 parameters"));
  State other = state_of({{0, 1, 2, 3}}, {0, 1, 2, 3});
  other.tensors = sorted(other.tensors + Infos{f32("optimizer.state.0.preconditioner", {7, 7})});
  EXPECT_THAT(refusal(other), HasSubstr("optimizer.state.0.preconditioner"));
  // Layers of one shape: either group may be the first part of the network.
  Infos square;
  for (const char* name : {"fc1.weight", "fc2.weight", "fc3.weight", "fc4.weight"})
    square.push_back(f32(name, {5, 5}));
  EXPECT_THAT(refusal(state_of({{0, 1}, {2, 3}}, {0, 1, 2, 3}, square)),
              HasSubstr("its 2 groups of parameters fit the network in several ways"));
  EXPECT_EQ(refusal(state_of({{0, 1, 2, 3}}, {0, 1, 2, 3}, square)), "");
}

TEST(SpecOfState, TheLastPartOfTheNetworkMayComeFirst) {
  const Spec spec = whole(state_of({{0, 1}, {2, 3}}, {2, 3, 0, 1}));
  expect_follows(spec, 0, "fc2.weight");
  expect_follows(spec, 3, "fc1.bias");
}

TEST(SpecOfState, TheOptimizerOfAnotherNetworkStays) {
  State state = state_of({{0, 1, 2, 3}}, {0, 1, 2, 3});
  const Infos critic{f32("critic.q.weight", {2, 7}), f32("critic.q.bias", {2})};
  for (std::size_t i = 0; i < critic.size(); ++i)
    state.outline.tensors.push_back({critic[i].name, 9000 + i});
  for (const char* number : {"0", "1"})
    state.outline.scalars.push_back(
        {std::string("optimizer2.param_groups.0.params.") + number, number});
  state.tensors = sorted(state.tensors + critic + Infos{f32("optimizer2.state.0.exp_avg", {2, 7})});
  const Spec spec = whole(state);
  expect_follows(spec, 2, "fc2.weight");
  for (const SpecAxis& axis : spec.find("optimizer2.state.0.exp_avg")->axes)
    EXPECT_TRUE(axis.occurrences.empty());
}

TEST(SpecOfState, LeftMomentsStay) {
  const Spec spec = whole(state_of({{0, 1}}, {2, 3}), Moments::kLeave);
  for (const SpecAxis& axis : spec.find("optimizer.state.0.exp_avg")->axes)
    EXPECT_TRUE(axis.occurrences.empty());
}

TEST(SpecOfState, CopiesOfAllWeightsMoveAndOthersStay) {
  State state = state_of({}, {});
  Infos list = kNet;
  for (std::size_t i = 0; i < list.size(); ++i) list[i].name = "average." + std::to_string(i);
  state.tensors = sorted(state.tensors + with_prefix(kNet, "ema.module.") + list +
                         Infos{f32("head.fc1.weight", {5, 3}), f32("mean", {5})});
  const Spec spec = whole(state);
  EXPECT_EQ(spec.find("ema.module.fc1.weight")->axes, spec.find("model.fc1.weight")->axes);
  EXPECT_EQ(spec.find("average.2")->axes, spec.find("model.fc2.weight")->axes);
  for (const char* fixed : {"head.fc1.weight", "mean"})
    for (const SpecAxis& axis : spec.find(fixed)->axes) EXPECT_TRUE(axis.occurrences.empty());
}

TEST(SpecOfState, TiedParametersCountOnce) {
  State state = state_of({{0, 1, 2, 3}}, {0, 1, 2, 3});
  state.outline.tensors.push_back({"model.fc1.weight", 100});  // once more, in the same place
  expect_follows(whole(state), 3, "fc2.bias");
}

TEST(MomentLayout, FactoredMomentsKeepTheAxesThatTheyHave) {
  const SpecTensor parameter{"w", {{5, {{0, 0, 1, 1}}}, {3, {{1, 0, 1, 1}}}}, true};
  const auto row = moment_layout({"", "", "", "exp_avg_sq_row"}, {5}, parameter);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->axes.front().occurrences.front().group, 0U);
  const auto column = moment_layout({"", "", "", "exp_avg_sq_col"}, {3}, parameter);
  ASSERT_TRUE(column);
  EXPECT_EQ(column->axes.front().occurrences.front().group, 1U);
  EXPECT_FALSE(moment_layout({"", "", "", "exp_avg"}, {3}, parameter));
  const SpecTensor reshaped{"w", {{15, {{0, 0, 1, 1}}}}, true, true};
  EXPECT_TRUE(moment_layout({"", "", "", "exp_avg"}, {5, 3}, reshaped));
  EXPECT_FALSE(moment_layout({"", "", "", "exp_avg_sq_row"}, {5}, reshaped));
}

CommittedModel model_of(const Infos& infos, std::uint8_t object) {
  CommittedModel model;
  model.path = "net.pt";
  for (const TensorInfo& info : sorted(infos)) {
    ManifestTensor tensor{info, {}, {}};
    tensor.object.bytes[0] = object;
    model.manifest.tensors.push_back(tensor);
  }
  return model;
}

TEST(ModelForm, TakesTheWeightsAndLeavesAllElse) {
  const Infos moment{f32("optimizer.state.0.exp_avg", {5, 3})};
  const CommittedModel ours = model_of(with_prefix(kNet, "model.") + moment, 1);
  const ModelForm form(ours, "model.");
  const auto brought = form.of(model_of(with_prefix(kNet, "module."), 2), "module.");
  ASSERT_TRUE(brought);
  ASSERT_EQ(brought->manifest.tensors.size(), ours.manifest.tensors.size());
  for (const ManifestTensor& tensor : brought->manifest.tensors) {
    EXPECT_EQ(tensor.info, ours.manifest.find(tensor.info.name)->info);
    EXPECT_EQ(tensor.object.bytes[0], tensor.info.name.starts_with("model.") ? 2 : 1)
        << tensor.info.name;
  }
  EXPECT_FALSE(form.of(model_of(with_prefix(kNet, "module."), 2), ""));
  Infos wider = kNet;
  wider[0].shape[0] = 6;
  EXPECT_FALSE(form.of(model_of(wider, 2), ""));
}

TEST(ModelForm, BringsSpecsAlong) {
  const Infos moment{f32("optimizer.state.0.exp_avg", {5, 3})};
  const ModelForm form(model_of(with_prefix(kNet, "model.") + moment, 1), "model.");
  const Spec theirs = *recognise(sorted(kNet));
  const Spec spec = form.of(theirs, "");
  EXPECT_EQ(spec.groups, theirs.groups);
  EXPECT_EQ(spec.find("model.fc2.weight")->axes, theirs.find("fc2.weight")->axes);
  for (const SpecAxis& axis : spec.find("optimizer.state.0.exp_avg")->axes)
    EXPECT_TRUE(axis.occurrences.empty());
}

}  // namespace
}  // namespace mgit
