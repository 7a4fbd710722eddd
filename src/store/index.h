// The object index: SQLite over what the packs say. Always rebuildable.
//
// One connection, for one thread at a time; several processes may have the file open at once.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mgit/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mgit {

/// Where an object lies.
struct Location {
  std::string pack;  // file name in packs/
  std::uint64_t offset = 0;
  ObjectInfo info;
};

struct IndexEntry {
  Digest object;
  std::uint64_t offset = 0;
  ObjectInfo info;
};

/// SQLite says that the file is damaged or no database. The file can be removed and filled again.
struct IndexDamaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Index {
 public:
  /// Opens or creates. Throws IndexDamaged or Error.
  explicit Index(const std::filesystem::path& path);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  std::optional<Location> find(const Digest& object);
  std::vector<Digest> list();
  std::vector<std::string> packs();

  enum class Conflict { kKeepOld, kReplaceOld };
  void add_pack(const std::string& pack, std::span<const IndexEntry> entries, Conflict conflict);
  void remove_pack(const std::string& pack);
  void clear();

  /// begin() … commit(); several changes in one. Waits for other processes.
  void begin();
  void commit();
  void rollback();

 private:
  class Statement;
  void execute(const char* sql);
  Statement& prepared(const char* sql);
  [[noreturn]] void fail(int code) const;

  std::filesystem::path path_;
  sqlite3* database_ = nullptr;
  std::vector<std::pair<const char*, std::unique_ptr<Statement>>> statements_;
};

}  // namespace mgit
