#include "model/spec_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/model_spec.h"
#include "unit/workspace/workspace_sandbox.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kModelPath = "model.safetensors";

std::vector<TensorInfo> perceptron(const std::string& prefix = "") {
  return {{prefix + "fc1.bias", DType::kF32, {5}},
          {prefix + "fc1.weight", DType::kF32, {5, 3}},
          {prefix + "fc2.bias", DType::kF32, {4}},
          {prefix + "fc2.weight", DType::kF32, {4, 5}}};
}

constexpr const char* kSpec =
    "mgit-perm 1\nperm Own:5\nfc1.weight: Own, _\nfc1.bias: Own\nfc2.weight: _, Own\nfc2.bias: _\n";

class SpecSources : public ::testing::Test {
 protected:
  void configure(const std::string& spec) const {
    sandbox_.write(".mgitconfig", std::string("[model \"net\"]\n\tpath = ") + kModelPath +
                                      "\n\tspec = " + spec + "\n");
  }
  /// The name of the only group of the spec that is chosen in the working tree.
  std::string group_of(const std::vector<TensorInfo>& tensors) const {
    const Workspace repository = sandbox_.open();
    return choose_spec(&repository, std::nullopt, kModelPath, tensors).groups.at(0).name;
  }

  WorkspaceSandbox sandbox_;
};

TEST_F(SpecSources, AreAskedInOrder) {
  std::vector<std::string_view> names;
  for (const SpecSource& source : spec_sources()) names.push_back(source.name);
  EXPECT_THAT(names, ElementsAre("config", "graph", "family", "script"));
}

TEST_F(SpecSources, ConfigDecidesBeforeTheFamilyThatFitsToo) {
  sandbox_.write("net.perm", kSpec);
  const std::string of_family = group_of(perceptron());
  EXPECT_NE(of_family, "Own");
  configure("net.perm");
  EXPECT_EQ(group_of(perceptron()), "Own");
  configure("auto");
  EXPECT_EQ(group_of(perceptron()), of_family);
}

TEST_F(SpecSources, ASpecOfConfigsThatDoesNotFitIsNotPassedOver) {
  sandbox_.write("net.perm", "mgit-perm 1\nperm Own:5\nfc1.weight: Own, _\n");
  configure("net.perm");
  EXPECT_THAT(error_of([&] { group_of(perceptron()); }), HasSubstr("no line covers"));
  configure("absent.perm");
  EXPECT_THAT(error_of([&] { group_of(perceptron()); }), HasSubstr("absent.perm"));
}

TEST_F(SpecSources, ReadTheConfigBesideTheModel) {
  sandbox_.write("net.perm",
                 "mgit-perm 1\nperm Own:config.units\nfc1.weight: Own, _\nfc1.bias: Own\n"
                 "fc2.weight: _, Own\nfc2.bias: _\n");
  configure("net.perm");
  EXPECT_THAT(error_of([&] { group_of(perceptron()); }), HasSubstr("'config' is not a number"));
  sandbox_.write("net.perm",
                 "mgit-perm 1\nlet units = config.net.units\nperm Own:units\n"
                 "fc1.weight: Own, _\nfc1.bias: Own\nfc2.weight: _, Own\nfc2.bias: _\n");
  EXPECT_THAT(error_of([&] { group_of(perceptron()); }), HasSubstr("no config.json"));
  for (const char* bad : {"{", "[1]", R"({"net": {"units": 6}})", R"({"net": {"units": [5]}})"}) {
    sandbox_.write("config.json", bad);
    EXPECT_NE(error_of([&] { group_of(perceptron()); }), "") << bad;
  }
  sandbox_.write("config.json", R"({"net": {"units": 5, "name": "x", "list": [1], "none": null}})");
  EXPECT_EQ(group_of(perceptron()), "Own");
}

TEST_F(SpecSources, SayWhichWeightsTheySpeakOf) {
  const std::optional<Oid> none;
  const std::string path = kModelPath;
  const std::vector<TensorInfo> wrapped = perceptron("module.");
  const SpecQuery of_file{nullptr, none, path, wrapped};
  EXPECT_FALSE(spec_of_config(of_file).found);
  EXPECT_EQ(spec_of_family(of_file).found.value().prefix, "module.");
  const SpecQuery of_weights{nullptr, none, path, wrapped, true};
  EXPECT_FALSE(spec_of_family(of_weights).found);

  sandbox_.write("net.perm", kSpec);
  configure("net.perm");
  const Workspace repository = sandbox_.open();
  EXPECT_EQ(spec_of_config({&repository, none, path, wrapped}).found.value().prefix, "module.");
  const std::vector<TensorInfo> bare = perceptron();
  EXPECT_EQ(spec_of_config({&repository, none, path, bare}).found.value().prefix, std::nullopt);
  EXPECT_EQ(spec_of_family({&repository, none, path, bare}).found.value().prefix, "");
}

TEST_F(SpecSources, WhereNoneHasOneTheNearestFamilyIsNamed) {
  std::vector<TensorInfo> odd = perceptron();
  odd.push_back({"head.odd", DType::kF32, {7, 7, 7}});
  const std::string error = error_of([&] { group_of(odd); });
  EXPECT_THAT(error, HasSubstr("no permutation spec fits this network; the nearest family is"));
  EXPECT_THAT(error, HasSubstr("--no-rebase"));
}

/// An encoder whose tables keep their order lies in no folder of its layers.
TEST(WeightsPlace, WeightsThatKeepTheirOrderAreWeightsToo) {
  const auto place = [](const std::string& line) {
    return weights_place(bind_spec(
        "mgit-perm 1\nperm F:5\nnet.fc1.weight: F, _\nnet.fc2.weight: _, F\n" + line, "net.perm",
        {{"net.fc1.weight", DType::kF32, {5, 3}},
         {"net.fc2.weight", DType::kF32, {4, 5}},
         {"other.table", DType::kF32, {7, 3}}}));
  };
  EXPECT_EQ(place("other.table: _, _\n"), "");
  EXPECT_EQ(place("skip other.table\n"), "net");
}

}  // namespace
}  // namespace mgit::testing
