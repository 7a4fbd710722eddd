#include "store/object_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/shared_permissions.h"
#include "base/threads.h"
#include "coding/checksum.h"
#include "store/decodable.h"

namespace mgit {
namespace {

constexpr std::size_t kMaximumMapped = 512;
constexpr std::string_view kPackSuffix = ".pack";
constexpr auto kClockGrain = std::chrono::milliseconds(100);  // of file times, generously

constexpr const char* kFreshened = "freshened";

Touched written_at(const std::filesystem::path& pack, Touched otherwise) {
  struct stat status {};
  if (::stat(pack.c_str(), &status) != 0) return otherwise;
  return Touched{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1000;
}

void verify(const Record& record, const Digest& found) {
  if (found != record.header.object)
    corrupt(record, "damaged object: its content is not what its name says");
}

[[noreturn]] void fail_missing(const Digest& object) {
  throw MissingError("no such object in the store", "object " + object.hex(),
                     "fetch it from where it was pushed, or add its checkpoint again");
}

}  // namespace

IndexEntry entry_of(const RecordHeader& header, std::uint64_t offset) {
  ObjectInfo info{header.size, header.record_size(), header.encoding, std::nullopt};
  if (header.has_base()) info.base = header.base;
  return {header.object, offset, info};
}

std::vector<IndexEntry> entries_of(const std::vector<ScannedRecord>& records) {
  std::vector<IndexEntry> entries;
  for (const ScannedRecord& record : records)
    entries.push_back(entry_of(record.header, record.offset));
  return entries;
}

ObjectStore::ObjectStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

template <typename Action>
auto ObjectStore::with_index(const Action& action) {
  const std::lock_guard lock(mutex_);
  try {
    return action(open_index());
  } catch (const IndexDamaged&) {
    remove_index();
  }
  try {
    return action(open_index());
  } catch (const IndexDamaged& damage) {
    throw CorruptError(std::string("cannot rebuild the object index: ") + damage.what(),
                       directory_.string());
  }
}

/// Reading must go on where the index cannot: on a full disk SQLite opens no file. What only the
/// index knows, when an object was touched, is no matter for look-ups.
template <typename Action>
auto ObjectStore::look_up(const Action& action) {
  {
    const std::lock_guard lock(mutex_);
    if (stand_in_) return action(*stand_in_);
  }
  try {
    return with_index(action);
  } catch (const IndexUnavailable&) {
  }
  const std::lock_guard lock(mutex_);
  if (!stand_in_) {
    stand_in_ = Index::copy_of(directory_ / "objects.db");
    listed_.reset();
  }
  return action(*stand_in_);
}

Index& ObjectStore::open_index() {
  if (!index_) {
    // A store that may not be written (another user's remote, a read-only mount).
    index_ = is_writable() ? std::make_unique<Index>(directory_ / "objects.db")
                           : Index::copy_of(directory_ / "objects.db");
    listed_.reset();
  }
  return *index_;
}

bool ObjectStore::is_writable() const { return ::access(directory_.c_str(), W_OK) == 0; }

void ObjectStore::remove_index() {
  index_.reset();
  if (!is_writable()) return;
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(directory_ / (std::string("objects.db") + suffix));
}

std::vector<std::string> ObjectStore::packs_on_disk() const {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(packs_directory(), ignored))
    if (entry.path().extension() == kPackSuffix && !entry.is_symlink())
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Brings the index in line with the directory: packs that a killed process renamed but did not
/// index, packs that are gone. True if anything changed.
bool ObjectStore::index_new_packs(Index& index) {
  std::error_code error;
  const auto changed = std::filesystem::last_write_time(packs_directory(), error);
  if (error) return false;
  if (listed_ == changed) return false;
  // Two changes within one tick of the clock look alike, so a fresh time proves nothing yet.
  const auto now = std::filesystem::file_time_type::clock::now();
  const bool settled = now - changed > kClockGrain;
  const bool news = index_packs(index, packs_on_disk());
  if (settled) listed_ = changed;
  return news;
}

bool ObjectStore::index_packs(Index& index, const std::vector<std::string>& present) {
  const std::vector<std::string> known = index.packs();
  std::vector<std::string> added;
  std::vector<std::string> gone;
  std::set_difference(present.begin(), present.end(), known.begin(), known.end(),
                      std::back_inserter(added));
  std::set_difference(known.begin(), known.end(), present.begin(), present.end(),
                      std::back_inserter(gone));
  if (added.empty() && gone.empty()) return false;
  std::vector<std::string> others;
  if (!gone.empty())
    std::set_intersection(present.begin(), present.end(), known.begin(), known.end(),
                          std::back_inserter(others));
  const auto add = [&](const std::vector<PackEntries>& packs, Index::Conflict conflict) {
    const auto is_row = [&](const Digest& base) { return index.find(base).has_value(); };
    for (const auto& layer : decodable_layers(packs, is_row))
      for (const PackEntries& pack : layer)
        index.add_pack(pack.pack, pack.entries, conflict, pack.written);
  };
  const auto read_added = read_packs(std::move(added));
  const auto read_others = read_packs(std::move(others));
  index.change([&] {
    index.remove_packs(gone);
    if (!gone.empty()) index.remove_baseless();
    for (const PackEntries& pack : read_added)  // also one without records to be had
      index.add_pack(pack.pack, {}, Index::Conflict::kOldStays, 0);
    // What lay in a pack that is gone may lie in another one, too; it may be the base of what was
    // added, or that of it.
    add(read_others, Index::Conflict::kOldStays);
    add(read_added, Index::Conflict::kPlainReplacesOld);
    if (!gone.empty()) add(read_others, Index::Conflict::kOldStays);
  });
  return true;
}

/// In the order they were written, so that an index made anew equals the one that grew.
std::vector<PackEntries> ObjectStore::read_packs(std::vector<std::string> names) const {
  std::stable_sort(names.begin(), names.end(), [this](const auto& a, const auto& b) {
    std::error_code ignored;
    return std::filesystem::last_write_time(packs_directory() / a, ignored) <
           std::filesystem::last_write_time(packs_directory() / b, ignored);
  });
  std::vector<PackEntries> packs(names.size());
  const Touched freshened = written_at(directory_ / kFreshened, 0);
  parallel_for(names.size(), [&](std::size_t i) {
    const std::filesystem::path path = packs_directory() / names[i];
    packs[i] = {names[i], entries_of(scan_pack(MappedFile(path).bytes()).records),
                std::max(written_at(path, now_touched()), freshened)};
  });
  return packs;
}

std::shared_ptr<const MappedFile> ObjectStore::map_pack(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto known = mapped_.find(name); known != mapped_.end()) return known->second;
  if (mapped_.size() >= kMaximumMapped) mapped_.clear();
  return mapped_[name] = std::make_shared<const MappedFile>(packs_directory() / name);
}

/// Where the index says, if the pack is still there. That it is mapped proves nothing: gc may have
/// dropped it since.
std::optional<Location> ObjectStore::locate_in(Index& index, const Digest& object) {
  auto location = index.find(object);
  if (location && std::filesystem::exists(packs_directory() / location->pack)) return location;
  if (location) listed_.reset();
  return index_new_packs(index) ? index.find(object) : std::nullopt;
}

std::optional<Location> ObjectStore::locate(const Digest& object) {
  if (!std::filesystem::exists(packs_directory())) return std::nullopt;
  return look_up([&](Index& index) { return locate_in(index, object); });
}

std::vector<Digest> ObjectStore::lacking(std::span<const Digest> objects) {
  if (!std::filesystem::exists(packs_directory())) return {objects.begin(), objects.end()};
  return look_up([&](Index& index) {
    std::vector<Digest> absent;
    std::unordered_map<std::string, bool> there;
    index.look([&] {
      for (const Digest& object : objects) {
        const auto location = index.find(object);
        const auto present = [&] {
          const auto [known, added] = there.try_emplace(location->pack);
          if (added) known->second = std::filesystem::exists(packs_directory() / location->pack);
          return known->second;
        };
        if (!location || !present()) absent.push_back(object);
      }
    });
    std::erase_if(absent, [&](const Digest& object) { return locate_in(index, object); });
    return absent;
  });
}

std::vector<TravellingRecord> ObjectStore::records_of(std::span<const Digest> objects) {
  std::vector<TravellingRecord> records;
  std::unordered_set<Digest> seen;
  for (const Digest& object : objects) {
    std::vector<TravellingRecord> chain;
    for (std::optional<Digest> at = object; at && seen.insert(*at).second;) {
      const auto location = locate(*at);
      if (!location) fail_missing(*at);
      chain.push_back({*at, location->info.base, location->info.stored});
      at = location->info.base;
    }
    records.insert(records.end(), chain.rbegin(), chain.rend());
  }
  return records;
}

std::vector<Digest> ObjectStore::list() {
  if (!std::filesystem::exists(packs_directory())) return {};
  return look_up([&](Index& index) {
    index_new_packs(index);
    return index.list();
  });
}

void ObjectStore::begin_writing() {
  const std::lock_guard lock(mutex_);
  if (!writing_) writing_ = StoreLock::shared(directory_);
}

/// Which objects were freshened is known to the index alone, when any last was to this file's time:
/// an index made anew takes them all to be that young, and gc drops nothing too early.
void ObjectStore::stamp_freshened() {
  const std::filesystem::path path = directory_ / kFreshened;
  const os::File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (file.fd() < 0 || ::futimens(file.fd(), nullptr) != 0)
    throw Error(std::string("cannot write: ") + std::strerror(errno), path.string());
  adjust_permissions(path);
}

void ObjectStore::add_pack(const std::string& pack, std::span<const IndexEntry> entries,
                           std::span<const Digest> relied_on) {
  if (!relied_on.empty()) stamp_freshened();
  with_index([&](Index& index) {
    index.change([&] {
      const Touched now = now_touched();
      index.add_pack(pack, entries, Index::Conflict::kPlainReplacesOld, now);
      index.touch(relied_on, now);
    });
  });
}

void ObjectStore::touch(std::span<const Digest> objects) {
  stamp_freshened();
  with_index([&](Index& index) { index.change([&] { index.touch(objects, now_touched()); }); });
}

std::vector<IndexRow> ObjectStore::rows() {
  if (!std::filesystem::exists(packs_directory())) return {};
  return with_index([&](Index& index) {
    listed_.reset();
    index_new_packs(index);
    return index.rows();
  });
}

void ObjectStore::swap_packs(std::span<const PackEntries> added,
                             std::span<const std::string> removed) {
  with_index([&](Index& index) {
    index.change([&] {
      for (const PackEntries& pack : added)
        index.add_pack(pack.pack, pack.entries, Index::Conflict::kMove, now_touched());
      index.remove_packs(removed);
    });
    for (const std::string& pack : removed) mapped_.erase(pack);
  });
}

void ObjectStore::leave_out(std::span<const std::string> packs) {
  with_index([&](Index& index) {
    std::vector<std::string> present = packs_on_disk();
    std::erase_if(present, [&](const std::string& pack) {
      return std::find(packs.begin(), packs.end(), pack) != packs.end();
    });
    listed_.reset();
    index_packs(index, present);
  });
}

void ObjectStore::rebuild() {
  if (!std::filesystem::exists(directory_)) return;
  const std::lock_guard lock(mutex_);
  remove_index();
  stand_in_.reset();
  mapped_.clear();
  index_new_packs(open_index());
}

/// gc may move an object into another pack between the look-up and the opening of the old one.
Record ObjectStore::record(const Digest& object) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    const auto location = locate(object);
    if (!location) fail_missing(object);
    try {
      return record_at(object, *location);
    } catch (const MissingError&) {
      if (attempt == kAttempts) throw;
    }
  }
}

