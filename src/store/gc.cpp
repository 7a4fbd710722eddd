#include "store/gc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "store/decodable.h"
#include "store/pack_writer.h"

namespace mgit {
namespace {

constexpr std::uint64_t kSmallPack = std::uint64_t{64} << 20;
constexpr std::uint64_t kLargestPack = std::uint64_t{2} << 30;
/// A pack is rewritten when one byte in so many is dead.
constexpr std::uint64_t kDeadShare = 8;

struct SurveyedPack {
  std::string name;
  std::shared_ptr<const MappedFile> file;
  std::filesystem::file_time_type written;
  std::vector<ScannedRecord> records;
  std::vector<PackDamage> damage;
  bool damage_is_known = false;  // payloads were looked at, too
  std::uint64_t live = 0;        // bytes of records that stay
  bool goes = false;

  std::uint64_t size() const { return file->bytes().size(); }
  std::uint64_t dead() const { return size() - kPackMagic.size() - live; }
};

struct Source {
  const SurveyedPack* pack = nullptr;
  const ScannedRecord* record = nullptr;
};

class Collector {
 public:
  Collector(const std::filesystem::path& store,
            const std::function<std::unordered_set<Digest>()>& reachable, const GcOptions& options)
      : objects_(store), reachable_(reachable), options_(options) {}

  GcReport run() {
    if (!std::filesystem::exists(objects_.packs_directory())) return {};
    if (std::filesystem::is_symlink(objects_.packs_directory()))
      throw Error("refusing to modify a symlinked packs directory",
                  objects_.packs_directory().string(), "mount the other place here instead");
    const auto alone = StoreLock::collector(objects_.directory());
    if (!alone) throw Error("another gc is at work", objects_.directory().string());
    survey();
    load_rows();
    if (!index_matches()) {
      objects_.rebuild();
      load_rows();
    }
    mark();
    first_touched_ = touched_;
    surveyed_ = true;
    try {
      if (options_.versions && !options_.dry_run) recode();
      plan();
      check_what_goes();
      report_before();
      if (options_.dry_run || (going_.empty() && copied_.empty())) return finish_report();
      write_live();
      swap();
    } catch (...) {
      discard_new_packs();
      throw;
    }
    unlink_old();
    return finish_report();
  }

 private:
  void load_rows() {
    rows_.clear();
    touched_.clear();
    for (IndexRow& row : objects_.rows()) {
      touched_.emplace(row.object, row.touched);
      rows_.emplace(row.object, std::move(row.location));
    }
  }

  void survey() {
    for (const std::string& name : objects_.packs_on_disk()) {
      const std::filesystem::path path = objects_.packs_directory() / name;
      SurveyedPack pack;
      pack.name = name;
      pack.file = std::make_shared<const MappedFile>(path);
      pack.written = std::filesystem::last_write_time(path);
      PackScan scan = scan_pack(pack.file->bytes(), ScanDepth::kHeaders);
      pack.records = std::move(scan.records);
      pack.damage = std::move(scan.damage);
      packs_.push_back(std::move(pack));
    }
    // Oldest first, so that what was written together stays together.
    std::stable_sort(packs_.begin(), packs_.end(),
                     [](const auto& a, const auto& b) { return a.written < b.written; });
    for (const SurveyedPack& pack : packs_)
      for (const ScannedRecord& record : pack.records)
        copies_[record.header.object].push_back({&pack, &record});
  }

  /// What the rows say decides what is dropped, so a damaged index must not be believed: every
  /// record that can be decoded has a row, every row a record, and they agree.
  bool index_matches() const {
    std::size_t found = 0;
    std::vector<PackEntries> packs;
    for (const SurveyedPack& pack : packs_)
      packs.push_back({pack.name, entries_of(pack.records), 0});
    const std::unordered_set<Digest> decodable = decodable_objects(packs);
    for (const SurveyedPack& pack : packs_)
      for (const ScannedRecord& record : pack.records) {
        const auto row = rows_.find(record.header.object);
        if (row == rows_.end() && !decodable.contains(record.header.object)) continue;
        if (row == rows_.end()) return false;
        if (row->second.pack != pack.name || row->second.offset != record.offset) continue;
        const ObjectInfo info = entry_of(record.header, record.offset).info;
        if (row->second.info.base != info.base || row->second.info.stored != info.stored)
          return false;
        ++found;
      }
    // Packs that were written since the survey are none of this gc's business.
    std::unordered_set<std::string_view> surveyed;
    for (const SurveyedPack& pack : packs_) surveyed.insert(pack.name);
    const auto expected = std::count_if(rows_.begin(), rows_.end(), [&](const auto& row) {
      return surveyed.contains(row.second.pack);
    });
    return static_cast<std::size_t>(expected) == found;
  }

