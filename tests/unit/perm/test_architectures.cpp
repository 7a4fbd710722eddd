// Every network of docs/architectures.md: its family knows it by names, shapes and config, gives it
// the spec that was proved by numbers, and no other network.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mgit/perm.h"
#include "perm/families.h"
#include "perm/spec_folding.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

std::filesystem::path directory() {
  return std::filesystem::path(MGIT_SOURCE_DIRECTORY) / "tests" / "data" / "architectures";
}

/// A file of tests/data/architectures: config, tensors and spec, with lines of %% between them.
struct Recorded {
  NetworkConfig config;
  Network network;
  std::string spec;

  std::string family() const {
    const std::size_t begin = spec.find("\narch ") + 6;
    return spec.substr(begin, spec.find('\n', begin) - begin);
  }
};

Recorded read_recorded(const std::string& name) {
  std::ifstream file(directory() / (name + ".network"));
  Recorded result;
  std::string line;
  while (std::getline(file, line) && line != "%%") {
    const std::size_t equals = line.find(" = ");
    result.config.emplace(line.substr(0, equals), line.substr(equals + 3));
  }
  NetworkBuilder network;
  while (std::getline(file, line) && line != "%%") {
    std::istringstream words(line);
    std::string key;
    words >> key;
    Shape shape;
    for (std::uint64_t size = 0; words >> size;) shape.push_back(size);
    network.add(key, shape);
  }
  result.network = network.build();
  std::ostringstream rest;
  rest << file.rdbuf();
  result.spec = rest.str();
  return result;
}

std::vector<std::string> recorded_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    if (entry.path().extension() == ".network") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class Architecture : public ::testing::TestWithParam<std::string> {};

TEST_P(Architecture, HasTheSpecThatWasProved) {
  const Recorded recorded = read_recorded(GetParam());
  const SpecCheck found = check_families(recorded.network, recorded.config);
  ASSERT_TRUE(found.spec) << fmt::format("{}", fmt::join(found.reasons, "\n"));
  EXPECT_EQ(found.spec->proof, Proof::kFamily);
  EXPECT_EQ(spec_text(*found.spec), recorded.spec);
}

TEST_P(Architecture, FoldsWithoutAChangeOfMeaning) {
  const Recorded recorded = read_recorded(GetParam());
  const auto folded = speclang::folded_text(recorded.spec);
  EXPECT_EQ(!folded, recorded.spec.find(" as [") != std::string::npos);
  if (!folded) return;
  EXPECT_EQ(bind_spec(*folded, "folded", recorded.network),
            bind_spec(recorded.spec, "recorded", recorded.network))
      << *folded;
}

TEST_P(Architecture, IsOfOneFamilyAlone) {
  const Recorded recorded = read_recorded(GetParam());
  for (const speclang::Family& family : speclang::families()) {
    // A ResNet is a ResNeXt of one group, whose family comes later.
    if (family.name == "resnext.perm" && recorded.family() == "resnet") continue;
    const SpecCheck check = check_spec(family.text, family.name, recorded.network, recorded.config);
    EXPECT_EQ(check.spec.has_value(), family.name == recorded.family() + ".perm") << family.name;
  }
}

TEST_P(Architecture, IsNotKnownWithAnotherConfig) {
  const Recorded recorded = read_recorded(GetParam());
  if (recorded.config.empty()) return;
  EXPECT_FALSE(recognise(recorded.network)) << "no config";
  for (const auto& [key, value] : recorded.config) {
    NetworkConfig config = recorded.config;
    const bool number = value.find_first_not_of("0123456789") == std::string::npos;
    config[key] = number ? "1009" : value == "true" ? "false" : value == "false" ? "true" : "none";
    const auto spec = recognise(recorded.network, config);
    EXPECT_TRUE(!spec || spec_text(*spec) == recorded.spec) << key << " = " << config[key];
  }
}

TEST_P(Architecture, IsNotKnownWithATensorMore) {
  Recorded recorded = read_recorded(GetParam());
  recorded.network.push_back({"zz.adapter.weight", DType::kF32, {4, 4}});
  EXPECT_FALSE(recognise(recorded.network, recorded.config));
}

