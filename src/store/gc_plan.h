// Which packs a gc writes anew, decided from what it has surveyed. Reads payloads; writes nothing.
#pragma once

#include "store/gc.h"
#include "store/gc_survey.h"

namespace mgit {

/// What a gc knows when it plans, and once more when it swaps.
struct GcView {
  PackSurvey packs;
  IndexSurvey index;
  Marks marks;
  NewBases new_bases;  // objects written anew already: their old records are dead

  /// The record that stands for an object that stays.
  bool is_live(const RecordPlace& place) const;
  bool is_wanted(const Digest& object) const {
    return marks.kept.contains(object) || marks.reachable.contains(object);
  }
};

struct GcPlan {
  std::vector<bool> goes;                       // for each pack of the survey
  std::vector<std::vector<PackDamage>> damage;  // of packs that go, payloads and all
  std::vector<RecordPlace> stand_ins;           // intact records for wanted damaged ones
  std::vector<std::string> notes;               // one line for each pack left alone, and why

  /// Names, oldest first.
  std::vector<std::string> going(const PackSurvey& packs) const;
  bool is_damaged(std::size_t pack, std::uint64_t offset) const;
};

/// A pack goes if enough of it is dead (options.all_dead: anything), or to be put together with
/// other small ones; what is dropped goes with all its records. A pack with damage stays as it is,
/// for whoever may want to repair it, unless nothing is lost with the damage: nothing is unlinked
/// before every byte of it was looked at.
GcPlan plan_gc(const GcView& view, const GcOptions& options);

/// A record in a pack that does not go is found there, needed or not, and whoever writes its object
/// again will rely on it. So its bases stay, too: they are added to view.marks.kept.
void keep_bases_of_what_stays(const GcPlan& plan, GcView& view);

}  // namespace mgit
