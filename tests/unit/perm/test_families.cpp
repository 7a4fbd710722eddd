// The shipped families: what they recognise, how they group it, and what they leave alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "mgit/perm.h"
#include "perm/families.h"
#include "perm/natural_order.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// group -> size; places by (tensor, axis) -> (group, inner).
using Uses = std::map<std::pair<std::string, std::size_t>, std::pair<std::string, std::uint64_t>>;

/// The groups of the plain Python reference, written as it writes them.
class Reference {
 public:
  void use(const std::string& tensor, std::size_t axis, const std::string& group,
           std::uint64_t repeat = 1) {
    uses_[{tensor, axis}] = {group, repeat};
  }
  void norm(const std::string& name, const std::string& group) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      use(name + "." + part, 0, group);
  }
  const Uses& uses() const { return uses_; }

 private:
  Uses uses_;
};

/// True if both put the same axes into one group, whatever the groups are called.
void expect_same_groups(const Spec& spec, const Reference& reference) {
  std::map<std::string, std::string> names;
  std::size_t places = 0;
  for (const SpecTensor& tensor : spec.tensors)
    for (std::size_t axis = 0; axis < tensor.axes.size(); ++axis)
      for (const Occurrence& place : tensor.axes[axis].occurrences) {
        ++places;
        const auto found = reference.uses().find({tensor.name, axis});
        ASSERT_NE(found, reference.uses().end()) << tensor.name << " axis " << axis;
        EXPECT_EQ(place.inner, found->second.second) << tensor.name;
        EXPECT_EQ(place.offset, 0U);
        EXPECT_EQ(place.outer, 1U);
        const std::string& ours = spec.groups[place.group].name;
        EXPECT_EQ(names.emplace(found->second.first, ours).first->second, ours) << tensor.name;
      }
  EXPECT_EQ(places, reference.uses().size());
  EXPECT_EQ(names.size(), spec.groups.size());
}

Reference reference_mlp(const TensorSource& model) {
  Reference result;
  int layers = 0;
  while (model.find(fmt::format("fc{}.weight", layers + 1)) != nullptr) ++layers;
  for (int i = 1; i <= layers; ++i) {
    const std::string layer = fmt::format("fc{}", i);
    if (i > 1) result.use(layer + ".weight", 1, fmt::format("P{}", i - 1));
    if (i == layers) continue;
    result.use(layer + ".weight", 0, fmt::format("P{}", i));
    result.use(layer + ".bias", 0, fmt::format("P{}", i));
  }
  return result;
}

Reference reference_vgg(const TensorSource& model) {
  Reference result;
  std::vector<std::string> convs;
  for (const TensorInfo& tensor : model.tensors())
    if (tensor.rank() == 4) convs.push_back(tensor.name.substr(0, tensor.name.size() - 7));
  std::sort(convs.begin(), convs.end(), speclang::natural_less);
  for (std::size_t i = 0; i < convs.size(); ++i) {
    result.use(convs[i] + ".weight", 0, convs[i]);
    if (i > 0) result.use(convs[i] + ".weight", 1, convs[i - 1]);
    result.norm(fmt::format("features.{}", std::stoi(convs[i].substr(9)) + 1), convs[i]);
  }
  const auto repeat =
      model.find("classifier.0.weight")->shape[1] / model.find(convs.back() + ".weight")->shape[0];
  result.use("classifier.0.weight", 0, "F");
  result.use("classifier.0.weight", 1, convs.back(), repeat);
  result.use("classifier.0.bias", 0, "F");
  result.use("classifier.2.weight", 1, "F");
  return result;
}

Reference reference_resnet(const TensorSource& model) {
  Reference result;
  result.use("conv1.weight", 0, "S0");
  result.norm("bn1", "S0");
  std::string stream = "S0";
  for (int l = 1; l <= 3; ++l)
    for (int b = 0;; ++b) {
      const std::string block = fmt::format("layer{}.{}", l, b);
      if (model.find(block + ".conv1.weight") == nullptr) break;
      const bool down = model.find(block + ".downsample.0.weight") != nullptr;
      const std::string out = down ? fmt::format("S{}", l) : stream;
      result.use(block + ".conv1.weight", 0, block);
      result.use(block + ".conv1.weight", 1, stream);
      result.norm(block + ".bn1", block);
      result.use(block + ".conv2.weight", 0, out);
      result.use(block + ".conv2.weight", 1, block);
      result.norm(block + ".bn2", out);
      if (down) {
        result.use(block + ".downsample.0.weight", 0, out);
        result.use(block + ".downsample.0.weight", 1, stream);
        result.norm(block + ".downsample.1", out);
      }
      stream = out;
    }
  result.use("fc.weight", 1, stream);
  return result;
}