  bool changed_since_survey(const Digest& object) const {
    const auto before = first_touched_.find(object);
    return surveyed_ && (before == first_touched_.end() || before->second != touched_.at(object));
  }

  /// Fills kept_ from what is reachable, what is young, what was touched since the survey, and the
  /// bases of all that.
  void mark() {
    reachable_set_ = reachable_();
    kept_.clear();
    unreachable_ = 0;
    std::vector<Digest> open;
    const auto keep = [&](const Digest& object) {
      if (rows_.contains(object) && kept_.insert(object).second) open.push_back(object);
    };
    const auto follow = [&] {
      while (!open.empty()) {
        const auto base = rows_.at(open.back()).info.base;
        const auto new_base = new_bases_.find(open.back());
        open.pop_back();
        if (base) keep(*base);
        if (new_base != new_bases_.end()) keep(new_base->second);
      }
    };
    for (const Digest& object : reachable_set_) keep(object);
    follow();
    unreachable_ = rows_.size() - kept_.size();
    for (const auto& [object, touched] : touched_)
      if (touched >= options_.expire || changed_since_survey(object)) keep(object);
    follow();
  }

  bool is_live(const SurveyedPack& pack, const ScannedRecord& record) const {
    const auto row = rows_.find(record.header.object);
    return row != rows_.end() && row->second.pack == pack.name &&
           row->second.offset == record.offset && kept_.contains(record.header.object) &&
           !new_bases_.contains(record.header.object);
  }

  /// Old records of what is coded anew are dead from then on.
  void recode() {
    std::unordered_map<std::string, std::size_t> order;
    for (const SurveyedPack& pack : packs_) order.emplace(pack.name, order.size());
    const auto place = [&](const Digest& object) {
      const Location& location = rows_.at(object);
      return std::pair(order[location.pack], location.offset);
    };
    std::vector<TensorVersions> tensors = options_.versions();
    std::uint64_t total = 0;
    for (TensorVersions& versions : tensors) {
      std::erase_if(versions.objects,
                    [this](const auto& object) { return !kept_.contains(object); });
      std::ranges::sort(versions.objects, {}, place);
      for (const Digest& object : versions.objects) total += rows_.at(object).info.size;
    }
    Recoder recoder(objects_, rows_);
    for (const TensorVersions& versions : tensors)
      for (std::size_t i = 0; i < versions.objects.size(); ++i) {
        recode(recoder, versions, i);
        if (options_.on_versions)
          options_.on_versions(rows_.at(versions.objects[i]).info.size, total);
      }
    report_.recoded = new_bases_.size();
  }

  void recode(Recoder& recoder, const TensorVersions& versions, std::size_t index) {
    const Digest& object = versions.objects[index];
    if (new_bases_.contains(object)) return;
    const auto recoded = recoder.recode(versions, index);
    if (!recoded) return;
    new_bases_.emplace(object, recoded->header.base);
    append(recoded->header, recoded->payload);
  }

  void plan() {
    std::size_t small = 0;
    for (SurveyedPack& pack : packs_) {
      for (const ScannedRecord& record : pack.records)
        if (is_live(pack, record)) pack.live += record.header.record_size();
      if (pack.size() < kSmallPack) ++small;
    }
    for (SurveyedPack& pack : packs_) {
      const bool much_dead = pack.dead() > 0 && (options_.all_dead || pack.live == 0 ||
                                                 pack.dead() * kDeadShare > pack.size());
      const bool merge = options_.merge_small && pack.size() < kSmallPack && small > 1;
      pack.goes = much_dead || merge;
    }
    drop_other_records();
  }

  /// What is dropped goes with all its records: one that stayed in another pack would bring it back
  /// when the index is made anew.
  void drop_other_records() {
    std::unordered_map<std::string_view, SurveyedPack*> by_name;
    for (SurveyedPack& pack : packs_) by_name.emplace(pack.name, &pack);
    const auto is_dropped = [&](const Digest& object) {
      const auto row = rows_.find(object);
      if (row == rows_.end() || kept_.contains(object)) return false;
      const auto pack = by_name.find(row->second.pack);
      return pack != by_name.end() && pack->second->goes;
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [object, sources] : copies_) {
        if (sources.size() < 2 || !is_dropped(object)) continue;
        for (const Source& source : sources) {
          SurveyedPack& pack = *by_name.at(source.pack->name);
          changed = changed || !pack.goes;
          pack.goes = true;
        }
      }
    }
  }

