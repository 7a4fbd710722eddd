// What is derived from random networks never changes what they compute.
#include <gtest/gtest.h>

#include <cstdlib>

#include "unit/graph/data_file.h"
#include "unit/graph/random_graph.h"

namespace mgit::testing {
namespace {

/// MGIT_SEEDS: "FIRST-LAST" for other ones.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  const char* text = std::getenv("MGIT_SEEDS");
  unsigned long long first = 0;
  unsigned long long last = 1999;
  if (text != nullptr && std::sscanf(text, "%llu-%llu", &first, &last) == 1) last = first;
  return {first, last};
}

TEST(RandomGraphs, WhatIsDerivedIsProved) {
  const auto [first, last] = seeds();
  std::size_t moving = 0;
  std::size_t silent = 0;  // a group that the outputs do not depend on
  std::size_t groups = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const RandomGraph random(seed);
    std::string text;
    try {
      const Derivation derived = derive_spec(random.graph(), random.network());
      text = derived.spec_text;
      EXPECT_TRUE(derived.unknown_operators.empty()) << derived.unknown_operators.front();
      const Spec spec = bind_spec(text, "derived", random.network());
      const NumericProof proof = prove(random.graph(), spec, zeros_for(random.graph()), seed);
      const bool still = proof.reason == "there is nothing that can move";
      const bool unheard = proof.reason.starts_with("nothing changes where group");
      moving += proof.proved;
      silent += unheard;
      groups += proof.proved ? spec.groups.size() : 0;
      ASSERT_TRUE(proof.proved || still || unheard)
          << "seed " << seed << ": " << proof.reason << "\n"
          << text << random.recipe();
    } catch (const Error& error) {
      FAIL() << "seed " << seed << ": " << error.where() << ": " << error.what() << "\n"
             << text << random.recipe();
    }
  }
  if (last - first < 1000) return;
  EXPECT_GT(moving * 2, last - first);
  EXPECT_LT(silent * 20, last - first);
  std::printf("%zu of %llu networks move, in %zu groups; %zu have a silent one\n", moving,
              static_cast<unsigned long long>(last - first + 1), groups, silent);
  RecordProperty("networks_that_move", static_cast<int>(moving));
  RecordProperty("networks_with_a_silent_group", static_cast<int>(silent));
  RecordProperty("groups", static_cast<int>(groups));
}

}  // namespace
}  // namespace mgit::testing
