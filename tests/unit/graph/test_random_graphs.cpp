// What is derived from random networks never changes what they compute.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <numeric>

#include "perm/spec_folding.h"
#include "unit/graph/data_file.h"
#include "unit/graph/random_graph.h"

namespace mgit::testing {
namespace {

struct Tally {
  std::size_t moving = 0;
  std::size_t silent = 0;  // a group that the outputs do not depend on
  std::size_t groups = 0;
};

void derive_and_prove(std::uint64_t seed, Tally& tally) {
  const RandomGraph random(seed);
  std::string text;
  try {
    const Derivation derived = derive_spec(random.graph(), random.network());
    text = derived.spec_text;
    EXPECT_TRUE(derived.unknown_operators.empty()) << derived.unknown_operators.front();
    const Spec spec = bind_spec(text, "derived", random.network());
    const std::string folded = speclang::folded_text(text).value_or("");
    EXPECT_EQ(bind_spec(folded, "folded", random.network()), spec) << text << folded;
    const NumericProof proof = prove(random.graph(), spec, zeros_for(random.graph()), seed);
    const bool still = proof.reason == "there is nothing that can move";
    const bool unheard = proof.reason.starts_with("nothing changes where group");
    tally.moving += proof.proved;
    tally.silent += unheard;
    tally.groups += proof.proved ? spec.groups.size() : 0;
    ASSERT_TRUE(proof.proved || still || unheard) << "seed " << seed << ": " << proof.reason << "\n"
                                                  << text << random.recipe();
  } catch (const Error& error) {
    FAIL() << "seed " << seed << ": " << error.where() << ": " << error.what() << "\n"
           << text << random.recipe();
  }
}

TEST(RandomGraphs, WhatIsDerivedIsProved) {
  const auto [first, last] = seeds_or(0, 1999);
  Tally tally;
  for (std::uint64_t seed = first; seed <= last && !HasFatalFailure(); ++seed)
    derive_and_prove(seed, tally);
  if (last - first < 1000) return;
  EXPECT_GT(tally.moving * 2, last - first);
  EXPECT_LT(tally.silent * 20, last - first);
  std::printf("%zu of %llu networks move, in %zu groups; %zu have a silent one\n", tally.moving,
              static_cast<unsigned long long>(last - first + 1), tally.groups, tally.silent);
  RecordProperty("networks_that_move", static_cast<int>(tally.moving));
  RecordProperty("networks_with_a_silent_group", static_cast<int>(tally.silent));
  RecordProperty("groups", static_cast<int>(tally.groups));
}

TEST(RandomGraphs, AFamilyApartFromWhatItsOuterGroupIsInIsSaidWithoutIt) {
  Tally tally;
  for (const std::uint64_t seed : {15227U, 22561U, 47832U}) derive_and_prove(seed, tally);
  EXPECT_EQ(tally.moving, 3u);
}

/// Sets of axes of one length, as bits; closed under symmetric difference.
class Span {
 public:
  /// False: it is in the span already.
  bool add(std::uint32_t set) {
    for (const std::uint32_t each : basis_) set = std::min(set, set ^ each);
    if (set != 0) basis_.push_back(set);
    return set != 0;
  }
  std::size_t rank() const { return basis_.size(); }

 private:
  std::vector<std::uint32_t> basis_;
};

using Place = std::pair<std::string, std::size_t>;  // tensor, axis

/// A network whose outputs can be asked for with places 0 and 1 of some axes exchanged.
class Exchanged {
 public:
  explicit Exchanged(const RandomGraph& random) : graph_(random.graph()) {
    given_ = drawn_numbers(graph_, 7);
    for (const GraphParameter& parameter : graph_.parameters)
      value_[parameter.tensor] = parameter.value;
    before_ = run_graph(graph_, given_).front().values;
  }

  bool keeps(const std::vector<Place>& places, std::uint32_t set) const {
    auto given = given_;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if ((set >> i & 1U) == 0) continue;
      GraphTensor& tensor = given.at(value_.at(places[i].first));
      std::size_t inner = 1;
      for (std::size_t k = places[i].second + 1; k < tensor.shape.size(); ++k)
        inner *= tensor.shape[k];
      const std::size_t period = inner * tensor.shape[places[i].second];
      for (std::size_t j = 0; j < tensor.values.size(); ++j)
        if (j % period < inner) std::swap(tensor.values[j], tensor.values[j + inner]);
    }
    return near(before_, run_graph(graph_, given).front().values);
  }

