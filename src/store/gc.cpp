#include "store/gc.h"

#include <algorithm>
#include <array>

#include "store/gc_plan.h"
#include "store/pack_writer.h"

namespace mgit {
namespace {

constexpr std::uint64_t kLargestPack = std::uint64_t{2} << 30;

/// Writes new packs, each object once. What is not swapped in is discarded by the owner.
class PackCopier {
 public:
  explicit PackCopier(const ObjectStore& objects) : objects_(objects) {}

  void copy(const PackSurvey& packs, const RecordPlace& place) {
    const ScannedRecord& record = packs.at(place);
    if (copied_.contains(record.header.object)) return;
    const SurveyedPack& pack = packs.packs[place.pack];
    const Bytes payload =
        pack.file->bytes().subspan(record.offset + kRecordHeaderSize, record.header.payload);
    if (append(record.header, payload) != record.header.payload_sum)
      throw CorruptError("changed while it was read", "pack " + pack.name);
  }

  /// The checksum of what was written.
  std::uint64_t append(RecordHeader header, Bytes payload) {
    if (writer_ && writer_->size() + kRecordHeaderSize + payload.size() > kLargestPack) finish();
    if (!writer_) writer_ = std::make_unique<PackWriter>(objects_.packs_directory());
    const std::uint64_t offset = writer_->append(header, std::array{payload});
    entries_.push_back(entry_of(header, offset));
    copied_.insert(header.object);
    return header.payload_sum;
  }

  /// What was written is durable.
  void finish() {
    if (!writer_) return;
    packs_.push_back({writer_->finish(), std::move(entries_), 0});
    entries_.clear();
    writer_.reset();
  }

  bool empty() const { return copied_.empty(); }
  bool has(const Digest& object) const { return copied_.contains(object); }
  const std::vector<PackEntries>& packs() const { return packs_; }

 private:
  const ObjectStore& objects_;
  std::unique_ptr<PackWriter> writer_;
  std::vector<IndexEntry> entries_;
  std::vector<PackEntries> packs_;
  std::unordered_set<Digest> copied_;
};

/// One gc, for one thread: survey, plan, copy, and, with writers held off, a second look and the
/// swap. After a failure the store has what it had.
class Collector {
 public:
  Collector(const std::filesystem::path& store,
            const std::function<std::unordered_set<Digest>()>& reachable, const GcOptions& options)
      : objects_(store), reachable_(reachable), options_(options), copier_(objects_) {}

  GcReport run() {
    if (!std::filesystem::exists(objects_.packs_directory())) return {};
    if (std::filesystem::is_symlink(objects_.packs_directory()))
      throw Error("refusing to modify a symlinked packs directory",
                  objects_.packs_directory().string(), "mount the other place here instead");
    const auto alone = StoreLock::collector(objects_.directory());
    if (!alone) throw Error("another gc is at work", objects_.directory().string());
    survey();
    try {
      if (options_.versions && !options_.dry_run) recode();
      plan_ = plan_gc(view_, options_);
      keep_bases_of_what_stays(plan_, view_);
      going_ = plan_.going(view_.packs);
      report_before();
      if (options_.dry_run || (going_.empty() && copier_.empty())) return finish_report();
      copy_live();
      swap();
    } catch (...) {
      discard_new_packs();
      throw;
    }
    unlink_old();
    return finish_report();
  }

 private:
  void survey() {
    view_.packs = survey_packs(objects_);
    view_.index = survey_index(objects_);
    if (!index_matches(view_.packs, view_.index)) {
      objects_.rebuild();
      view_.index = survey_index(objects_);
    }
    view_.marks =
        mark(view_.index, reachable_(), view_.new_bases,
             [this](const Digest&, Touched touched) { return touched >= options_.expire; });
  }

  /// Also what was asked for or written since the survey is young.
  void look_again() {
    const IndexSurvey before = std::move(view_.index);
    view_.index = survey_index(objects_);
    view_.marks = mark(view_.index, reachable_(), view_.new_bases,
                       [&](const Digest& object, Touched touched) {
                         const auto old = before.touched.find(object);
                         return touched >= options_.expire || old == before.touched.end() ||
                                old->second != touched;
                       });
    keep_bases_of_what_stays(plan_, view_);
  }