Record ObjectStore::record_at(const Digest& object, const Location& location) {
  Record record;
  record.place =
      fmt::format("object {}, pack {}, offset {}", object.hex(), location.pack, location.offset);
  record.pack = map_pack(location.pack);
  const Bytes pack = record.pack->bytes();
  const auto header =
      location.offset <= pack.size() ? decode_header(pack.subspan(location.offset)) : std::nullopt;
  if (!header || header->object != object) corrupt(record, "damaged or lost record");
  record.header = *header;
  if (header->payload > pack.size() - location.offset - kRecordHeaderSize)
    corrupt(record, "truncated record");
  record.payload = pack.subspan(location.offset + kRecordHeaderSize, header->payload);
  return record;
}

FindRecord ObjectStore::bases() {
  return [this](const Digest& base) { return record(base); };
}

std::unique_ptr<ObjectFrames> ObjectStore::frames(const Record& object) {
  check_chain(object, bases());
  return chain_frames(object, bases());
}

std::unique_ptr<ObjectFrames> ObjectStore::checked_frames(const Digest& object) {
  const Record top = record(object);
  check_chain(top, bases());
  for (Record at = top;; at = record(at.header.base)) {
    if (checksum(at.payload) != at.header.payload_sum) corrupt(at, "damaged record");
    if (!at.header.has_base()) break;
  }
  return chain_frames(top, bases());
}