 private:
  const Graph& graph_;
  std::map<ValueId, GraphTensor> given_;
  std::map<std::string, ValueId> value_;
  std::vector<double> before_;
};

/// The axes on which exchanging two units of a group is this exchange; none if it does more.
std::uint32_t exchanged_by(const Spec& spec, std::uint32_t group, std::uint32_t a, std::uint32_t b,
                           const Gather& exchange, const std::vector<Place>& places) {
  Permutation moved = identity_permutation(spec);
  Gather& gather = moved.groups[group];
  gather.resize(unit_count(spec.groups, group));
  std::iota(gather.begin(), gather.end(), 0U);
  std::swap(gather[a], gather[b]);
  for (std::uint32_t other = 0; other < spec.groups.size(); ++other)
    if (spec.groups[other].outer == group)
      moved.groups[other] = carried(moved.groups[group], spec.groups[other].size);
  std::uint32_t set = 0;
  for (const SpecTensor& tensor : spec.tensors)
    for (std::size_t axis = 0; axis < tensor.axes.size(); ++axis) {
      const Gather each = axis_gather(spec, tensor.axes[axis], moved);
      if (each.empty() || is_identity(each)) continue;
      const auto at = std::find(places.begin(), places.end(), Place{tensor.name, axis});
      if (each != exchange || at == places.end()) return 0;
      set |= 1U << (at - places.begin());
    }
  return set;
}

/// What the spec says about exchanging places 0 and 1 of axes of this length, and of no others.
Span said_by(const Spec& spec, const std::vector<Place>& places, std::uint64_t length) {
  Gather exchange(length);
  std::iota(exchange.begin(), exchange.end(), 0U);
  std::swap(exchange[0], exchange[1]);
  Span result;
  for (std::uint32_t group = 0; group < spec.groups.size(); ++group) {
    if (spec.groups[group].fixed) continue;
    const std::uint32_t size = spec.groups[group].size;
    const auto units = static_cast<std::uint32_t>(unit_count(spec.groups, group));
    for (std::uint32_t a = 0; a < units; ++a)
      for (std::uint32_t b = a + 1; b < (a / size + 1) * size; ++b) {
        const std::uint32_t set = exchanged_by(spec, group, a, b, exchange, places);
        if (set != 0) result.add(set);
      }
  }
  return result;
}

void show_missed(const RandomGraph& random, std::uint64_t seed, const std::vector<Place>& places,
                 std::uint32_t set) {
  std::printf("seed %llu:", static_cast<unsigned long long>(seed));
  for (std::size_t i = 0; i < places.size(); ++i)
    if ((set >> i & 1U) != 0) std::printf(" %s:%zu", places[i].first.c_str(), places[i].second);
  std::printf("\n%s", random.recipe().substr(0, random.recipe().find('\n') + 1).c_str());
}

TEST(RandomGraphs, BruteForceFindsLittleThatWasMissed) {
  constexpr std::size_t kMostAxes = 7;
  constexpr std::uint64_t kNetworks = 300;
  std::size_t found = 0;
  std::size_t said = 0;
  std::size_t compared = 0;
  std::size_t alone = 0;   // missed: an axis whose two places read copies, or that nobody reads
  std::size_t paired = 0;  // missed: the rows of two matrices, of a query and a key in one head
  for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
    const RandomGraph random(seed);
    const Spec spec = bind_spec(derive_spec(random.graph(), random.network()).spec_text, "derived",
                                random.network());
    const Exchanged network(random);
    std::map<std::uint64_t, std::vector<Place>> by_length;
    for (const TensorInfo& tensor : random.network())
      for (std::size_t axis = 0; axis < tensor.rank(); ++axis)
        if (tensor.shape[axis] > 1) by_length[tensor.shape[axis]].emplace_back(tensor.name, axis);
    for (const auto& [length, places] : by_length) {
      if (places.size() > kMostAxes) continue;
      ++compared;
      Span all;
      for (std::uint32_t set = 1; set < 1U << places.size(); ++set) {
        if (!network.keeps(places, set)) continue;
        Span with = all;
        if (with.add(set)) all = with;
      }
      const Span known = said_by(spec, places, length);
      EXPECT_LE(known.rank(), all.rank()) << "seed " << seed << ", length " << length;
      found += all.rank();
      said += known.rank();
      const bool show = std::getenv("MGIT_SHOW") != nullptr;
      Span with = known;
      for (const int most : {1, 2, 32})  // simple ones first
        for (std::uint32_t set = 1; set < 1U << places.size(); ++set) {
          if (std::popcount(set) > most || !network.keeps(places, set) || !with.add(set)) continue;
          alone += most == 1;
          paired += most == 2;
          if (show && most > 1) show_missed(random, seed, places, set);
        }
    }
  }
  std::printf(
      "%zu sets of axes of one length; %zu exchanges exist, %zu derived, missed: %zu of an "
      "axis alone, %zu of a pair, %zu others\n",
      compared, found, said, alone, paired, found - said - alone - paired);
  EXPECT_GT(said, 100u);
  EXPECT_LT((found - said - alone - paired) * 20, found);
}

}  // namespace
}  // namespace mgit::testing
