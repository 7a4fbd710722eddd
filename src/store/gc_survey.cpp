#include "store/gc_survey.h"

#include <algorithm>

#include "store/decodable.h"

namespace mgit {

PackSurvey survey_packs(const ObjectStore& objects) {
  PackSurvey survey;
  for (const std::string& name : objects.packs_on_disk()) {
    const std::filesystem::path path = objects.packs_directory() / name;
    SurveyedPack pack;
    pack.name = name;
    pack.file = std::make_shared<const MappedFile>(path);
    pack.written = std::filesystem::last_write_time(path);
    PackScan scan = scan_pack(pack.file->bytes(), ScanDepth::kHeaders);
    pack.records = std::move(scan.records);
    pack.damage = std::move(scan.damage);
    survey.packs.push_back(std::move(pack));
  }
  // Oldest first, so that what was written together stays together.
  std::ranges::stable_sort(survey.packs, {}, &SurveyedPack::written);
  for (std::size_t i = 0; i < survey.packs.size(); ++i)
    for (std::size_t j = 0; j < survey.packs[i].records.size(); ++j)
      survey.copies[survey.at({i, j}).header.object].push_back({i, j});
  return survey;
}

IndexSurvey survey_index(ObjectStore& objects) {
  IndexSurvey survey;
  for (IndexRow& row : objects.rows()) {
    survey.touched.emplace(row.object, row.touched);
    survey.rows.emplace(row.object, std::move(row.location));
  }
  return survey;
}

bool index_matches(const PackSurvey& survey, const IndexSurvey& index) {
  std::vector<PackEntries> packs;
  for (const SurveyedPack& pack : survey.packs)
    packs.push_back({pack.name, entries_of(pack.records), 0});
  const std::unordered_set<Digest> decodable = decodable_objects(packs);
  std::size_t found = 0;
  for (const PackEntries& pack : packs)
    for (const IndexEntry& entry : pack.entries) {
      const auto row = index.rows.find(entry.object);
      if (row == index.rows.end()) {
        if (decodable.contains(entry.object)) return false;
        continue;
      }
      if (row->second.pack != pack.pack || row->second.offset != entry.offset) continue;
      if (row->second.info.base != entry.info.base || row->second.info.stored != entry.info.stored)
        return false;
      ++found;
    }
  // Packs that were written since the survey are none of this gc's business.
  std::unordered_set<std::string_view> surveyed;
  for (const SurveyedPack& pack : survey.packs) surveyed.insert(pack.name);
  const auto expected = std::ranges::count_if(
      index.rows, [&](const auto& row) { return surveyed.contains(row.second.pack); });
  return static_cast<std::size_t>(expected) == found;
}

Marks mark(const IndexSurvey& index, std::unordered_set<Digest> reachable,
           const NewBases& new_bases, const std::function<bool(const Digest&, Touched)>& is_young) {
  Marks marks;
  marks.reachable = std::move(reachable);
  std::vector<Digest> open;
  const auto keep = [&](const Digest& object) {
    if (index.rows.contains(object) && marks.kept.insert(object).second) open.push_back(object);
  };
  const auto follow = [&] {
    while (!open.empty()) {
      const auto base = index.rows.at(open.back()).info.base;
      const auto new_base = new_bases.find(open.back());
      open.pop_back();
      if (base) keep(*base);
      if (new_base != new_bases.end()) keep(new_base->second);
    }
  };
  for (const Digest& object : marks.reachable) keep(object);
  follow();
  marks.unreachable = index.rows.size() - marks.kept.size();
  for (const auto& [object, touched] : index.touched)
    if (is_young(object, touched)) keep(object);
  follow();
  return marks;
}

}  // namespace mgit
