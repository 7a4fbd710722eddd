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

TEST_P(Architecture, IsOfOneFamilyAlone) {
  const Recorded recorded = read_recorded(GetParam());
  for (const speclang::Family& family : speclang::families()) {
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

}  // namespace
}  // namespace mgit::testing
