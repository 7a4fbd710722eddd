#include "store/gc_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace mgit {
namespace {

constexpr std::uint64_t kSmallPack = std::uint64_t{64} << 20;
/// A pack is rewritten when one byte in so many is dead.
constexpr std::uint64_t kDeadShare = 8;

/// By what is dead in them, and by their size.
std::vector<bool> worth_rewriting(const GcView& view, const GcOptions& options) {
  const std::vector<SurveyedPack>& packs = view.packs.packs;
  const auto small = std::ranges::count_if(
      packs, [](const SurveyedPack& pack) { return pack.size() < kSmallPack; });
  std::vector<bool> goes(packs.size());
  for (std::size_t i = 0; i < packs.size(); ++i) {
    std::uint64_t live = 0;
    for (std::size_t j = 0; j < packs[i].records.size(); ++j)
      if (view.is_live({i, j})) live += packs[i].records[j].header.record_size();
    const std::uint64_t dead = packs[i].size() - kPackMagic.size() - live;
    const bool much_dead =
        dead > 0 && (options.all_dead || live == 0 || dead * kDeadShare > packs[i].size());
    goes[i] = much_dead || (options.merge_small && packs[i].size() < kSmallPack && small > 1);
  }
  return goes;
}

/// What is dropped goes with all its records: one that stayed in another pack would bring it back
/// when the index is made anew. A pack that goes for that may drop more.
void drop_other_records(const GcView& view, std::vector<bool>& goes) {
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < goes.size(); ++i) by_name.emplace(view.packs.packs[i].name, i);
  std::vector<std::vector<std::size_t>> dropped_with(goes.size());  // pack: packs that go with it
  for (const auto& [object, places] : view.packs.copies) {
    const auto row = view.index.rows.find(object);
    if (places.size() < 2 || row == view.index.rows.end() || view.marks.kept.contains(object))
      continue;
    const auto pack = by_name.find(row->second.pack);
    if (pack == by_name.end()) continue;
    for (const RecordPlace& place : places) dropped_with[pack->second].push_back(place.pack);
  }
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < goes.size(); ++i)
    if (goes[i]) open.push_back(i);
  while (!open.empty()) {
    const std::size_t pack = open.back();
    open.pop_back();
    for (const std::size_t other : dropped_with[pack])
      if (!goes[other]) {
        goes[other] = true;
        open.push_back(other);
      }
  }
}

/// Payloads that are damaged, and records without a row that are wanted nevertheless: their bases
/// are damaged or lost, and may be had again.
std::vector<PackDamage> damage_in(const GcView& view, const SurveyedPack& pack) {
  std::vector<PackDamage> damage = pack.damage;
  for (const ScannedRecord& record : pack.records) {
    const Digest& object = record.header.object;
    if (!view.index.rows.contains(object) && view.marks.reachable.contains(object))
      damage.push_back({record.offset, "record without its base", object});
    if (!payload_is_intact(pack.file->bytes(), record))
      damage.push_back({record.offset, "damaged record", object});
  }
  return damage;
}

std::optional<Digest> object_at(const GcView& view, const SurveyedPack& pack,
                                const PackDamage& damage) {
  if (damage.object) return damage.object;
  for (const auto& [object, location] : view.index.rows)
    if (location.pack == pack.name && location.offset == damage.offset) return object;
  return std::nullopt;
}

/// An intact record of the object in another pack, with its base.
std::optional<RecordPlace> intact_copy(const GcView& view, const Digest& object,
                                       std::size_t damaged) {
  const auto found = view.packs.copies.find(object);
  if (found == view.packs.copies.end()) return std::nullopt;
  for (const RecordPlace& place : found->second) {
    const ScannedRecord& record = view.packs.at(place);
    const bool has_its_base =
        !record.header.has_base() || view.marks.kept.contains(record.header.base);
    if (place.pack != damaged && has_its_base &&
        payload_is_intact(view.packs.packs[place.pack].file->bytes(), record))
      return place;
  }
  return std::nullopt;
}

/// False, with a note: something would be lost with the pack.
bool may_go(const GcView& view, std::size_t index, GcPlan& plan) {
  const SurveyedPack& pack = view.packs.packs[index];
  std::vector<RecordPlace> stand_ins;
  for (const PackDamage& damage : plan.damage[index]) {
    const auto object = object_at(view, pack, damage);
    if (object && !view.is_wanted(*object)) continue;
    const auto copy = object ? intact_copy(view, *object, index) : std::nullopt;
    if (!copy) {
      plan.notes.push_back(fmt::format("pack {} is left as it is: at offset {} there is a {} of {}",
                                       pack.name, damage.offset, damage.what,
                                       object ? "object " + object->hex() : "an unknown object"));
      return false;
    }
    stand_ins.push_back(*copy);
  }
  plan.stand_ins.insert(plan.stand_ins.end(), stand_ins.begin(), stand_ins.end());
  return true;
}

}  // namespace

bool GcView::is_live(const RecordPlace& place) const {
  const ScannedRecord& record = packs.at(place);
  const auto row = index.rows.find(record.header.object);
  return row != index.rows.end() && row->second.pack == packs.packs[place.pack].name &&
         row->second.offset == record.offset && marks.kept.contains(record.header.object) &&
         !new_bases.contains(record.header.object);
}

std::vector<std::string> GcPlan::going(const PackSurvey& packs) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < goes.size(); ++i)
    if (goes[i]) names.push_back(packs.packs[i].name);
  return names;
}

bool GcPlan::is_damaged(std::size_t pack, std::uint64_t offset) const {
  return std::ranges::any_of(damage[pack],
                             [&](const PackDamage& each) { return each.offset == offset; });
}

GcPlan plan_gc(const GcView& view, const GcOptions& options) {
  GcPlan plan;
  plan.goes = worth_rewriting(view, options);
  drop_other_records(view, plan.goes);
  plan.damage.resize(plan.goes.size());
  for (std::size_t i = 0; i < plan.goes.size(); ++i) {
    if (!plan.goes[i]) continue;
    plan.damage[i] = damage_in(view, view.packs.packs[i]);
    plan.goes[i] = may_go(view, i, plan);
  }
  return plan;
}

void keep_bases_of_what_stays(const GcPlan& plan, GcView& view) {
  std::vector<Digest> open;
  for (std::size_t i = 0; i < plan.goes.size(); ++i) {
    if (plan.goes[i]) continue;
    for (const ScannedRecord& record : view.packs.packs[i].records)
      if (record.header.has_base()) open.push_back(record.header.base);
  }
  while (!open.empty()) {
    const auto row = view.index.rows.find(open.back());
    open.pop_back();
    if (row == view.index.rows.end() || !view.marks.kept.insert(row->first).second) continue;
    if (row->second.info.base) open.push_back(*row->second.info.base);
  }
}

}  // namespace mgit