Buffer ObjectStore::read(const Record& object) {
  const auto found = frames(object);
  Buffer data(object.header.size);
  read_frames(*found, data);
  verify(object, sha256(data));
  return data;
}

void ObjectStore::read_into(const Record& object, std::span<std::byte> out) {
  if (out.size() != object.header.size)
    corrupt(object, fmt::format("object of {} bytes where {} are expected", object.header.size,
                                out.size()));
  read_frames(*frames(object), out);
  verify(object, sha256(out));
}

namespace {

/// Hands on pieces one later than it gets them, so that the last can wait for the verdict.
class VerifiedStream {
 public:
  explicit VerifiedStream(const std::function<void(Bytes)>& sink) : sink_(sink) {}
  /// The piece is exchanged for the one before.
  void take(Buffer& piece) {
    hash_.update(piece);
    if (!held_.empty()) sink_(held_);
    held_.swap(piece);
  }
  void finish(const Record& record) {
    verify(record, hash_.finish());
    if (!held_.empty()) sink_(held_);
  }

 private:
  const std::function<void(Bytes)>& sink_;
  Sha256 hash_;
  Buffer held_;
};

}  // namespace

void ObjectStore::stream(const Record& object, const std::function<void(Bytes)>& sink) {
  const auto found = frames(object);
  VerifiedStream out(sink);
  std::vector<Buffer> decoded(4 * thread_count());
  ordered_for(
      found->frames(), decoded.size(),
      [&](std::size_t i, std::size_t slot) {
        decoded[slot].resize(found->frame_size(i));
        const Bytes bytes = found->frame(i, decoded[slot]);
        if (bytes.data() != decoded[slot].data())
          std::copy(bytes.begin(), bytes.end(), decoded[slot].begin());
      },
      [&](std::size_t, std::size_t slot) { out.take(decoded[slot]); });
  out.finish(object);
}

}  // namespace mgit
