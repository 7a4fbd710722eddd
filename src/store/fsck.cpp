#include "store/fsck.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "base/threads.h"
#include "store/decodable.h"

namespace mgit {
namespace {

constexpr int kDeepest = 32;  // of chains of bases
constexpr int kAttempts = 5;  // packs may come and go while they are looked at
constexpr const char* kDatabase = "objects.db";

struct CheckedPack {
  std::string name;
  bool there = true;
  PackScan scan;
  std::string unreadable;  // why, if it is
};

/// One look at a store; void if packs changed meanwhile.
class Checker {
 public:
  Checker(const std::filesystem::path& store, FsckDepth depth) : objects_(store), depth_(depth) {}

  /// False if it has to be done again.
  bool run() {
    if (!std::filesystem::exists(objects_.packs_directory())) return true;
    const std::vector<std::string> names = objects_.packs_on_disk();
    read_index();
    if (objects_.packs_on_disk() != names) return false;
    scan(names);
    if (objects_.packs_on_disk() != names) return false;
    report_links();
    report_packs();
    compare_index();
    follow_bases();
    if (depth_ == FsckDepth::kContents && !read_contents()) return false;
    count();
    return true;
  }
  StoreCheck take() { return std::move(check_); }

 private:
  void problem(std::string what, std::optional<Digest> object = {}, std::string pack = {},
               std::uint64_t offset = 0) {
    check_.problems.push_back({object, std::move(pack), offset, std::move(what)});
  }

  /// Without the healing that ObjectStore does.
  void read_index() {
    const std::filesystem::path path = objects_.directory() / kDatabase;
    if (!std::filesystem::exists(path) || ::access(objects_.directory().c_str(), W_OK) != 0) return;
    try {
      Index index(path);
      for (const std::string& line : index.damage()) problem("damaged object index: " + line);
      index.look([&] {
        for (std::string& pack : index.packs()) indexed_packs_.insert(std::move(pack));
        rows_ = index.rows();
        if (rows_.size() != index.list().size())
          problem("damaged object index: rows of packs that it does not list");
      });
      indexed_ = true;
    } catch (const IndexDamaged& damage) {
      problem(std::string("damaged object index: ") + damage.what());
    } catch (const IndexUnavailable& error) {
      problem(std::string("cannot read the ") + error.what());
    }
  }

  void scan(const std::vector<std::string>& names) {
    packs_.resize(names.size());
    parallel_for(names.size(), [&](std::size_t i) {
      packs_[i].name = names[i];
      try {
        const MappedFile file(objects_.packs_directory() / names[i]);
        packs_[i].scan =
            scan_pack(file.bytes(),
                      depth_ == FsckDepth::kHeaders ? ScanDepth::kHeaders : ScanDepth::kPayloads);
      } catch (const Error& error) {
        packs_[i].unreadable = error.what();
      }
    });
  }

  void report_links() {
    for (const auto& entry : std::filesystem::directory_iterator(objects_.packs_directory()))
      if (entry.is_symlink())
        problem("is a symbolic link and not read", {}, entry.path().filename().string());
    if (std::filesystem::is_symlink(objects_.packs_directory()))
      problem("packs/ is a symbolic link: it is read, but nothing is written or collected there");
  }

  void report_packs() {
    for (const CheckedPack& pack : packs_) {
      if (!pack.unreadable.empty()) problem(pack.unreadable, {}, pack.name);
      for (const PackDamage& damage : pack.scan.damage) {
        const auto object = damage.object ? damage.object : indexed_at(pack.name, damage.offset);
        problem(damage.what, object, pack.name, damage.offset);
      }
    }
    choose_records();
  }

  /// One for each object, if there is any, that can be decoded.
  void choose_records() {
    std::vector<PackEntries> packs;
    std::unordered_map<std::string, const CheckedPack*> by_name;
    for (const CheckedPack& pack : packs_) {
      packs.push_back({pack.name, entries_of(pack.scan.records), 0});
      by_name.emplace(pack.name, &pack);
    }
    for (const auto& layer : decodable_layers(packs))
      for (const PackEntries& pack : layer)
        for (const IndexEntry& entry : pack.entries) {
          const auto& records = by_name.at(pack.pack)->scan.records;
          const auto record =
              std::ranges::lower_bound(records, entry.offset, {}, &ScannedRecord::offset);
          records_.try_emplace(entry.object, record->header);
          decodable_.insert(entry.object);
        }
    for (const CheckedPack& pack : packs_)
      for (const ScannedRecord& record : pack.scan.records)
        records_.try_emplace(record.header.object, record.header);
  }

  bool packs_are_damaged() const {
    return std::ranges::any_of(packs_, [](const CheckedPack& pack) {
      return !pack.unreadable.empty() || !pack.scan.damage.empty();
    });
  }

  std::optional<Digest> indexed_at(const std::string& pack, std::uint64_t offset) const {
    for (const IndexRow& row : rows_)
      if (row.location.pack == pack && row.location.offset == offset) return row.object;
    return std::nullopt;
  }

