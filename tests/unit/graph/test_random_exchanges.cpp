// What exchanges of blocks random networks allow is what is derived from them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "unit/graph/exchange_search.h"
#include "unit/graph/random_graph.h"

namespace mgit::testing {
namespace {

/// Those of which no part is one by itself, and each once.
std::vector<Exchange> smallest(std::vector<Exchange> found) {
  std::stable_sort(found.begin(), found.end(),
                   [](const Exchange& a, const Exchange& b) { return a.size() < b.size(); });
  std::vector<Exchange> result;
  for (Exchange& each : found)
    if (std::none_of(result.begin(), result.end(),
                     [&](const Exchange& part) { return is_part(part, each); }))
      result.push_back(std::move(each));
  return result;
}

class Missed {
 public:
  Missed(const RandomGraph& random, const Spec& spec) : random_(random), spec_(spec) {}

  bool said(const Exchange& exchange) const { return allows(spec_, random_.network(), exchange); }

  /// False: it is one of those that are in already, after what the spec allows.
  bool add(const Exchange& exchange) {
    for (std::size_t i = 0; i < missed_.size(); ++i) {
      const Exchange rest = product(exchange, missed_[i]);
      if (said(rest)) return false;
      for (std::size_t j = 0; j < i; ++j)
        if (said(product(rest, missed_[j]))) return false;
    }
    missed_.push_back(exchange);
    return true;
  }

 private:
  const RandomGraph& random_;
  const Spec& spec_;
  std::vector<Exchange> missed_;
};

constexpr const char* kAlone = "an axis alone";
constexpr const char* kRows = "rows that no tensor reads";

/// Why it is not derived, as far as the derivation says: what pinned its tensors.
std::string kind_of(const Derivation& derived, const Exchange& exchange) {
  if (exchange.size() == 1) return kAlone;
  if (std::all_of(exchange.begin(), exchange.end(),
                  [](const AxisMove& move) { return move.axis == 0; }))
    return kRows;
  std::set<std::string> reasons;
  for (const Pin& pin : derived.pins)
    for (const AxisMove& move : exchange)
      if (std::find(pin.tensors.begin(), pin.tensors.end(), move.tensor) != pin.tensors.end())
        reasons.insert(pin.reason);
  reasons.erase("input of the network");
  reasons.erase("output of the network");
  std::string kind;
  for (const std::string& each : reasons) kind += (kind.empty() ? "" : ", ") + each;
  return kind.empty() ? "copies, and what was cut and joined again" : kind;
}

TEST(RandomExchanges, OfBlocksAreDerived) {
  constexpr std::uint64_t kNetworks = 24;  // 2000 take twenty minutes
  const auto [first, last] = seeds_or(0, kNetworks - 1);
  const std::size_t most_runs = last - first < kNetworks ? 2000 : 10000;
  const bool show = std::getenv("MGIT_SHOW") != nullptr;
  std::size_t said = 0;
  std::size_t searches = 0;
  std::size_t given_up = 0;
  std::map<std::string, std::pair<std::size_t, std::set<std::uint64_t>>> missed;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const RandomGraph random(seed);
    const Derivation derived = derive_spec(random.graph(), random.network());
    const Spec spec = bind_spec(derived.spec_text, "derived", random.network());
    ExchangeSearch search(random.graph(), most_runs);
    std::vector<Exchange> found;
    for (const ExchangedUnits units : {ExchangedUnits{2, 0, 1},
                                       {3, 0, 1},
                                       {3, 1, 2},
                                       {4, 0, 1},
                                       {4, 2, 3},
                                       {5, 0, 1},
                                       {6, 0, 1}}) {
      ++searches;
      given_up += !search.run(units, found);
    }
    Missed others(random, spec);
    bool told = false;
    for (const Exchange& each : smallest(std::move(found))) {
      if (others.said(each)) {
        ++said;
        continue;
      }
      if (!others.add(each)) continue;
      const std::string kind = kind_of(derived, each);
      auto& [count, networks] = missed[kind];
      ++count;
      networks.insert(seed);
      if (!show || each.size() == 1) continue;
      std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed),
                  exchange_text(each).c_str(), kind.c_str());
      if (!told) std::printf("%s%s\n", random.recipe().c_str(), derived.spec_text.c_str());
      told = true;
    }
  }
  std::printf("%zu searches, %zu of them given up; %zu exchanges are derived, missed:\n", searches,
              given_up, said);
  for (const auto& [kind, found] : missed)
    std::printf("  %zu in %zu networks (%llu): %s\n", found.first, found.second.size(),
                static_cast<unsigned long long>(*found.second.begin()), kind.c_str());
  std::size_t others = 0;
  for (const auto& [kind, found] : missed)
    if (kind != kAlone && kind != kRows) others += found.first;
  EXPECT_GT(said, 100u);
  EXPECT_LT(others * 10, said);
}

}  // namespace
}  // namespace mgit::testing
