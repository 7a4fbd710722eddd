// The language: what it accepts, what it refuses, and where it says the fault is.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "mgit/perm.h"
#include "perm/families.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Network two_layers() {
  return NetworkBuilder().linear("fc1", 32, 20).linear("fc2", 10, 32).build();
}

const std::string kGood =
    "mgit-perm 1\nperm P\nfc1.weight: P, _\nfc1.bias: P\nfc2.weight: _, P\nfc2.bias: _\n";

struct Fault {
  std::string text;
  const char* where;
  const char* what;
};

TEST(SpecLanguage, FaultsAreNamedWithLineAndColumn) {
  const std::string head = "mgit-perm 1\n";
  const std::string nested(100, '(');
  const Fault faults[] = {
      {"", "net.perm:1:1", "not a spec file"},
      {"# only words\n", "net.perm:1:1", "not a spec file"},
      {"perm P:4\n", "net.perm:1:1", "not a spec file"},
      {"mgit-perm 2\n", "net.perm:1:1", "newer version"},
      {"mgit-perm 1 x\n", "net.perm:1:13", "end of the line"},
      {head + "perm\n", "net.perm:2:5", "expected a group's name"},
      {head + "perm \n", "net.perm:2:6", "expected a group's name"},
      {head + "perm 4\n", "net.perm:2:6", "expected a group's name"},
      {head + "perm P:0\n", "net.perm:2:8", "between 1 and 4294967295"},
      {head + "perm P:4294967296\n", "net.perm:2:8", "between 1 and 4294967295"},
      {head + "perm P:99999999999999999999\n", "net.perm:2:8", "too large"},
      {head + "perm P:n\n", "net.perm:2:8", "not a number defined by 'let'"},
      {head + "perm P:4 4\n", "net.perm:2:10", "end of the line"},
      {head + "perm C{c.prev}\n", "net.perm:2:7", "captures with {name} alone"},
      {head + "perm where\n", "net.perm:2:6", "cannot be a group's name"},
      {head + "perm P:4\nperm P:4\n", "net.perm:3:6", "declared twice"},
      {head + "let n = 4\nlet n = 5\n", "net.perm:3:5", "named twice"},
      {head + "let n 4\n", "net.perm:2:7", "expected '='"},
      {head + "fc1.weight P, _\n", "net.perm:2:12", "expected ':'"},
      {head + "fc1.weight: , _\n", "net.perm:2:13", "expected a group's name"},
      {head + "fc1.weight: P _\n", "net.perm:2:15", "end of the line"},
      {head + "fc1.weight: (P, _\n", "net.perm:2:15", "expected ')'"},
      {head + "fc1.weight: P+, _\n", "net.perm:2:15", "expected a group's name"},
      {head + "fc1.weight: 4P, _\n", "net.perm:2:14", "expected 'x'"},
      {head + "fc1.weight: 0xP, _\n", "net.perm:2:13", "0 times"},
      {head + "fc1.weight: _:, _\n", "net.perm:2:15", "expected a size"},
      {head + "fc1.weight: " + nested + "\n", "net.perm:2:78", "too deeply nested"},
      {head + "fc1.weight: P, _ !maybe\n", "net.perm:2:18", "unknown flag '!maybe'"},
      {head + "fc1.weight: P, _ where *\n", "net.perm:2:24", "must name one tensor"},
      {head + "fc1.weight: C{c}, _\n", "net.perm:2:14", "{c} is not captured here"},
      {head + "fc{c}.weight: C{c.prev}, _\n", "net.perm:2:16", "'c' is not declared"},
      {head + "fc{c}.{c}: _\n", "net.perm:2:7", "captured twice"},
      {head + "fc{c}{d}: _\n", "net.perm:2:6", "two numbers touch"},
      {head + "fc{c: _\n", "net.perm:2:3", "no '}'"},
      {head + "fc{c!}: _\n", "net.perm:2:5", "unexpected '!'"},
      {head + "fc{c.up}: _\n", "net.perm:2:6", "not prev, next, first or last"},
      {head + "fc}: _\n", "net.perm:2:3", "in a name"},
      {head + "\"fc: _\n", "net.perm:2:7", "no end"},
      {head + "\"f\\q\": _\n", "net.perm:2:4", "unknown escape"},
      {head + "index c of x\n", "net.perm:2:9", "expected 'in' or '='"},
      {head + "index c in x.weight\n", "net.perm:2:12", "not in this name"},
      {head + "index c in x{c}\nindex c in y{c}\n", "net.perm:3:7", "declared twice"},
      {head + "index c in x{d}.{c}\nindex d in y{d}\n", "net.perm:3:7", "must be declared before"},
      {head + "index p = a, b\nperm P\n{p}: P{p.next}\n", "net.perm:4:7", "has no neighbours"},
      {head + "pin P{c}\n", "net.perm:2:6", "'c' is not declared"},
      {head + "same P Q\n", "net.perm:2:8", "expected '='"},
      {head + "fc1.weight: P, _\n", "net.perm:2:13", "group 'P' is not declared"},
      {head + "perm V:4 in K\n", "net.perm:2:13", "group 'K' is not declared"},
      {head + "perm V:4 in V\n", "net.perm:2:13", "a family of itself"},
      {head + "perm A:2 in B\nperm B:2 in A\n", "net.perm:2:13", "a family of itself"},
      {head + "perm K:2\nperm V:4 in K in K\n", "net.perm:3:15", "of one other group"},
      {head + "perm K{i}\nperm V{i}:4 in K{j}\n", "net.perm:3:17", "not captured here"},
      {head + "perm V:8 within [4, 5]\n", "net.perm:2:10", "the cells have 9 units"},
      {head + "perm V within [4, 0]\n", "net.perm:2:8", "at least one unit"},
      {head + "perm V within [4, 4]\nperm V.1:4\n", "net.perm:2:6", "a cell of 'V'"},
      {head + "perm V:8 signed\n", "net.perm:2:10", "not supported yet"},
      {head + "perm V:8 rot2 half\n", "net.perm:2:10", "not supported yet"},
      {head + "alias a = b{i}\n", "net.perm:2:12", "not captured here"},
      {head + "source graph 123abc\n", "net.perm:2:1", "not supported yet"},
      {head + "x as [32, 4]: _\n", "net.perm:2:1", "read as 2 axes, the line has 1"},
      {head + "x: _ !w=0.5\n", "net.perm:2:6", "not supported yet"},
      {head + "skip x optimizer\n", "net.perm:2:8", "not supported yet"},
  };
  for (const Fault& fault : faults) {
    try {
      bind_spec(fault.text, "net.perm", two_layers());
      ADD_FAILURE() << "accepted: " << fault.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.where(), fault.where) << fault.text << error.what();
      EXPECT_THAT(error.what(), HasSubstr(fault.what)) << fault.text;
    }
  }
}

