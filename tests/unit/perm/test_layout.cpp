// Layout expressions: what they gather, against a direct evaluation of the language's definition;
// and the canonical text, which must bind to the same spec again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "mgit/perm.h"
#include "support/support.h"
#include "unit/perm/networks.h"

namespace mgit::testing {
namespace {

/// A random layout expression: its text, and its index vector by the definition in docs/specs.md.
struct Expression {
  std::string text;
  Gather gather;
};

class ExpressionMaker {
 public:
  ExpressionMaker(std::uint64_t seed, const std::map<std::string, Gather>& groups)
      : random_(seed), groups_(groups) {}

  Expression make(int depth) {
    switch (depth == 0 ? random_() % 2 : random_() % 5) {
      case 0:
        return fixed();
      case 1:
        return group();
      case 2:
        return repeat(make(depth - 1));
      case 3:
        return sum(make(depth - 1), make(depth - 1));
      default:
        return product(make(depth - 1), make(depth - 1));
    }
  }

 private:
  Expression fixed() {
    Gather gather(1 + random_() % 3);
    std::iota(gather.begin(), gather.end(), 0U);
    return {fmt::format("_:{}", gather.size()), gather};
  }
  Expression group() {
    auto chosen = groups_.begin();
    std::advance(chosen, random_() % groups_.size());
    return {chosen->first, chosen->second};
  }
  Expression repeat(const Expression& part) {
    Expression result{fmt::format("2x({})", part.text), part.gather};
    for (const std::uint32_t i : part.gather)
      result.gather.push_back(i + static_cast<std::uint32_t>(part.gather.size()));
    return result;
  }
  static Expression sum(const Expression& a, const Expression& b) {
    Expression result{fmt::format("({}+{})", a.text, b.text), a.gather};
    for (const std::uint32_t i : b.gather)
      result.gather.push_back(i + static_cast<std::uint32_t>(a.gather.size()));
    return result;
  }
  static Expression product(const Expression& a, const Expression& b) {
    Expression result{fmt::format("{}*{}", a.text, b.text), {}};
    for (const std::uint32_t i : a.gather)
      for (const std::uint32_t j : b.gather)
        result.gather.push_back(i * static_cast<std::uint32_t>(b.gather.size()) + j);
    return result;
  }