struct RealModel {
  const char* file;
  const char* architecture;
  Reference (*reference)(const TensorSource&);
};

class RealModels : public ::testing::TestWithParam<RealModel> {};

TEST_P(RealModels, AreGroupedAsTheReferenceGroupsThem) {
  const auto shared = shared_data();
  if (!shared) GTEST_SKIP() << "no shared models: set MGIT_DATA";
  const MemoryModel model = read_safetensors(*shared / "models" / GetParam().file);
  const auto spec = recognise(model.tensors());
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->architecture, GetParam().architecture);
  EXPECT_EQ(spec->proof, Proof::kFamily);
  expect_same_groups(*spec, GetParam().reference(model));
  for (const SpecTensor& tensor : spec->tensors)
    if (tensor.name.find("running_") != std::string::npos) {
      EXPECT_FALSE(tensor.match) << tensor.name;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Shared, RealModels,
    ::testing::Values(RealModel{"mlp-s1.safetensors", "mlp", reference_mlp},
                      RealModel{"mlpbias-s10.safetensors", "mlp", reference_mlp},
                      RealModel{"vgg-s1.safetensors", "vgg", reference_vgg},
                      RealModel{"mnistresnet-s1.safetensors", "resnet", reference_resnet},
                      RealModel{"mnistresnet64-s2.safetensors", "resnet", reference_resnet}),
    [](const auto& test) {
      std::string name(test.param.file);
      name.resize(name.find('-'));
      return name;
    });

TEST(Families, LeaveOtherArchitecturesAlone) {
  const auto shared = shared_data();
  if (!shared) GTEST_SKIP() << "no shared models: set MGIT_DATA";
  for (const auto& entry : std::filesystem::directory_iterator(*shared / "models" / "gpt2-s1")) {
    if (entry.path().extension() != ".safetensors") continue;
    EXPECT_FALSE(recognise(read_safetensors(entry.path()).tensors())) << entry.path();
  }
}

TEST(Families, ParseAndBearTheirNames) {
  EXPECT_THAT(speclang::families(), SizeIs(::testing::Ge(4)));
  for (const speclang::Family& family : speclang::families())
    EXPECT_NE(family.text.find("arch " + std::string(family.name.substr(0, family.name.find('.')))),
              std::string_view::npos)
        << family.name;
}

TEST(Mlp, NamesOfEveryHabit) {
  for (const char* prefix :
       {"fc", "fc_", "fc.", "linear", "layers.", "layer", "net.", "model.", "mlp.", "l", ""}) {
    NetworkBuilder network;
    for (int i = 0; i < 4; ++i)
      network.linear(fmt::format("{}{}", prefix, 2 * i), i < 3 ? 32 : 10, i > 0 ? 32 : 64);
    const auto spec = recognise(network.build());
    ASSERT_TRUE(spec) << prefix;
    EXPECT_EQ(spec->architecture, "mlp");
    ASSERT_THAT(spec->groups, SizeIs(3)) << prefix;
    EXPECT_THAT(members(*spec, spec->groups[0].name),
                ElementsAre(fmt::format("{}0.bias:0", prefix), fmt::format("{}0.weight:0", prefix),
                            fmt::format("{}2.weight:1", prefix)));
  }
}

TEST(Mlp, TenLayersRunInTheOrderOfTheirNumbers) {
  NetworkBuilder network;
  for (std::uint64_t i = 1; i <= 12; ++i)
    network.linear(fmt::format("fc{}", i), 100 + i, 100 + i - 1, false);
  const auto spec = recognise(network.build());
  ASSERT_TRUE(spec);
  ASSERT_THAT(spec->groups, SizeIs(11));
  EXPECT_THAT(members(*spec, "H.fc10"), ElementsAre("fc10.weight:0", "fc11.weight:1"));
}

