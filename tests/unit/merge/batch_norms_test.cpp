#include "merge/batch_norms.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mgit {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<TensorInfo> network(std::initializer_list<std::pair<std::string, Shape>> tensors) {
  std::vector<TensorInfo> result;
  for (const auto& [name, shape] : tensors) result.push_back({name, DType::kF32, shape});
  std::sort(result.begin(), result.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  return result;
}

/// "bn1 0-64: conv1.weight", a line for each part of a norm.
std::vector<std::string> lines(const Spec& spec, const std::vector<TensorInfo>& tensors) {
  std::vector<std::string> result;
  for (const BatchNorm& norm : batch_norms(spec, tensors))
    for (const NormedChannels& part : norm.channels) {
      std::string line = fmt::format("{} {}-{}:", norm.variance.substr(0, norm.variance.rfind('.')),
                                     part.begin, part.end);
      for (const NormedLayer& layer : part.layers)
        line += fmt::format(" {}{}{}", layer.weight, layer.axis == 1 ? "^T" : "",
                            layer.grouped ? "/g" : "");
      result.push_back(line);
    }
  return result;
}

std::vector<std::string> lines(const std::string& spec, const std::vector<TensorInfo>& tensors) {
  return lines(bind_spec("mgit-perm 1\n" + spec, "test", tensors), tensors);
}

/// Of a network of docs/architectures.md.
std::vector<std::string> recorded(const std::string& name) {
  std::ifstream file(std::filesystem::path(MGIT_SOURCE_DIRECTORY) / "tests/data/architectures" /
                     (name + ".network"));
  std::string line;
  while (std::getline(file, line) && line != "%%") {
  }
  std::vector<TensorInfo> tensors;
  while (std::getline(file, line) && line != "%%") {
    std::istringstream words(line);
    TensorInfo info;
    words >> info.name;
    for (std::uint64_t size = 0; words >> size;) info.shape.push_back(size);
    tensors.push_back(std::move(info));
  }
  std::ostringstream spec;
  spec << file.rdbuf();
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  return lines(bind_spec(spec.str(), name, tensors), tensors);
}

const std::string kLayer = R"(perm H
conv1.weight: H, _, _, _
bn1.running_var: H
conv2.weight: _, H, _, _
)";

TEST(BatchNorms, AreNumberedAsTheirLayers) {
  EXPECT_THAT(recorded("resnet-bottlenecks"),
              AllOf(SizeIs(15), Contains("bn1 0-8: conv1.weight"),
                    Contains("layer1.0.bn3 0-10: layer1.0.conv3.weight"),
                    Contains("layer1.1.bn3 0-10: layer1.1.conv3.weight")));
}

TEST(BatchNorms, FollowTheModuleBeforeThemInASequence) {
  EXPECT_THAT(recorded("vgg"), ElementsAre("features.1 0-6: features.0.weight",
                                           "features.5 0-7: features.4.weight"));
  EXPECT_THAT(recorded("mobilenetv2"),
              AllOf(SizeIs(52), Contains("features.0.1 0-32: features.0.0.weight"),
                    Contains("features.1.conv.0.1 0-32: features.1.conv.0.0.weight/g"),
                    Contains("features.1.conv.2 0-16: features.1.conv.1.weight")));
  EXPECT_THAT(recorded("resnet-basic-blocks"),
              Contains("layer2.0.downsample.1 0-12: layer2.0.downsample.0.weight"));
}

TEST(BatchNorms, OfAGroupedConvolutionAreKnownUnderItsReshapedWeight) {
  EXPECT_THAT(recorded("resnext"),
              AllOf(SizeIs(15), Contains("layer1.0.bn2 0-6: layer1.0.conv2.weight/g")));
}

TEST(BatchNorms, InFrontOfALayerAreOfTheStreamThatTheyRead) {
  EXPECT_THAT(recorded("wideresnet"),
              AllOf(SizeIs(13), Contains("block1.layer.0.bn1 0-6: conv1.weight"),
                    Contains("block1.layer.0.bn2 0-8: block1.layer.0.conv1.weight"),
                    Contains("bn1 0-12: block3.layer.0.conv2.weight "
                             "block3.layer.0.convShortcut.weight block3.layer.1.conv2.weight")));
}

TEST(BatchNorms, OnAConcatenationHaveLayersForEachPart) {
  EXPECT_THAT(
      recorded("densenet"),
      AllOf(
          Contains("features.norm0 0-6: features.conv0.weight"),
          // What norm0 made of conv0 has the variance that norm0 gave it.
          Contains("features.denseblock1.denselayer2.norm1 0-6:"),
          Not(Contains(HasSubstr("denseblock1.denselayer1.norm1"))),
          Contains("features.denseblock2.denselayer2.norm1 0-8: features.transition1.conv.weight"),
          Contains(HasSubstr("features.denseblock1.denselayer3.norm1 11-16: "
                             "features.denseblock1.denselayer1.conv2.weight"))));
}

TEST(BatchNorms, ATransposedConvolutionIsToldByItsPlaceBeforeTheNorm) {
  const auto tensors =
      network({{"0.weight", {3, 4, 2, 2}}, {"1.running_var", {4}}, {"3.weight", {4, 5, 2, 2}}});
  EXPECT_THAT(
      lines("perm H\n0.weight: _, H, _, _\n1.running_var: H\n3.weight: H, _, _, _\n", tensors),
      ElementsAre("1 0-4: 0.weight^T"));
}

TEST(BatchNorms, WhatTheyReadIsNoLayerOfTheirs) {
  const auto tensors = network(
      {{"bn1.running_var", {4}}, {"conv1.weight", {4, 3, 1, 1}}, {"conv2.weight", {4, 4, 1, 1}}});
  EXPECT_THAT(lines(kLayer, tensors), ElementsAre("bn1 0-4: conv1.weight"));
  const auto read_first = network(
      {{"bn1.running_var", {4}}, {"conv1.weight", {6, 4, 1, 1}}, {"stem.weight", {4, 3, 1, 1}}});
  EXPECT_THAT(
      lines("perm H\nstem.weight: H, _, _, _\nbn1.running_var: H\nconv1.weight: _, H, _, _\n",
            read_first),
      ElementsAre("bn1 0-4: stem.weight"));
}

TEST(BatchNorms, WithoutALayerOrInCodesAreLeftOut) {
  const auto alone = network({{"bn.running_var", {4}}, {"out.weight", {2, 4}}});
  EXPECT_THAT(lines("skip *\n", alone), IsEmpty());
  auto codes = network(
      {{"bn1.running_var", {4}}, {"conv1.weight", {4, 3, 1, 1}}, {"conv2.weight", {4, 4, 1, 1}}});
  codes[1].dtype = DType::kI8;
  EXPECT_THAT(lines(kLayer, codes), IsEmpty());
}

}  // namespace
}  // namespace mgit
