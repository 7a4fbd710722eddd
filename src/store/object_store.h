// What is behind Store: packs, their index, and how an object is read from them.
//
// Safe to use from several threads: the index has a lock, the rest is read-only.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/mapped_file.h"
#include "store/index.h"
#include "store/record.h"

namespace mgit {

/// A record whose header is intact and whose payload lies inside its pack.
struct Record {
  RecordHeader header;
  Bytes payload;
  std::string place;  // "object …, pack …, offset …", for messages
  std::shared_ptr<const MappedFile> pack;
};

class ObjectStore {
 public:
  explicit ObjectStore(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path packs_directory() const { return directory_ / "packs"; }

  std::optional<Location> locate(const Digest& object);
  std::vector<Digest> list();
  /// Throws MissingError or CorruptError.
  Record record(const Digest& object);
  void add_pack(const std::string& pack, std::span<const IndexEntry> entries);
  void rebuild();
  FsckReport fsck();

  /// Decodes and verifies.
  Buffer read(const Record& record);
  void read_into(const Record& record, std::span<std::byte> out);
  void stream(const Record& record, const std::function<void(Bytes)>& sink);

 private:
  template <typename Action>
  auto with_index(const Action& action);
  Index& open_index();
  void remove_index();
  bool index_new_packs(Index& index);
  std::vector<std::string> packs_on_disk() const;
  std::shared_ptr<const MappedFile> map_pack(const std::string& name);

  void decode(const Record& record, std::span<std::byte> out, int depth);
  void decode_view_into(const Record& record, std::span<std::byte> out, int depth);
  void check_size(const Record& record, int depth);

  const std::filesystem::path directory_;
  std::mutex mutex_;  // guards everything below
  std::unique_ptr<Index> index_;
  std::map<std::string, std::shared_ptr<const MappedFile>> mapped_;
  std::optional<std::filesystem::file_time_type> listed_;  // packs/ as of the last look
};

}  // namespace mgit
