// Texts of explicit names and their loops: every one means the same.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "mgit/perm.h"
#include "mgit/spec_folding.h"
#include "perm/spec_folding.h"

namespace mgit::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Explicit {
  std::string text = "mgit-perm 1\narch derived\n";
  std::vector<TensorInfo> network{};

  void tensor(const std::string& name, const Shape& shape, const std::string& layouts) {
    network.push_back({name, DType::kF32, shape});
    text += name + ":" + (layouts.empty() ? "" : " " + layouts) + "\n";
  }
  Spec spec() const { return bind_recorded_spec(text, "explicit", network); }
  /// Without a look at whether it means the same.
  std::string folded() const {
    const auto result = speclang::folded_text(text);
    EXPECT_TRUE(result) << text;
    return result.value_or("");
  }
  void expect_equal() const {
    EXPECT_EQ(bind_recorded_spec(folded(), "folded", network), spec()) << text << folded();
  }
};

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Blocks with a hidden layer each; `width` of the hidden units of block i.
template <typename Width>
Explicit blocks(std::size_t count, const Width& width) {
  Explicit result;
  result.text += "perm embed:6\n";
  for (std::size_t i = 0; i < count; ++i)
    result.text += fmt::format("perm h.{}.up:{}\n", i, width(i));
  result.tensor("embed.weight", {9, 6}, "_, embed");
  for (std::size_t i = 0; i < count; ++i) {
    result.tensor(fmt::format("h.{}.down.weight", i), {6, width(i)},
                  fmt::format("embed, h.{}.up", i));
    result.tensor(fmt::format("h.{}.up.bias", i), {width(i)}, fmt::format("h.{}.up", i));
    result.tensor(fmt::format("h.{}.up.weight", i), {width(i), 6},
                  fmt::format("h.{}.up, embed", i));
  }
  result.tensor("out.weight", {9, 6}, "_, embed");
  return result;
}

TEST(SpecFolding, BlocksBecomeOne) {
  const Explicit net = blocks(12, [](std::size_t) { return std::size_t{8}; });
  EXPECT_EQ(fold_spec(net.text, net.network),
            "mgit-perm 1\narch derived\nperm embed:6\nperm h.{i}.up:8\n"
            "embed.weight: _, embed\n"
            "h.{i}.down.weight: embed, h.{i}.up\n"
            "h.{i}.up.bias: h.{i}.up\n"
            "h.{i}.up.weight: h.{i}.up, embed\n"
            "out.weight: _, embed\n");
  net.expect_equal();
}

TEST(SpecFolding, SizesThatDifferFollowFromTheTensors) {
  const Explicit net = blocks(5, [](std::size_t i) { return 4 + i; });
  EXPECT_THAT(fold_spec(net.text, net.network), HasSubstr("perm h.{i}.up\n"));
  net.expect_equal();
}

TEST(SpecFolding, SizesThatDifferStandWhereNothingElseTellsThem) {
  Explicit net;
  for (int i = 0; i < 6; ++i)
    net.text += fmt::format("perm h.{}:{}\nperm h.{}.v:2 in h.{}\n", i, i / 3 + 2, i, i);
  for (int i = 0; i < 6; ++i)
    for (const char* name : {"q", "k"})
      net.tensor(fmt::format("h.{}.{}", i, name), {static_cast<std::uint64_t>(i / 3 + 2) * 2, 3},
                 fmt::format("h.{}*h.{}.v, _", i, i));
  EXPECT_THAT(net.folded(), HasSubstr("perm h.{i}.v:2 in h.{i}\n"));
  EXPECT_THAT(net.folded(), Not(HasSubstr("perm h.{i}\n")));
  net.expect_equal();
}

TEST(SpecFolding, FirstAndLastMayDiffer) {
  Explicit net;
  for (int i = 0; i < 8; ++i) net.text += fmt::format("perm c.{}:4\n", i);
  net.tensor("c.0.weight", {4, 3}, "c.0, _");
  for (int i = 1; i < 8; ++i)
    net.tensor(fmt::format("c.{}.weight", i), {4, 4}, fmt::format("c.{}, c.{}", i, i - 1));
  net.tensor("c.8.weight", {2, 4}, "_, c.7");
  EXPECT_EQ(net.folded(),
            "mgit-perm 1\narch derived\nperm c.{i}:4\n"
            "c.0.weight: c.0, _\nc.8.weight: _, c.7\nc.{i}.weight: c.{i}, c.{i-1}\n");
  net.expect_equal();
}