TEST(Mlp, BatchNormInASequentialAndByName) {
  const Network sequential = NetworkBuilder()
                                 .linear("net.0", 32, 20)
                                 .batch_norm("net.1", 32)
                                 .linear("net.3", 5, 32)
                                 .build();
  const auto spec = recognise(sequential);
  ASSERT_TRUE(spec);
  EXPECT_THAT(members(*spec, "H.net.0"),
              ElementsAre("net.0.bias:0", "net.0.weight:0", "net.1.bias:0", "net.1.running_mean:0",
                          "net.1.running_var:0", "net.1.weight:0", "net.3.weight:1"));
  const Network named =
      NetworkBuilder().linear("fc1", 32, 20).batch_norm("bn1", 32).linear("fc2", 5, 32).build();
  ASSERT_TRUE(recognise(named));
  EXPECT_THAT(members(*recognise(named), "H.fc1"), SizeIs(7));
}

TEST(Mlp, ALinearClassifierHasNothingToMove) {
  const auto spec =
      recognise(NetworkBuilder().linear("fc", 10, 784).linear("fc1", 10, 784).build());
  EXPECT_FALSE(spec);
  const auto one = recognise(NetworkBuilder().linear("fc1", 10, 784).build());
  ASSERT_TRUE(one);
  EXPECT_THAT(one->groups, IsEmpty());
}

TEST(Families, TheNearestIsNamedWithWhatStandsInItsWay) {
  const auto mlp = [] { return NetworkBuilder().linear("fc1", 32, 20).linear("fc2", 10, 32); };
  EXPECT_FALSE(nearest_family(mlp().build())) << "it fits";
  const auto near = nearest_family(mlp().add("gate.alpha", {3}).build());
  ASSERT_TRUE(near);
  EXPECT_EQ(near->family, "mlp");
  EXPECT_THAT(near->reasons, ElementsAre("no line covers tensor 'gate.alpha'"));
  EXPECT_FALSE(nearest_family(NetworkBuilder().add("a", {3}).add("b", {4}).build()))
      << "no family knows half of it";
}

TEST(Families, StandBehindOtherAxesToo) {
  const std::string groups = "mgit-perm 1\nperm E\nperm U in E\nrouter.weight: E, _\n";
  const Network experts = NetworkBuilder()
                              .add("router.weight", {3, 5})
                              .add("up", {3, 5, 4})
                              .add("down", {3, 4, 5})
                              .build();
  const SpecCheck both = check_spec(groups + "up: E, _, U\ndown: E, U, _\n", "both", experts);
  ASSERT_TRUE(both.spec) << both.reasons.front();
  EXPECT_EQ(spec_text(bind_spec(spec_text(*both.spec), "again", experts)), spec_text(*both.spec));
}

TEST(Families, AreNotFooled) {
  const auto mlp = [] { return NetworkBuilder().linear("fc1", 32, 20).linear("fc2", 10, 32); };
  ASSERT_TRUE(recognise(mlp().build()));
  EXPECT_FALSE(recognise(mlp().linear("fc3", 5, 11).build())) << "shapes do not chain";
  EXPECT_FALSE(recognise(mlp().linear("skip", 10, 20).build())) << "an unknown layer";
  EXPECT_FALSE(recognise(mlp().add("fc1.mask", {32, 20}).build())) << "an unknown tensor";
  EXPECT_FALSE(recognise(mlp().add("ln1.weight", {32}).build())) << "an unknown norm";
  EXPECT_FALSE(recognise(NetworkBuilder()
                             .add("lstm.weight_ih_l0", {128, 20})
                             .add("lstm.weight_hh_l0", {128, 32})
                             .add("lstm.bias_ih_l0", {128})
                             .linear("fc1", 10, 32)
                             .build()));
  EXPECT_FALSE(recognise({}) && !recognise({})->groups.empty());

  const auto group_norm = [](bool statistics) {
    NetworkBuilder network;
    network.conv("features.0", 32, 3, 3)
        .add("features.1.weight", {32})
        .add("features.1.bias", {32});
    if (statistics)
      network.add("features.1.running_mean", {32}).add("features.1.running_var", {32});
    return network.linear("classifier.0", 10, 32).build();
  };
  EXPECT_TRUE(recognise(group_norm(true)));
  EXPECT_FALSE(recognise(group_norm(false))) << "could be a GroupNorm";

  const Network input_norm = NetworkBuilder()
                                 .conv("features.0", 32, 3, 3)
                                 .batch_norm("classifier.0", 32)
                                 .linear("classifier.1", 10, 32)
                                 .build();
  EXPECT_FALSE(recognise(input_norm)) << "a norm before the first linear layer";

  ResNetPlan plan;
  Network grouped = resnet(plan);
  for (TensorInfo& tensor : grouped)
    if (tensor.name.ends_with(".conv2.weight")) tensor.shape[1] /= 2;
  EXPECT_FALSE(recognise(grouped)) << "grouped convolutions";

  Network pre_activation;
  for (const TensorInfo& tensor : resnet(plan))
    if (!tensor.name.starts_with("bn1.")) pre_activation.push_back(tensor);
  EXPECT_FALSE(recognise(pre_activation)) << "norm before convolution";
}