  /// Nothing is unlinked before every byte of it was looked at. A pack with damage stays as it is,
  /// for whoever may want to repair it, unless nothing is lost with the damage.
  void check_what_goes() {
    for (SurveyedPack& pack : packs_) {
      if (!pack.goes) continue;
      look_at_payloads(pack);
      for (const PackDamage& damage : pack.damage) {
        const auto object = object_at(pack, damage);
        if (object && (!is_wanted(*object) || intact_copy(*object, pack))) continue;
        pack.goes = false;
        report_.notes.push_back(fmt::format(
            "pack {} is left as it is: at offset {} there is a {} of {}", pack.name, damage.offset,
            damage.what, object ? "object " + object->hex() : "an unknown object"));
        break;
      }
    }
    for (const SurveyedPack& pack : packs_)
      if (pack.goes) going_.push_back(pack.name);
    keep_what_stays();
  }

  /// A record in a pack that does not go is found there, needed or not: whoever writes its object
  /// again will rely on it. So its bases stay, too.
  void keep_what_stays() {
    std::vector<Digest> open;
    for (const SurveyedPack& pack : packs_) {
      if (pack.goes) continue;
      for (const ScannedRecord& record : pack.records)
        if (record.header.has_base()) open.push_back(record.header.base);
    }
    while (!open.empty()) {
      const auto row = rows_.find(open.back());
      open.pop_back();
      if (row == rows_.end() || !kept_.insert(row->first).second) continue;
      if (row->second.info.base) open.push_back(*row->second.info.base);
    }
  }

  /// Payloads that are damaged, and records without a row that are wanted nevertheless: their bases
  /// are damaged or lost, and may be had again.
  void look_at_payloads(SurveyedPack& pack) const {
    if (pack.damage_is_known) return;
    for (const ScannedRecord& record : pack.records)
      if (!rows_.contains(record.header.object) && reachable_set_.contains(record.header.object))
        pack.damage.push_back({record.offset, "record without its base", record.header.object});
    for (const ScannedRecord& record : pack.records)
      if (!payload_is_intact(pack.file->bytes(), record))
        pack.damage.push_back({record.offset, "damaged record", record.header.object});
    pack.damage_is_known = true;
  }

  std::optional<Digest> object_at(const SurveyedPack& pack, const PackDamage& damage) const {
    if (damage.object) return damage.object;
    for (const auto& [object, location] : rows_)
      if (location.pack == pack.name && location.offset == damage.offset) return object;
    return std::nullopt;
  }

  bool is_wanted(const Digest& object) const {
    return kept_.contains(object) || reachable_set_.contains(object);
  }

  /// An intact record of the object in another pack.
  std::optional<Source> intact_copy(const Digest& object, const SurveyedPack& damaged) const {
    const auto found = copies_.find(object);
    if (found == copies_.end()) return std::nullopt;
    for (const Source& source : found->second)
      if (source.pack != &damaged && has_its_base(*source.record) &&
          payload_is_intact(source.pack->file->bytes(), *source.record))
        return source;
    return std::nullopt;
  }

  bool has_its_base(const ScannedRecord& record) const {
    return !record.header.has_base() || kept_.contains(record.header.base);
  }

  bool is_damaged(const SurveyedPack& pack, std::uint64_t offset) const {
    return std::any_of(pack.damage.begin(), pack.damage.end(),
                       [&](const PackDamage& damage) { return damage.offset == offset; });
  }

  void write_live() {
    for (const SurveyedPack& pack : packs_) {
      if (!pack.goes) continue;
      for (const ScannedRecord& record : pack.records)
        if (is_live(pack, record) && !is_damaged(pack, record.offset)) copy({&pack, &record});
      for (const PackDamage& damage : pack.damage) {
        const auto object = object_at(pack, damage);
        if (!object || !is_wanted(*object)) continue;
        copy(*intact_copy(*object, pack));
      }
    }
    finish_pack();
  }

  void copy(const Source& source) {
    const RecordHeader& header = source.record->header;
    if (copied_.contains(header.object)) return;
    const Bytes payload = source.pack->file->bytes().subspan(
        source.record->offset + kRecordHeaderSize, header.payload);
    if (append(header, payload) != header.payload_sum)
      throw CorruptError("changed while it was read", "pack " + source.pack->name);
  }

  /// The checksum of what was written.
  std::uint64_t append(RecordHeader header, Bytes payload) {
    if (writer_ && writer_->size() + kRecordHeaderSize + payload.size() > kLargestPack)
      finish_pack();
    if (!writer_) writer_ = std::make_unique<PackWriter>(objects_.packs_directory());
    const std::uint64_t offset = writer_->append(header, std::array{payload});
    entries_.push_back(entry_of(header, offset));
    copied_.insert(header.object);
    return header.payload_sum;
  }