TEST(SpecFolding, StagesOfBlocksHaveTwoNumbers) {
  Explicit net;
  for (int i = 1; i <= 4; ++i) {
    net.text += fmt::format("perm layer{}.0.b:{}\n", i, 4 * i);
    for (int j = 0; j < 3; ++j) net.text += fmt::format("perm layer{}.{}.a:{}\n", i, j, 2 * i);
  }
  for (std::uint64_t i = 1; i <= 4; ++i)
    for (int j = 0; j < 3; ++j) {
      net.tensor(fmt::format("layer{}.{}.a.weight", i, j), {2 * i, 4 * i},
                 fmt::format("layer{}.{}.a, layer{}.0.b", i, j, i));
      net.tensor(fmt::format("layer{}.{}.b.weight", i, j), {4 * i, 2 * i},
                 fmt::format("layer{}.0.b, layer{}.{}.a", i, i, j));
    }
  EXPECT_EQ(net.folded(),
            "mgit-perm 1\narch derived\nperm layer{i}.0.b\nperm layer{i}.{j}.a\n"
            "layer{i}.{j}.a.weight: layer{i}.{j}.a, layer{i}.0.b\n"
            "layer{i}.{j}.b.weight: layer{i}.0.b, layer{i}.{j}.a\n");
  net.expect_equal();
}

TEST(SpecFolding, WhatNamesDoNotTellApartATensorBesideDoes) {
  Explicit net;
  for (int i = 0; i < 12; i += 3) net.text += fmt::format("perm f.{}:4\n", i);
  for (int i = 0; i < 12; i += 3) {
    net.tensor(fmt::format("f.{}.bias", i), {4}, fmt::format("f.{}", i));
    net.tensor(fmt::format("f.{}.bias", i + 1), {4}, fmt::format("f.{}", i));
    net.tensor(fmt::format("f.{}.running_mean", i + 1), {4}, fmt::format("f.{} !nomatch", i));
  }
  EXPECT_EQ(net.folded(),
            "mgit-perm 1\narch derived\nperm f.{i}:4\n"
            "f.{i}.bias: f.{i-1} where f.{i}.running_mean\nf.{i}.bias: f.{i}\n"
            "f.{i}.running_mean: f.{i-1} !nomatch\n");
  net.expect_equal();
}

TEST(SpecFolding, PinsRangeOverTheTensorsOfTheirBlocks) {
  Explicit net;
  for (int i = 0; i < 12; ++i)
    net.text += fmt::format("perm h.{}:3\nperm h.{}.v:2 in h.{}\n", i, i, i);
  for (int i = 2; i < 12; ++i) net.text += fmt::format("pin h.{}\n", i);
  for (int i = 0; i < 12; ++i)
    for (const char* name : {"q", "k", i < 2 ? "free" : "slope"})
      net.tensor(fmt::format("h.{}.{}", i, name), {6, 3}, fmt::format("h.{}*h.{}.v, _", i, i));
  EXPECT_THAT(net.folded(), HasSubstr("index p in h.{p}.slope\npin h.{p}\n"));
  net.expect_equal();
}

TEST(SpecFolding, WhatCapturesDoNotTakeStays) {
  Explicit net;
  net.text += "perm a:4\n";
  for (const char* name : {"x.01", "x.02", "x.03", "x.1234567890", "x.1234567891", "x.1234567892"})
    net.tensor(name, {4}, "a");
  net.network.push_back({"odd name.1", DType::kF32, {4}});
  net.network.push_back({"odd name.2", DType::kF32, {4}});
  net.text += "\"odd name.1\": a\nskip \"odd name.2\"\n";
  EXPECT_EQ(net.folded(), net.text);
  net.expect_equal();
}

TEST(SpecFolding, NamesOfOtherTextsAreOfOtherFamilies) {
  Explicit net;
  net.text += "perm a:4\n";
  for (const std::string& name :
       {std::string("f\0.w", 4), std::string("f1.w"), std::string("f2.w")})
    net.tensor(name, {4}, "a");
  net.expect_equal();
}

TEST(SpecFolding, ATensorsLineIsNoPatternForWhatIsSkipped) {
  Explicit net;
  net.text += "perm a:4\n";
  for (int i = 0; i < 9; ++i) {
    const std::string name = fmt::format("x.{}.w", i);
    if (i % 3 != 1) {
      net.tensor(name, {4}, "a");
    } else {
      net.network.push_back({name, DType::kI64, i == 4 ? Shape{4} : Shape{2, 2}});
      net.text += "skip " + name + "\n";
    }
  }
  net.expect_equal();
  EXPECT_LT(lines(net.folded()), lines(net.text));
}