INSTANTIATE_TEST_SUITE_P(Proved, Architecture, ::testing::ValuesIn(recorded_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// Every family with a proof stands in specs/, and every family has a proof.
TEST(Families, AreAllProved) {
  std::vector<std::string> proved;
  for (const std::string& name : recorded_names())
    proved.push_back(read_recorded(name).family() + ".perm");
  for (const speclang::Family& family : speclang::families())
    EXPECT_THAT(proved, ::testing::Contains(family.name)) << family.name;
}

TEST(Families, RefuseWhatTheyCannotTell) {
  struct Case {
    const char* what;
    const char* network;
    const char* key;  // a tensor more
    Shape shape;
    const char* option = nullptr;  // of the config
    const char* value = nullptr;
  };
  const Case cases[] = {
      {"positions relative to each other",
       "bert",
       "bert.encoder.layer.0.attention.self.distance_embedding.weight",
       {47, 5}},
      {"a decoder's attention to an encoder",
       "bert",
       "bert.encoder.layer.0.crossattention.self.query.weight",
       {20, 20}},
      {"a table of positions in each layer",
       "t5",
       "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight",
       {32, 4}},
      {"a norm over all heads at once",
       "llama",
       "model.layers.0.self_attn.q_norm.weight",
       {24},
       "model_type",
       "olmo2"},
      {"a norm for each head, in lists",
       "stablelm",
       "model.layers.0.self_attn.q_layernorm.norms.0.weight",
       {4}},
      {"one key for all heads and ALiBi", "falcon-multi-query", nullptr, {}, "alibi", "true"},
      {"rotary positions where ALiBi was", "falcon-alibi", nullptr, {}, "alibi", "false"},
      {"a shift with a scale in residual blocks",
       "ddpm-u-net",
       nullptr,
       {},
       "resnet_time_scale_shift",
       "scale_shift"},
      {"an LSTM that projects its state", "lstm", "lstm.weight_hr_l0", {5, 7}},
  };
  for (const Case& test : cases) {
    Recorded recorded = read_recorded(test.network);
    ASSERT_TRUE(recognise(recorded.network, recorded.config)) << test.network;
    if (test.key != nullptr) recorded.network.push_back({test.key, DType::kF32, test.shape});
    if (test.option != nullptr) recorded.config[test.option] = test.value;
    EXPECT_FALSE(recognise(recorded.network, recorded.config)) << test.what;
  }
}

TEST(Families, WithoutAHeadTheStreamKeepsItsOrder) {
  for (const char* name : {"bert-bare", "llama-bare", "vit-bare", "t5-encoder"}) {
    const Recorded recorded = read_recorded(name);
    const auto spec = recognise(recorded.network, recorded.config);
    ASSERT_TRUE(spec) << name;
    for (const Group& group : spec->groups) EXPECT_NE(group.name, "R") << name;
    EXPECT_FALSE(spec->groups.empty()) << name;
  }
}

TEST(Families, SlopesOfAlibiPinHeadsAndNotWhatIsInside) {
  for (const char* name : {"bloom", "falcon-alibi"}) {
    const Recorded recorded = read_recorded(name);
    const auto spec = recognise(recorded.network, recorded.config);
    ASSERT_TRUE(spec) << name;
    std::size_t pinned = 0;
    std::size_t inside = 0;
    for (const Group& group : spec->groups) {
      pinned += group.fixed ? 1 : 0;
      inside += group.outer && spec->groups[*group.outer].fixed && !group.fixed ? 1 : 0;
    }
    EXPECT_EQ(pinned, 1U) << name;
    EXPECT_EQ(inside, 4U) << name << ": query-key and value of two layers";
  }
}

TEST(Families, OneBlockOfAnotherWidthIsNoMobileNet) {
  Recorded recorded = read_recorded("mobilenetv2");
  for (TensorInfo& tensor : recorded.network)
    for (std::uint64_t& size : tensor.shape)
      if (size == 96) size = 64;
  EXPECT_FALSE(recognise(recorded.network)) << "it could have another residual connection";
}

}  // namespace
}  // namespace mgit::testing