TEST(Vgg, TorchvisionSixteen) {
  for (const bool norm : {false, true}) {
    const auto spec = recognise(vgg16(norm));
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->architecture, "vgg");
    EXPECT_THAT(spec->groups, SizeIs(13 + 2));
    const SpecTensor* first = spec->find("classifier.0.weight");
    ASSERT_NE(first, nullptr);
    ASSERT_THAT(first->axes[1].occurrences, SizeIs(1));
    EXPECT_EQ(first->axes[1].occurrences[0].inner, 49U);
    EXPECT_THAT(spec->find("features.0.weight")->axes[1].occurrences, IsEmpty()) << "the image";
    EXPECT_THAT(spec->find("classifier.6.weight")->axes[0].occurrences, IsEmpty()) << "the classes";
  }
}

TEST(Vgg, OneLinearLayer) {
  const auto spec = recognise(
      NetworkBuilder().conv("features.0", 8, 3, 3, false).linear("classifier.0", 10, 32).build());
  ASSERT_TRUE(spec);
  EXPECT_THAT(members(*spec, "C0"), ElementsAre("classifier.0.weight:1", "features.0.weight:0"));
}

TEST(ResNet, EighteenHasTheStreamOfTheStemInLayerOne) {
  const auto spec = recognise(resnet({}));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->architecture, "resnet");
  EXPECT_THAT(spec->groups, SizeIs(4 + 8));
  EXPECT_THAT(members(*spec, "stem"),
              ::testing::IsSupersetOf({"conv1.weight:0", "layer1.0.conv1.weight:1",
                                       "layer1.1.conv2.weight:0", "layer2.0.conv1.weight:1",
                                       "layer2.0.downsample.0.weight:1"}));
  EXPECT_THAT(members(*spec, "S4"),
              ::testing::IsSupersetOf({"layer4.0.downsample.0.weight:0", "fc.weight:1"}));
}

TEST(ResNet, FiftyHasAStreamOfItsOwnInLayerOne) {
  ResNetPlan plan;
  plan.bottleneck = true;
  plan.blocks = {3, 4, 6, 3};
  const auto spec = recognise(resnet(plan));
  ASSERT_TRUE(spec);
  EXPECT_THAT(spec->groups, SizeIs(5 + 2 * 16));
  EXPECT_THAT(members(*spec, "B3.5"),
              ::testing::IsSupersetOf({"layer3.5.conv2.weight:0", "layer3.5.conv3.weight:1",
                                       "layer3.5.bn2.running_var:0"}));
}

TEST(ResNet, WithoutNormWithBiasesAndManyLayers) {
  ResNetPlan plan;
  plan.norm = false;
  plan.bias = true;
  plan.width = 4;
  plan.blocks = {1, 12, 1, 1, 1};
  for (const bool bottleneck : {false, true}) {
    plan.bottleneck = bottleneck;
    const auto spec = recognise(resnet(plan));
    ASSERT_TRUE(spec);
    EXPECT_THAT(spec->groups, SizeIs(bottleneck ? 6 + 2 * 16 : 5 + 16));
  }
}

}  // namespace
}  // namespace mgit::testing