  /// Every row has its record, every record of a pack that the index knows has a row.
  void compare_index() {
    if (!indexed_) return;
    std::unordered_map<std::string, const CheckedPack*> by_name;
    for (const CheckedPack& pack : packs_) by_name.emplace(pack.name, &pack);
    for (const std::string& pack : indexed_packs_)
      if (!by_name.contains(pack)) problem("the object index lists a pack that is gone", {}, pack);

    std::unordered_map<std::string, std::vector<const IndexRow*>> rows;
    std::unordered_set<Digest> indexed;
    for (const IndexRow& row : rows_) {
      rows[row.location.pack].push_back(&row);
      indexed.insert(row.object);
      if (row.touched <= 0 || row.touched > now_touched() + kClockSkew)
        problem("damaged object index: an impossible time", row.object);
    }
    for (const CheckedPack& pack : packs_) {
      std::unordered_map<std::uint64_t, const RecordHeader*> at;
      for (const ScannedRecord& record : pack.scan.records)
        at.emplace(record.offset, &record.header);
      for (const IndexRow* row : rows[pack.name]) compare_row(*row, at, pack);
      if (!indexed_packs_.contains(pack.name)) continue;
      for (const ScannedRecord& record : pack.scan.records)
        if (!indexed.contains(record.header.object) && decodable_.contains(record.header.object))
          problem("the object index lacks this record", record.header.object, pack.name,
                  record.offset);
    }
  }

  void compare_row(const IndexRow& row,
                   const std::unordered_map<std::uint64_t, const RecordHeader*>& at,
                   const CheckedPack& pack) {
    const std::uint64_t offset = row.location.offset;
    const auto found = at.find(offset);
    if (found == at.end()) {
      const auto& damage = pack.scan.damage;
      const bool said = std::any_of(damage.begin(), damage.end(), [&](const PackDamage& d) {
        return d.offset == offset || (d.object && *d.object == row.object);
      });
      if (!said)
        problem("the object index points to where no record is", row.object, pack.name, offset);
      return;
    }
    const ObjectInfo info = entry_of(*found->second, offset).info;
    const ObjectInfo& said = row.location.info;
    if (found->second->object != row.object || info.size != said.size ||
        info.stored != said.stored || info.encoding != said.encoding || info.base != said.base)
      problem("the object index and the record do not agree", row.object, pack.name, offset);
  }

  static std::optional<Digest> base_of(const RecordHeader& header) {
    return entry_of(header, 0).info.base;
  }

  /// An object is readable if its record is sound and its base is, at most kDeepest down. In packs
  /// without damage what lacks its base was left by a gc that was killed, and counts as not here.
  void follow_bases() {
    const bool damaged = packs_are_damaged();
    for (const auto& [object, header] : records_) {
      if (!damaged && !decodable_.contains(object)) continue;
      const RecordHeader* at = &header;
      int depth = 0;
      std::string wrong;
      while (const auto base = base_of(*at)) {
        const auto below = records_.find(*base);
        if (++depth > kDeepest)
          wrong = "a chain of bases too long, or a cycle";
        else if (below == records_.end())
          wrong = fmt::format("its base {} is damaged or not here", base->hex());
        else if (below->second.size != header.size && header.encoding == Encoding::kView)
          wrong = "a view of an object of another size";
        if (!wrong.empty()) break;
        at = &below->second;
      }
      if (wrong.empty())
        check_.readable.insert(object);
      else
        problem(wrong, object);
    }
  }

  bool read_contents() {
    const std::vector<Digest> objects(check_.readable.begin(), check_.readable.end());
    std::vector<std::string> wrong(objects.size());
    std::atomic<bool> moved = false;
    parallel_for(objects.size(), [&](std::size_t i) {
      try {
        objects_.stream(objects_.record(objects[i]), [](Bytes) {});
      } catch (const MissingError&) {
        moved = true;
      } catch (const Error& error) {
        wrong[i] = fmt::format("{} ({})", error.what(), error.where());
      }
    });
    for (std::size_t i = 0; i < objects.size(); ++i) {
      if (wrong[i].empty()) continue;
      check_.readable.erase(objects[i]);
      problem(wrong[i], objects[i]);
    }
    return !moved;
  }

  void count() {
    std::unordered_set<Digest> all;
    for (const IndexRow& row : rows_) all.insert(row.object);
    for (const auto& [object, header] : records_) {
      all.insert(object);
      check_.bytes += header.size;
    }
    check_.objects = all.size();
  }

  static constexpr Touched kClockSkew = Touched{86'400} * 1'000'000;

  ObjectStore objects_;
  const FsckDepth depth_;
  StoreCheck check_;
  bool indexed_ = false;
  std::vector<IndexRow> rows_;
  std::unordered_set<std::string> indexed_packs_;
  std::vector<CheckedPack> packs_;
  std::unordered_map<Digest, RecordHeader> records_;  // sound ones, one per object
  std::unordered_set<Digest> decodable_;              // of them
};

}  // namespace

std::string StoreProblem::line() const {
  std::string place;
  const auto add = [&](const std::string& part) { place += (place.empty() ? "" : ", ") + part; };
  if (object) add("object " + object->hex());
  if (!pack.empty()) add(fmt::format("pack {}, offset {}", pack, offset));
  return place.empty() ? what : place + ": " + what;
}

StoreCheck check_store(const std::filesystem::path& store, FsckDepth depth) {
  for (int attempt = 1;; ++attempt) {
    Checker checker(store, depth);
    if (checker.run() || attempt == kAttempts) return checker.take();
  }
}

FsckReport ObjectStore::fsck() {
  const StoreCheck check = check_store(directory_, FsckDepth::kContents);
  FsckReport report{check.objects, check.bytes, {}};
  for (const StoreProblem& problem : check.problems) report.problems.push_back(problem.line());
  return report;
}

}  // namespace mgit
