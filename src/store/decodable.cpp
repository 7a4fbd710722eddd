#include "store/decodable.h"

#include <algorithm>

namespace mgit {
namespace {

/// The pack, and the entry in it.
using Place = std::pair<std::size_t, std::size_t>;

std::vector<PackEntries> entries_at(std::span<const PackEntries> packs,
                                    const std::vector<Place>& places) {
  std::vector<PackEntries> result;
  std::size_t last = packs.size();
  for (const auto& [pack, entry] : places) {
    if (pack != last) result.push_back({packs[pack].pack, {}, packs[pack].written});
    last = pack;
    result.back().entries.push_back(packs[pack].entries[entry]);
  }
  return result;
}

}  // namespace

std::vector<std::vector<PackEntries>> decodable_layers(
    std::span<const PackEntries> packs, const std::function<bool(const Digest&)>& known) {
  std::unordered_map<Digest, std::vector<Place>> waiting;  // for their base
  std::vector<Place> ready;
  for (std::size_t i = 0; i < packs.size(); ++i)
    for (std::size_t j = 0; j < packs[i].entries.size(); ++j) {
      const auto& base = packs[i].entries[j].info.base;
      (base ? waiting[*base] : ready).emplace_back(i, j);
    }
  if (known)
    for (auto& [base, places] : waiting)
      if (known(base)) {
        ready.insert(ready.end(), places.begin(), places.end());
        places.clear();
      }
  std::vector<std::vector<PackEntries>> layers;
  while (!ready.empty()) {
    std::sort(ready.begin(), ready.end());
    layers.push_back(entries_at(packs, ready));
    std::vector<Place> next;
    for (const auto& [pack, entry] : ready) {
      const auto found = waiting.find(packs[pack].entries[entry].object);
      if (found == waiting.end()) continue;
      next.insert(next.end(), found->second.begin(), found->second.end());
      waiting.erase(found);
    }
    ready = std::move(next);
  }
  return layers;
}

std::unordered_set<Digest> decodable_objects(std::span<const PackEntries> packs) {
  std::unordered_set<Digest> objects;
  for (const auto& layer : decodable_layers(packs))
    for (const PackEntries& pack : layer)
      for (const IndexEntry& entry : pack.entries) objects.insert(entry.object);
  return objects;
}

}  // namespace mgit