TEST(NetworkConfig, TellsSizesAndWhichNetworksAFileIsFor) {
  const std::string text =
      "mgit-perm 1\nconfig model_type = one, two\n"
      "let kv = config.num_kv | config.heads\nlet rep = config.heads / kv\n"
      "perm K:kv\nperm R:rep in K\n"
      "fc1.weight: K*R*_, _\nfc1.bias: K*R*_\nfc2.weight: _, K*R*_\nfc2.bias: _\n";
  const auto sizes = [&](const NetworkConfig& config) {
    std::vector<std::uint32_t> found;
    for (const Group& group : bind_spec(text, "net.perm", two_layers(), config).groups)
      found.push_back(group.size);
    return found;
  };
  EXPECT_THAT(sizes({{"model_type", "two"}, {"heads", "16"}, {"num_kv", "4"}}), ElementsAre(4, 4));
  EXPECT_THAT(sizes({{"model_type", "one"}, {"heads", "16"}}), ElementsAre(16));
  const auto misfits = [&](const NetworkConfig& config) {
    return check_spec(text, "net.perm", two_layers(), config).reasons;
  };
  EXPECT_THAT(misfits({}), ElementsAre("no config.json beside it says model_type",
                                       "no config.json beside it says num_kv",
                                       "no config.json beside it says heads"));
  EXPECT_THAT(misfits({{"model_type", "six"}, {"heads", "16"}}),
              ElementsAre("config.json says model_type = six, not one or two"));
  EXPECT_THAT(misfits({{"model_type", "one"}, {"heads", "many"}}),
              ::testing::Contains("no config.json beside it says heads"));
  EXPECT_THAT(misfits({{"model_type", "one"}, {"heads", "16"}, {"num_kv", "5"}}),
              ElementsAre("rep is no whole number: 16 by 5"));
  EXPECT_THAT(sizes({{"model_type", "one"}, {"heads", "16"}, {"num_kv", "0"}}), ElementsAre(16));
}