  void finish_pack() {
    if (!writer_) return;
    new_packs_.push_back({writer_->finish(), std::move(entries_), 0});
    entries_.clear();
    writer_.reset();
  }

  /// Nobody writes now. What was read, asked for or committed meanwhile is seen by a second look.
  void swap() {
    lock_ = StoreLock::exclusive(objects_.directory(), options_.patience);
    if (!lock_)
      throw Error("other mgit processes are writing to the store", objects_.directory().string(),
                  "nothing was changed; try again when they are done");
    load_rows();
    mark();
    keep_what_stays();
    for (const SurveyedPack& pack : packs_) {
      if (!pack.goes) continue;
      for (const ScannedRecord& record : pack.records)
        if (is_live(pack, record)) copy({&pack, &record});
    }
    finish_pack();
    for (const auto& [object, location] : rows_)
      if (!copied_.contains(object) && goes(location.pack)) note_dropped(object, location);
    objects_.swap_packs(new_packs_, going_);
  }

  bool goes(const std::string& pack) const {
    return std::binary_search(sorted_going_.begin(), sorted_going_.end(), pack);
  }

  /// The youngest first: a kill in between leaves no record behind whose base, which is older, is
  /// gone.
  void unlink_old() {
    for (auto pack = going_.rbegin(); pack != going_.rend(); ++pack)
      os::remove(objects_.packs_directory() / *pack);
    os::sync_directory(objects_.packs_directory());
  }

  /// The index may know them: a look-up has found them, or the swap failed after all was written.
  /// If it cannot be told, they stay, and the next gc finds everything twice.
  void discard_new_packs() noexcept {
    try {
      std::vector<std::string> packs;
      for (const PackEntries& pack : new_packs_) packs.push_back(pack.pack);
      if (packs.empty()) return;
      objects_.leave_out(packs);
      for (const std::string& pack : packs) os::remove(objects_.packs_directory() / pack);
    } catch (const std::exception&) {
    }
  }

  void report_before() {
    sorted_going_ = going_;
    std::sort(sorted_going_.begin(), sorted_going_.end());
    report_.objects = rows_.size();
    report_.packs_before = packs_.size();
    for (const SurveyedPack& pack : packs_) report_.bytes_before += pack.size();
    report_.bytes_after = report_.bytes_before;
    report_.packs_after = report_.packs_before;
    if (!options_.dry_run) return;
    for (const auto& [object, location] : rows_)
      if (goes(location.pack) && !kept_.contains(object)) note_dropped(object, location);
  }

  void note_dropped(const Digest& object, const Location& location) {
    report_.dropped.push_back(object);
    report_.dropped_bytes += location.info.stored;
  }

  GcReport finish_report() {
    report_.unreachable = unreachable_;
    std::sort(report_.dropped.begin(), report_.dropped.end());
    if (!options_.dry_run) {
      report_.packs_after = 0;
      report_.bytes_after = 0;
      for (const std::string& pack : objects_.packs_on_disk()) {
        ++report_.packs_after;
        report_.bytes_after += std::filesystem::file_size(objects_.packs_directory() / pack);
      }
    }
    return std::move(report_);
  }

  ObjectStore objects_;
  const std::function<std::unordered_set<Digest>()>& reachable_;
  const GcOptions& options_;
  GcReport report_;

  std::unordered_map<Digest, Location> rows_;
  std::unordered_map<Digest, Touched> touched_;
  std::unordered_map<Digest, Touched> first_touched_;  // as of the survey
  bool surveyed_ = false;
  std::unordered_set<Digest> reachable_set_;
  std::unordered_set<Digest> kept_;
  std::size_t unreachable_ = 0;

  std::unordered_map<Digest, Digest> new_bases_;  // of what was coded anew

  std::vector<SurveyedPack> packs_;
  std::unordered_map<Digest, std::vector<Source>> copies_;
  std::vector<std::string> going_;
  std::vector<std::string> sorted_going_;

  std::unique_ptr<PackWriter> writer_;
  std::vector<IndexEntry> entries_;
  std::vector<PackEntries> new_packs_;
  std::unordered_set<Digest> copied_;
  std::unique_ptr<StoreLock> lock_;
};

}  // namespace

GcReport collect_garbage(const std::filesystem::path& store,
                         const std::function<std::unordered_set<Digest>()>& reachable,
                         const GcOptions& options) {
  return Collector(store, reachable, options).run();
}

}  // namespace mgit