  /// Old records of what is coded anew are dead from then on.
  void recode() {
    const std::unordered_map<Digest, Location>& rows = view_.index.rows;
    std::unordered_map<std::string, std::size_t> order;
    for (const SurveyedPack& pack : view_.packs.packs) order.emplace(pack.name, order.size());
    const auto place = [&](const Digest& object) {
      const Location& location = rows.at(object);
      return std::pair(order[location.pack], location.offset);
    };
    std::vector<TensorVersions> tensors = options_.versions();
    std::uint64_t total = 0;
    for (TensorVersions& versions : tensors) {
      std::erase_if(versions.objects,
                    [this](const auto& object) { return !view_.marks.kept.contains(object); });
      std::ranges::sort(versions.objects, {}, place);
      for (const Digest& object : versions.objects) total += rows.at(object).info.size;
    }
    Recoder recoder(objects_, rows);
    for (const TensorVersions& versions : tensors)
      for (std::size_t i = 0; i < versions.objects.size(); ++i) {
        recode(recoder, versions, i);
        if (options_.on_versions)
          options_.on_versions(rows.at(versions.objects[i]).info.size, total);
      }
    report_.recoded = view_.new_bases.size();
  }

  void recode(Recoder& recoder, const TensorVersions& versions, std::size_t index) {
    const Digest& object = versions.objects[index];
    if (view_.new_bases.contains(object)) return;
    const auto recoded = recoder.recode(versions, index);
    if (!recoded) return;
    view_.new_bases.emplace(object, recoded->header.base);
    copier_.append(recoded->header, recoded->payload);
  }

  template <typename Action>
  void each_live_record_that_goes(const Action& action) {
    for (std::size_t i = 0; i < plan_.goes.size(); ++i) {
      if (!plan_.goes[i]) continue;
      for (std::size_t j = 0; j < view_.packs.packs[i].records.size(); ++j)
        if (view_.is_live({i, j})) action(RecordPlace{i, j});
    }
  }

  void copy_live() {
    each_live_record_that_goes([&](const RecordPlace& place) {
      if (!plan_.is_damaged(place.pack, view_.packs.at(place).offset))
        copier_.copy(view_.packs, place);
    });
    for (const RecordPlace& place : plan_.stand_ins) copier_.copy(view_.packs, place);
    copier_.finish();
  }

  /// Nobody writes now. What was read, asked for or committed meanwhile is seen by a second look.
  void swap() {
    lock_ = StoreLock::exclusive(objects_.directory(), options_.patience);
    if (!lock_)
      throw Error("other mgit processes are writing to the store", objects_.directory().string(),
                  "nothing was changed; try again when they are done");
    look_again();
    each_live_record_that_goes([&](const RecordPlace& place) { copier_.copy(view_.packs, place); });
    copier_.finish();
    note_dropped([this](const Digest& object) { return copier_.has(object); });
    objects_.swap_packs(copier_.packs(), going_);
  }

  /// The youngest first: a kill in between leaves few records behind whose bases, which are older,
  /// are gone.
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
      for (const PackEntries& pack : copier_.packs()) packs.push_back(pack.pack);
      if (packs.empty()) return;
      objects_.leave_out(packs);
      for (const std::string& pack : packs) os::remove(objects_.packs_directory() / pack);
    } catch (const std::exception&) {
    }
  }

  void report_before() {
    report_.objects = view_.index.rows.size();
    report_.unreachable = view_.marks.unreachable;
    report_.packs_before = view_.packs.packs.size();
    for (const SurveyedPack& pack : view_.packs.packs) report_.bytes_before += pack.size();
    report_.bytes_after = report_.bytes_before;
    report_.packs_after = report_.packs_before;
    report_.notes = plan_.notes;
    if (options_.dry_run)
      note_dropped([this](const Digest& object) { return view_.marks.kept.contains(object); });
  }

  void note_dropped(const std::function<bool(const Digest&)>& stays) {
    const std::unordered_set<std::string> going(going_.begin(), going_.end());
    for (const auto& [object, location] : view_.index.rows) {
      if (!going.contains(location.pack) || stays(object)) continue;
      report_.dropped.push_back(object);
      report_.dropped_bytes += location.info.stored;
    }
    std::ranges::sort(report_.dropped);
  }

  GcReport finish_report() {
    if (!options_.dry_run) {
      report_.unreachable = view_.marks.unreachable;
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
  GcView view_;
  GcPlan plan_;
  std::vector<std::string> going_;  // packs, oldest first
  PackCopier copier_;
  std::unique_ptr<StoreLock> lock_;
  GcReport report_;
};

}  // namespace

GcReport collect_garbage(const std::filesystem::path& store,
                         const std::function<std::unordered_set<Digest>()>& reachable,
                         const GcOptions& options) {
  return Collector(store, reachable, options).run();
}

}  // namespace mgit
