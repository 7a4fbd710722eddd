// What is behind Store: packs, their index, and how an object is read from them.
//
// Safe to use from several threads: the index has a lock, the rest is read-only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/mapped_file.h"
#include "store/index.h"
#include "store/lock.h"
#include "store/record.h"
#include "store/record_frames.h"

namespace mgit {

/// Objects from a base to the end of its chain: what writers keep to. Two that race may exceed it a
/// little.
constexpr std::size_t kLongestChain = 8;

/// The rows that a pack gives rise to.
struct PackEntries {
  std::string pack;
  std::vector<IndexEntry> entries;
  Touched written = 0;  // how old they are, where that is asked
};
IndexEntry entry_of(const RecordHeader& header, std::uint64_t offset);
std::vector<IndexEntry> entries_of(const std::vector<ScannedRecord>& records);

class ObjectStore {
 public:
  explicit ObjectStore(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path packs_directory() const { return directory_ / "packs"; }

  std::optional<Location> locate(const Digest& object);
  /// Those of them that are not here, in one look at the index.
  std::vector<Digest> lacking(std::span<const Digest> objects);
  std::vector<Digest> list();
  /// As Store's.
  std::vector<TravellingRecord> records_of(std::span<const Digest> objects);
  /// Throws MissingError or CorruptError.
  Record record(const Digest& object);
  /// To be called before a writer relies on an object that is here already: from then on, for as
  /// long as this ObjectStore lives, gc drops nothing (store/lock.h).
  void begin_writing();
  /// Makes a pack's rows visible and freshens the objects that its writer relies on, in one.
  void add_pack(const std::string& pack, std::span<const IndexEntry> entries,
                std::span<const Digest> relied_on);
  void touch(std::span<const Digest> objects);
  std::vector<IndexRow> rows();
  /// gc's swap, in one transaction: rows move into `added`; those left in `removed` go.
  void swap_packs(std::span<const PackEntries> added, std::span<const std::string> removed);
  /// Before these packs are unlinked: rows that point into them point elsewhere from now on.
  void leave_out(std::span<const std::string> packs);
  /// Names of the pack files, sorted. A symbolic link is none.
  std::vector<std::string> packs_on_disk() const;
  void rebuild();
  FsckReport fsck();

  /// The object frame by frame, not verified: the caller compares its SHA-256. Throws CorruptError.
  std::unique_ptr<ObjectFrames> frames(const Record& record);
  /// Reads an object that others are to be coded against: what it is decoded from is compared with
  /// its checksums first.
  std::unique_ptr<ObjectFrames> checked_frames(const Digest& object);

  /// Decodes and verifies.
  Buffer read(const Record& record);
  void read_into(const Record& record, std::span<std::byte> out);
  void stream(const Record& record, const std::function<void(Bytes)>& sink);

 private:
  template <typename Action>
  auto with_index(const Action& action);
  template <typename Action>
  auto look_up(const Action& action);
  Index& open_index();
  std::optional<Location> locate_in(Index& index, const Digest& object);
  Record record_at(const Digest& object, const Location& location);
  void remove_index();
  bool is_writable() const;
  void stamp_freshened();
  bool index_new_packs(Index& index);
  /// `present`, sorted, is what the index is to know. True if it knew anything else.
  bool index_packs(Index& index, const std::vector<std::string>& present);
  std::vector<PackEntries> read_packs(std::vector<std::string> names) const;
  std::shared_ptr<const MappedFile> map_pack(const std::string& name);

  FindRecord bases();

  const std::filesystem::path directory_;
  std::mutex mutex_;  // guards everything below
  std::unique_ptr<Index> index_;
  std::unique_ptr<Index> stand_in_;  // in memory, for look-ups, once the index was unavailable
  std::map<std::string, std::shared_ptr<const MappedFile>> mapped_;
  std::optional<std::filesystem::file_time_type> listed_;  // packs/ as of the last look
  std::unique_ptr<StoreLock> writing_;
};

}  // namespace mgit