std::vector<std::string> reasons(const std::string& text, const Network& network) {
  return check_spec(text, "net.perm", network).reasons;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

TEST(SpecLanguage, WhatDoesNotFitIsExplained) {
  ASSERT_TRUE(check_spec(kGood, "net.perm", two_layers()).spec);
  EXPECT_THAT(reasons(replaced(kGood, "fc2.bias: _\n", ""), two_layers()),
              ElementsAre("no line covers tensor 'fc2.bias'"));
  EXPECT_THAT(reasons(replaced(kGood, "fc2.bias: _", "fc2.bias: _, _"), two_layers()),
              ElementsAre("6:1: tensor 'fc2.bias' has 1 axes, the line has 2"));
  EXPECT_THAT(reasons(replaced(kGood, "perm P", "perm P:31"), two_layers()),
              ElementsAre("4:11: tensor 'fc1.bias' axis 0 has 32 entries, the layout has 31",
                          "3:13: tensor 'fc1.weight' axis 0 has 32 entries, the layout has 31",
                          "5:16: tensor 'fc2.weight' axis 1 has 32 entries, the layout has 31"));
  EXPECT_THAT(reasons(replaced(kGood, "fc2.weight: _, P", "fc2.weight: P, _"), two_layers()),
              ElementsAre(HasSubstr("entries, the layout has")));
  EXPECT_THAT(reasons(replaced(kGood, "fc2.weight: _, P", "fc2.weight: _, _"), two_layers()),
              ElementsAre("2:6: group P has no consumer"));
  EXPECT_THAT(reasons(replaced(kGood, "fc1.weight: P, _", "fc1.weight: _, _"), two_layers()),
              ElementsAre("2:6: group P has no producer"));
  EXPECT_THAT(reasons(kGood + "perm Q:7\n", two_layers()),
              ElementsAre("7:6: group Q stands on no axis"));
  EXPECT_THAT(reasons(replaced(kGood, "fc1.weight: P, _", "fc1.weight: 3xP, _"), two_layers()),
              SizeIs(1));
  EXPECT_THAT(reasons("mgit-perm 1\nperm P\nperm Q\n*.weight: P*Q, _\n*.bias: _\n", two_layers()),
              ::testing::Contains(HasSubstr("cannot be told")));
  EXPECT_THAT(reasons("mgit-perm 1\nperm P\nw: P, P\n", {{"w", DType::kF32, {4, 4}}}),
              ElementsAre("2:6: group P joins tensor 'w' only to itself"));
  EXPECT_THAT(
      reasons("mgit-perm 1\nperm A:3\nperm B:4\nsame A = B\n*: _\n", {{"w", DType::kF32, {4}}}),
      ElementsAre("4:6: A has 3 units, B has 4"));
}

TEST(SpecLanguage, AnEmbeddingMakesUnitsWithItsColumns) {
  const Network network{{"embed.weight", DType::kF32, {20, 8}},
                        {"fc.bias", DType::kF32, {3}},
                        {"fc.weight", DType::kF32, {3, 8}}};
  const std::string text = "mgit-perm 1\nperm E\nembed.weight: _, E\nfc.weight: _, E\nfc.bias: _\n";
  const SpecCheck check = check_spec(text, "net.perm", network);
  ASSERT_TRUE(check.spec) << check.reasons.front();
  EXPECT_EQ(check_spec(spec_text(*check.spec), "again", network).spec->tensors,
            check.spec->tensors);
  // Two layers that read one input are no embedding: their biases say that they make other units.
  EXPECT_THAT(reasons("mgit-perm 1\nperm E\n{a,b}.weight: _, E\n{a,b}.bias: _\n",
                      {{"a.bias", DType::kF32, {3}},
                       {"a.weight", DType::kF32, {3, 8}},
                       {"b.bias", DType::kF32, {4}},
                       {"b.weight", DType::kF32, {4, 8}}}),
              ElementsAre("2:6: group E has no producer"));
}

TEST(SpecLanguage, TransposedConvolutionsReadWithTheirRows) {
  const Network network{{"conv.bias", DType::kF32, {3}}, {"conv.weight", DType::kF32, {3, 4, 3, 3}},
                        {"fc.bias", DType::kF32, {32}},  {"fc.weight", DType::kF32, {32, 7}},
                        {"up.bias", DType::kF32, {4}},   {"up.weight", DType::kF32, {8, 4, 2, 2}}};
  const std::string text =
      "mgit-perm 1\nperm P\nperm Q\nfc.weight: P*_:4, _\nfc.bias: P*_:4\nup.weight: P, Q, _, _\n"
      "up.bias: Q\nconv.weight: _, Q, _, _\nconv.bias: _\n";
  EXPECT_THAT(reasons(text, network), ::testing::IsEmpty());
  // Its outputs are nobody's: all rows, and each bias moves along.
  EXPECT_THAT(reasons("mgit-perm 1\nperm P\n{a,b}.weight: P, _\n{a,b}.bias: P\n",
                      {{"a.bias", DType::kF32, {8}},
                       {"a.weight", DType::kF32, {8, 3}},
                       {"b.bias", DType::kF32, {8}},
                       {"b.weight", DType::kF32, {8, 3}}}),
              ElementsAre("2:6: group P has no consumer"));
}

TEST(SpecLanguage, TheMessageHasTheFirstReasons) {
  try {
    bind_spec("mgit-perm 1\n", "net.perm", two_layers());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "net.perm");
    EXPECT_STREQ(error.what(),
                 "does not fit the network: no line covers tensor 'fc1.bias'; no line covers "
                 "tensor 'fc1.weight'; no line covers tensor 'fc2.bias'; and 1 more reasons");
  }
}

