#include "match/method.h"

#include <gtest/gtest.h>

#include <set>

#include "support/support.h"

namespace mgit {
namespace {

TEST(MatchingMethods, AreFoundByNamesOfOneWord) {
  std::set<std::string_view> names;
  for (const MatchingMethod& method : matching_methods()) {
    EXPECT_EQ(find_method(method.name), &method);
    EXPECT_EQ(method.name.find_first_of(" \t\n"), std::string_view::npos) << method.name;
    EXPECT_FALSE(method.summary.empty());
    names.insert(method.name);
  }
  EXPECT_EQ(names.size(), matching_methods().size());
  EXPECT_EQ(find_method("guesses"), nullptr);
  EXPECT_EQ(require_method(kDefaultMethod).name, "weights");
}

TEST(MatchingMethods, AnUnknownOneIsRefusedWithTheListOfThoseThere) {
  try {
    require_method("guesses");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.where(), "guesses");
    EXPECT_EQ(error.hint().find("there is: weights, "), 0U);
  }
}

TEST(MatchingMethods, OfTheTableAreTheFunctions) {
  constexpr std::uint32_t kHidden = 12;
  Spec spec;
  spec.groups = {{"P", kHidden}};
  spec.tensors = {{"in.weight", {{kHidden, {{0, 0, 1, 1}}}, {5, {}}}, true},
                  {"out.weight", {{4, {}}, {kHidden, {{0, 0, 1, 1}}}}, true}};
  const auto model = [](std::uint64_t seed) {
    MemoryModel made;
    made.set({"in.weight", DType::kF32, {kHidden, 5}}, testing::random_floats(kHidden * 5, seed));
    made.set({"out.weight", DType::kF32, {4, kHidden}},
             testing::random_floats(4 * kHidden, seed + 1));
    return made;
  };
  const MemoryModel a = model(1);
  const MemoryModel b = model(5);
  MatchOptions options;
  options.seed = 3;
  const std::pair<const char*, decltype(&match_weights)> kMethods[] = {
      {"weights", match_weights}, {"frank-wolfe", match_frank_wolfe}};
  for (const auto& [name, method] : kMethods) {
    const MatchResult expected = method(spec, a, b, options);
    const MatchResult found =
        require_method(name).match({.spec = spec, .a = a, .b = b, .options = options});
    EXPECT_FALSE(found.permutation.identity());
    EXPECT_EQ(found.permutation.groups, expected.permutation.groups);
    EXPECT_EQ(found.objective_after, expected.objective_after);
  }
}

}  // namespace
}  // namespace mgit