  std::mt19937_64 random_;
  const std::map<std::string, Gather>& groups_;
};

TEST(Layout, GathersAsTheLanguageDefines) {
  const std::map<std::string, Gather> groups = {
      {"A", {1, 0}}, {"B", {2, 0, 1}}, {"C", {3, 1, 0, 2, 4}}};
  int places = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Expression expression = ExpressionMaker(seed, groups).make(3);
    SCOPED_TRACE(expression.text);
    Network network = {{"x", DType::kF32, {expression.gather.size(), 2}}};
    std::string text = "mgit-perm 1\nx: " + expression.text + ", _\n";
    for (const auto& [name, gather] : groups) {
      text += fmt::format("perm {}:{}\n", name, gather.size());
      text += fmt::format("m{0}.weight: {0}, _\nn{0}.weight: _, {0}\n", name);
      network.push_back({fmt::format("m{}.weight", name), DType::kF32, {gather.size(), 1}});
      network.push_back({fmt::format("n{}.weight", name), DType::kF32, {1, gather.size()}});
    }
    const Spec spec = bind_spec(text, "test", network);
    Permutation permutation;
    for (const Group& group : spec.groups) permutation.groups.push_back(groups.at(group.name));
    Gather gathered = axis_gather(spec, spec.find("x")->axes[0], permutation);
    if (gathered.empty()) {
      gathered.resize(expression.gather.size());
      std::iota(gathered.begin(), gathered.end(), 0U);
    } else {
      ++places;
    }
    EXPECT_EQ(gathered, expression.gather);

    const std::string canonical = spec_text(spec);
    const Spec again = bind_spec(canonical, "canonical", network);
    EXPECT_EQ(again, spec) << canonical;
    EXPECT_EQ(spec_text(again), canonical);
  }
  EXPECT_GT(places, 200);
}

/// The canonical text of the layout of an axis of that length.
std::string canonical(const std::string& layout, std::uint64_t length) {
  const Network network = {{"a", DType::kF32, {4, 1}},
                           {"b", DType::kF32, {1, 4}},
                           {"c", DType::kF32, {3, 1}},
                           {"d", DType::kF32, {1, 3}},
                           {"x", DType::kF32, {length}}};
  const Spec spec = bind_spec(
      "mgit-perm 1\nperm P\nperm Q:3\na: P, _\nb: _, P\nc: Q, _\nd: _, Q\n"
      "x: " +
          layout + "\n",
      "test", network);
  const std::string text = spec_text(spec);
  const std::size_t begin = text.find("\nx: ") + 4;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST(Layout, CanonicalTextIsMinimal) {
  EXPECT_EQ(canonical("P", 4), "P");
  EXPECT_EQ(canonical("_", 9), "_");
  EXPECT_EQ(canonical("_:9", 9), "_");
  EXPECT_EQ(canonical("P*_", 12), "P*_:3");
  EXPECT_EQ(canonical("_*P", 12), "3xP");
  EXPECT_EQ(canonical("P+P+P", 12), "3xP");
  EXPECT_EQ(canonical("2x(P+P)", 16), "4xP");
  EXPECT_EQ(canonical("P+Q", 7), "P+Q");
  EXPECT_EQ(canonical("P+_+Q", 10), "P+_:3+Q");
  EXPECT_EQ(canonical("P*Q", 12), "P*Q");
  EXPECT_EQ(canonical("P*(Q+_:2)", 20), "P*(Q+_:2)");
  EXPECT_EQ(canonical("(P+Q)*_:2", 14), "P*_:2+Q*_:2");
  EXPECT_EQ(canonical("2x(P+Q)", 14), "P+Q+P+Q");
  EXPECT_EQ(canonical("P*P", 16), "P*P");
  EXPECT_EQ(canonical("_:2*P*_:3", 24), "2xP*_:3");
}

TEST(Layout, SizesAreInferred) {
  const Network network = {{"conv.weight", DType::kF32, {6, 3, 3, 3}},
                           {"fc.weight", DType::kF32, {5, 24}},
                           {"gates", DType::kF32, {20, 2}},
                           {"out.weight", DType::kF32, {2, 5}}};
  const Spec spec = bind_spec(
      "mgit-perm 1\nperm C\nperm D\nlet taps = 4\n"
      "conv.weight: C, _, _, _\nfc.weight: D, C*_:taps\ngates: 4xD, _\nout.weight: _, D\n",
      "test", network);
  EXPECT_EQ(spec.groups, (std::vector<Group>{{"C", 6}, {"D", 5}}));
  EXPECT_EQ(spec.find("gates")->axes[0].occurrences, (std::vector<Occurrence>{{1, 0, 4, 1}}));
  EXPECT_EQ(spec.find("fc.weight")->axes[1].occurrences, (std::vector<Occurrence>{{0, 0, 1, 4}}));
}

TEST(Layout, FamiliesKeepTheirMeaningAsText) {
  ResNetPlan bottleneck;
  bottleneck.bottleneck = true;
  const Network networks[] = {vgg16(true), resnet({}), resnet(bottleneck),
                              NetworkBuilder().linear("fc1", 7, 5).linear("fc2", 3, 7).build()};
  for (const Network& network : networks) {
    const auto spec = recognise(network);
    ASSERT_TRUE(spec);
    const std::string text = spec_text(*spec);
    Spec again = bind_spec(text, "canonical", network);
    EXPECT_EQ(again.proof, Proof::kStatic) << "no text can claim a proof";
    EXPECT_EQ(spec_text(again), text);
    again.proof = spec->proof;
    EXPECT_EQ(again, *spec);
  }
}

TEST(Layout, CanonicalTextNeverChanges) {
  const auto spec = recognise(NetworkBuilder()
                                  .linear("fc1", 7, 5)
                                  .linear("fc2", 3, 7)
                                  .add("fc1.num_batches_tracked", {})
                                  .build());
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec_text(*spec),
            "mgit-perm 1\narch mlp\nperm H.fc1:7\nfc1.bias: H.fc1\nskip fc1.num_batches_tracked\n"
            "fc1.weight: H.fc1, _\nfc2.bias: _\nfc2.weight: _, H.fc1\n");
}

TEST(Layout, OddNamesSurvive) {
  const std::string odd = "a b:*{i}#\"\\\n\x01\xc3\xa9";
  const Network network = {{"", DType::kF32, {4}},
                           {odd, DType::kF32, {4, 2}},
                           {"perm", DType::kF32, {3, 4}},
                           {"scalar", DType::kF32, {}}};
  const Spec spec = bind_spec(
      "mgit-perm 1\narch \"my net\"\nperm P\n\"\": P\n"
      "\"a b:*{i}#\\\"\\\\\\n\\x01\xc3\xa9\": P, _\nperm: _, P # a comment\nscalar:\n",
      "test", network);
  EXPECT_EQ(spec.architecture, "my net");
  EXPECT_EQ(bind_spec(spec_text(spec), "canonical", network), spec);
}

}  // namespace
}  // namespace mgit::testing