TEST(SpecLanguage, TheFirstLineThatAppliesWins) {
  const Spec spec = bind_spec(
      "mgit-perm 1\nperm P{c}\n"
      "fc1.{weight,bias}: P1 unless fc9.weight\n"  // one axis: for the bias alone
      "*.weight: P1, _ unless fc2.bias\n"
      "fc{c}.weight: P{c}, P{c-1} where fc{c-1}.weight\n"
      "fc{c}.weight: P{c}, _\n*: _\npin P2\n",
      "test", two_layers());
  EXPECT_THAT(members(spec, "P1"), ElementsAre("fc1.bias:0", "fc1.weight:0", "fc2.weight:1"));
}

TEST(SpecLanguage, NeighboursOfAnIndex) {
  const Network network = NetworkBuilder()
                              .linear("x.3", 8, 4, false)
                              .linear("x.10", 8, 8, false)
                              .linear("x.7", 8, 8, false)
                              .build();
  const Spec forwards = bind_spec(
      "mgit-perm 1\nindex c in x.{c}.weight rank 2\nperm C{c}\nx.{c}.weight: C{c}, C{c.prev}\n"
      "pin C{c.last}\n",
      "test", network);
  EXPECT_THAT(members(forwards, "C3"), ElementsAre("x.3.weight:0", "x.7.weight:1"));
  EXPECT_THAT(members(forwards, "C7"), ElementsAre("x.10.weight:1", "x.7.weight:0"));
  const Spec backwards = bind_spec(
      "mgit-perm 1\nindex c in x.{c}.weight\nperm D{c}\n"
      "x.{c.first}.weight: D{c.first}, _\nx.{c}.weight: D{c}, D{c<c}\npin D{c.last}\n",
      "test", network);
  EXPECT_THAT(backwards.groups, SizeIs(2));
}

TEST(SpecLanguage, GroupsAreInNaturalOrder) {
  NetworkBuilder network;
  std::string text = "mgit-perm 1\nindex c in x.{c}.weight\nperm C{c}\npin C{c.last}\n";
  for (int i = 0; i < 12; ++i) network.linear(fmt::format("x.{}", i), 4, 4, false);
  const Spec spec = bind_spec(text + "x.{c}.weight: C{c}, C{c.prev}\n", "test", network.build());
  ASSERT_THAT(spec.groups, SizeIs(11));
  for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(spec.groups[i].name, fmt::format("C{}", i));
}

TEST(SpecLanguage, DuplicateTensorsAreRefused) {
  Network network = two_layers();
  network.push_back(network.front());
  EXPECT_THROW(bind_spec(kGood, "test", network), Error);
}