TEST(SpecFolding, WhatAPersonWroteIsLeftAlone) {
  const Explicit net = blocks(4, [](std::size_t) { return std::size_t{8}; });
  for (const char* more :
       {"perm X{i}:4\n", "skip *.y\n", "let n = 4\n", "# a comment\n", "x as [2, 2]: _, _\n",
        "alias a = b\n", "x: 4P\n", "same a = b\n", "y: _ where x\n", "skip x where y\n",
        "pin h.{i}.up\n", "pin h.1.up unless x\n", "perm P\n", "perm Q:4 within [2, 2]\n", "\n"}) {
    EXPECT_FALSE(speclang::folded_text(net.text + more)) << more;
    EXPECT_EQ(fold_spec(net.text + more, net.network), net.text + more);
  }
}

TEST(SpecFolding, ATextThatDoesNotFitStays) {
  Explicit net = blocks(4, [](std::size_t) { return std::size_t{8}; });
  net.network.pop_back();
  net.network.push_back({"other", DType::kF32, {2}});
  EXPECT_EQ(fold_spec(net.text, net.network), net.text);
}

/// Names and layouts that repeat, with exceptions.
class RandomText {
 public:
  explicit RandomText(std::uint64_t seed) : random_(seed) {
    const std::size_t kinds = 1 + random_.below(5);
    const bool nested = random_.below(2) == 0;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const std::size_t count = 1 + random_.below(12);
      const std::uint64_t habit = random_.below(kHabits);
      for (std::size_t i = random_.below(3); i < count; ++i)
        for (std::size_t j = 0; j < (nested ? 3 : 1); ++j)
          add(kind, i, nested ? std::optional(j) : std::nullopt,
              random_.below(6) == 0 ? random_.below(kHabits) : habit);
    }
    for (const auto& [name, line] : groups_) text_.text += line;
    for (const std::string& name : outer_)
      if (random_.below(2) == 0) text_.text += "pin " + name + "\n";
    text_.text += tensors_;
  }
  const Explicit& text() const { return text_; }

 private:
  static constexpr std::uint64_t kHabits = 7;

  std::string place(std::size_t i, std::optional<std::size_t> j) const {
    return j ? fmt::format("h{}.{}", i, *j) : fmt::format("h.{}", i);
  }

  std::string group(const std::string& name, std::uint64_t size, const std::string& outer = "") {
    groups_.emplace(name,
                    fmt::format("perm {}:{}{}\n", name, size, outer.empty() ? "" : " in " + outer));
    if (!outer.empty()) outer_.insert(outer);
    return name;
  }

  /// A layout and its length.
  std::pair<std::string, std::uint64_t> axis(std::size_t i, std::optional<std::size_t> j,
                                             std::uint64_t habit) {
    const std::uint64_t size = 3 + (i > 4 ? 1 : 0);
    switch (habit) {
      case 0:
        return {group("stream", 5), 5};
      case 1:
        return {group(place(i, j) + ".own", size), size};
      case 2:
        return i == 0 ? axis(i, j, 0) : axis(i - 1, j, 1);
      case 3: {
        const std::string heads = group(place(i, j) + ".heads", size);
        return {heads + "*" + group(place(i, j) + ".units", 2, heads), size * 2};
      }
      case 4: {
        const auto own = axis(i, j, 1);
        return {own.first + "+_:7+" + own.first, own.second * 2 + 7};
      }
      case 5:
        return j ? axis(i, 0, 1) : axis(random_.below(12), j, 1);
      default:
        return {"_", 4 + random_.below(2)};
    }
  }

  void add(std::size_t kind, std::size_t i, std::optional<std::size_t> j, std::uint64_t habit) {
    const std::string name = fmt::format("{}.k{}", place(i, j), kind);
    if (random_.below(12) == 0) {
      text_.network.push_back({name, DType::kF32, Shape(random_.below(4), 2)});
      tensors_ += "skip " + name + "\n";
      return;
    }
    Shape shape;
    std::string layouts;
    for (std::uint64_t rank = random_.below(9) == 0 ? 2 : 1 + kind % 2; rank > 0; --rank) {
      const auto [layout, length] = axis(i, j, (habit + rank) % kHabits);
      layouts += (layouts.empty() ? " " : ", ") + layout;
      shape.push_back(length);
    }
    text_.network.push_back({name, DType::kF32, shape});
    tensors_ += name + ":" + layouts + (kind == 3 ? " !nomatch\n" : "\n");
  }

  Random random_;
  Explicit text_;
  std::map<std::string, std::string> groups_;
  std::set<std::string> outer_;
  std::string tensors_;
};

TEST(SpecFolding, RandomTextsKeepTheirMeaning) {
  std::size_t before = 0;
  std::size_t after = 0;
  for (std::uint64_t seed = 0; seed < 1000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const RandomText random(seed);
    random.text().expect_equal();
    before += lines(random.text().text);
    after += lines(random.text().folded());
  }
  EXPECT_LT(after * 2, before);
  std::printf("%zu lines become %zu\n", before, after);
}

}  // namespace
}  // namespace mgit::testing
