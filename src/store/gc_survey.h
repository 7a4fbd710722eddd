// What a gc knows before it decides: the records of all packs, the index's rows, and which objects
// stay. Values; nothing here writes.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "store/object_store.h"

namespace mgit {

struct SurveyedPack {
  std::string name;
  std::shared_ptr<const MappedFile> file;
  std::filesystem::file_time_type written;
  std::vector<ScannedRecord> records;
  std::vector<PackDamage> damage;  // of headers; payloads are not looked at

  std::uint64_t size() const { return file->bytes().size(); }
};

/// Indices into PackSurvey::packs, and into the records of that pack.
struct RecordPlace {
  std::size_t pack = 0;
  std::size_t record = 0;
};

struct PackSurvey {
  std::vector<SurveyedPack> packs;                              // oldest first
  std::unordered_map<Digest, std::vector<RecordPlace>> copies;  // every record of an object

  const ScannedRecord& at(const RecordPlace& place) const {
    return packs[place.pack].records[place.record];
  }
};

/// Throws Error where a pack cannot be mapped. Touches one page per record.
PackSurvey survey_packs(const ObjectStore& objects);

/// The index at one moment.
struct IndexSurvey {
  std::unordered_map<Digest, Location> rows;
  std::unordered_map<Digest, Touched> touched;
};

IndexSurvey survey_index(ObjectStore& objects);

/// What the rows say decides what is dropped, so a damaged index must not be believed. True if
/// every record that can be decoded has a row, every row a record, and they agree.
bool index_matches(const PackSurvey& packs, const IndexSurvey& index);

/// Which objects stay.
struct Marks {
  std::unordered_set<Digest> reachable;  // may name objects that are not here
  std::unordered_set<Digest> kept;       // rows: what is reachable or young, and the bases of that
  std::size_t unreachable = 0;           // rows that nothing reachable needs
};

/// What a row is based on from now on besides its base: what was coded anew.
using NewBases = std::unordered_map<Digest, Digest>;

/// `is_young` decides about what is not reachable.
Marks mark(const IndexSurvey& index, std::unordered_set<Digest> reachable,
           const NewBases& new_bases, const std::function<bool(const Digest&, Touched)>& is_young);

}  // namespace mgit