/// Binding may succeed or throw Error; anything else, or taking long, fails.
void must_survive(const std::string& text, const Network& network) {
  const auto start = std::chrono::steady_clock::now();
  try {
    const Spec spec = bind_spec(text, "hostile", network);
    EXPECT_EQ(bind_spec(spec_text(spec), "canonical", network), spec) << text;
  } catch (const Error&) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20))
      << text.substr(0, 200);
}

TEST(Hostile, MutatedSpecs) {
  std::vector<std::pair<std::string, Network>> subjects = {{kGood, two_layers()}};
  const Network networks[] = {two_layers(), vgg({4, 0, 6}, true, 2, 5, 3), resnet({{1, 1}, 4}),
                              vgg({3, 2}, false, 1, 3, 2)};
  for (const speclang::Family& family : speclang::families())
    for (const Network& network : networks) subjects.emplace_back(family.text, network);
  for (const Network& network : networks)
    subjects.emplace_back(spec_text(*recognise(network)), network);
  const std::string alphabet = "_:*+,(){}<>!.=#\"\\ \n0123456789xPcfl\x80";
  std::mt19937_64 random(17);
  for (int round = 0; round < 4000; ++round) {
    auto [text, network] = subjects[random() % subjects.size()];
    for (std::uint64_t i = 0; i <= random() % 4; ++i) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        case 2:
          text.erase(at, 1 + random() % 8);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 30));
      }
      if (text.empty()) text = "x";
    }
    must_survive(text, network);
  }
}

TEST(Hostile, BigThings) {
  const std::string head = "mgit-perm 1\n";
  const Network network = {{"w", DType::kF32, {1ULL << 40, 1ULL << 40}},
                           {"v", DType::kF32, {4, 0}}};
  std::string sum = "P";
  std::string repeats;
  for (int i = 0; i < 20000; ++i) sum += "+P+_:2";
  for (int i = 0; i < 60; ++i) repeats += "9x";
  const std::string texts[] = {
      head + "perm P\nw: " + sum + ", _\nv: _, _\n",
      head + "perm P\nw: " + repeats + "P, _\nv: _, _\n",
      head + "perm P:2\nw: 536870912x(P+_:2046), _\nv: _, _\n",
      head + "perm P:2\nw: " + repeats + "(P+_), _\nv: _, P\n",
      head + "w: _:18446744073709551615*_:18446744073709551615, _\nv: _, _\n",
      head + "perm P:4294967295\nperm Q:4294967295\nw: P*P*Q*Q*P, _\nv: _, _\n",
      head + "perm P\nv: P, P\nw: _, _\n",
      head + std::string(1 << 20, '('),
      head + "w: " + std::string(1 << 20, '('),
      head + std::string(1 << 20, '*') + ": _\n",
      head + std::string(1 << 20, '"'),
  };
  for (const std::string& text : texts) must_survive(text, network);
}

TEST(Hostile, CombinationsAndPatterns) {
  NetworkBuilder builder;
  for (int i = 0; i < 300; ++i) builder.add(fmt::format("a{}.b{}.c{}", i, i, i), {4, 4});
  builder.add(std::string(3000, 'a'), {4, 4});
  const Network network = builder.build();
  std::string many = "mgit-perm 1\nperm P{a}.{b}.{c}\nperm Q\n";
  for (const char* name : {"a", "b", "c"})
    many += fmt::format("index {0} in a{{x}}.b{{y}}.c{{z}}\n", name);
  std::string product = "mgit-perm 1\nperm P{a}.{b}.{c}\n";
  product += "index a in a{a}.*\nindex b in *.b{b}.*\nindex c in *.c{c}\n";
  product += "same P{a}.{b}.{c} = P{a.prev}.{b.prev}.{c.prev}\n*: _, _\n";
  std::string stars = "mgit-perm 1\n";
  for (int i = 0; i < 200; ++i) stars += fmt::format("*a*a*a*a*a*a*a*a*a*{}: _, _\n", i);
  for (const std::string& text : {many, product, stars}) must_survive(text, network);
  EXPECT_THROW(bind_spec(product, "hostile", network), Error);
}

}  // namespace
}  // namespace mgit::testing
