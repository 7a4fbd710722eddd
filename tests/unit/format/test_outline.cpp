#include "format/outline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "mgit/format.h"

namespace mgit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(MGIT_SOURCE_DIRECTORY) + "/tests/data/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines(const Outline& outline) {
  std::vector<std::string> result;
  for (const OutlineScalar& scalar : outline.scalars)
    result.push_back(scalar.name + " = " + scalar.value);
  return result;
}

TEST(Outline, HasThePlainValuesOfATrainingState) {
  for (const char* name : {"torch-1.13-training.pt", "torch-2.13-training.pt"}) {
    const std::string file = fixture(name);
    const auto outline = outline_of(as_bytes(file), "pytorch");
    ASSERT_TRUE(outline) << name;
    EXPECT_THAT(lines(*outline), Contains("epoch = 3"));
    EXPECT_THAT(lines(*outline), Contains("optimizer.param_groups.0.lr = 0.001"));
    EXPECT_THAT(lines(*outline), Contains("optimizer.param_groups.0.betas.1 = 0.999"));
    EXPECT_THAT(lines(*outline), Contains("optimizer.param_groups.0.params.3 = 3"));
    EXPECT_THAT(lines(*outline), Contains("optimizer.param_groups.0.amsgrad = False"));
    for (const OutlineScalar& scalar : outline->scalars)
      EXPECT_THAT(scalar.name, Not(::testing::HasSubstr("_metadata")));
  }
}

TEST(Outline, ListsTensorsInTheOrderInWhichTheyWereSaved) {
  const std::string file = fixture("torch-2.13-training.pt");
  const auto outline = outline_of(as_bytes(file), "pytorch");
  ASSERT_TRUE(outline);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 4; ++i) names.push_back(outline->tensors[i].name);
  EXPECT_THAT(names,
              ElementsAre("model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"));
  EXPECT_EQ(outline->tensors.size(), parse_checkpoint(as_bytes(file), "x.pt").tensors.size());
}

TEST(Outline, TensorsOfOnePlaceAreTied) {
  for (const auto& [name, format] : {std::pair("torch-2.13-views.pt", "pytorch"),
                                     std::pair("torch-1.13-legacy.pt", "pytorch-legacy")}) {
    const std::string file = fixture(name);
    const auto outline = outline_of(as_bytes(file), format);
    ASSERT_TRUE(outline) << name;
    const auto place = [&](const std::string& tensor) {
      for (const OutlineTensor& each : outline->tensors)
        if (each.name == tensor) return each.place;
      ADD_FAILURE() << tensor;
      return std::uint64_t{0};
    };
    EXPECT_EQ(place("table"), place("tied"));
    EXPECT_NE(place("table"), place("part"));
    EXPECT_EQ(place("none"), 0U);
  }
}

TEST(Outline, NeedsNoStorages) {
  const std::string file = fixture("torch-2.13-training.pt");
  std::string without = file;
  for (const StoredTensor& tensor : parse_checkpoint(as_bytes(file), "x.pt").tensors)
    std::fill_n(without.begin() + static_cast<std::ptrdiff_t>(tensor.offset), tensor.length, '\0');
  const auto outline = outline_of(as_bytes(without), "pytorch");
  ASSERT_TRUE(outline);
  EXPECT_EQ(lines(*outline), lines(*outline_of(as_bytes(file), "pytorch")));
}

TEST(Outline, DamageIsNoHarm) {
  std::mt19937 random(7);
  for (const auto& [name, format] : {std::pair("torch-2.13-training.pt", "pytorch"),
                                     std::pair("torch-1.13-legacy.pt", "pytorch-legacy")}) {
    const std::string file = fixture(name);
    std::size_t read = 0;
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = file;
      for (auto changes = 1 + random() % 4; changes > 0; --changes)
        damaged[random() % damaged.size()] = static_cast<char>(random());
      if (outline_of(as_bytes(damaged), format)) ++read;
    }
    EXPECT_GT(read, 0U) << name;
  }
}

TEST(Outline, DamagedFilesAndOtherFormatsHaveNone) {
  const std::string file = fixture("torch-2.13-training.pt");
  EXPECT_FALSE(outline_of(as_bytes(file.substr(0, file.size() / 2)), "pytorch"));
  EXPECT_FALSE(outline_of(as_bytes(file), "gguf"));
  EXPECT_FALSE(outline_of(as_bytes(file), "safetensors"));
  EXPECT_FALSE(outline_of({}, "pytorch-legacy"));
}

}  // namespace
}  // namespace mgit
