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

/// Microseconds since 1970. When an object was last written or asked for by a writer: the age that
/// gc goes by. An index made anew takes the pack's file time, which is never older.
using Touched = std::int64_t;
Touched now_touched();

/// All that the index knows of an object.
struct IndexRow {
  Digest object;
  Location location;
  Touched touched = 0;
};

/// SQLite's write-ahead log needs memory that all its users share, which a network file system does
/// not give: there, and in other people's file systems (FUSE), a rollback journal. `magic` is
/// statfs's f_type.
const char* journal_for(std::uint64_t magic);

/// SQLite says that the file is damaged or no database. The file can be removed and filled again.
struct IndexDamaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The disk is full, or does not do what it should. The file may be as good as ever.
struct IndexUnavailable : Error {
  using Error::Error;
};

class Index {
 public:
  /// Opens or creates. Throws IndexDamaged, IndexUnavailable or Error.
  explicit Index(const std::filesystem::path& path);
  /// In memory, with the rows of the index at `path`, of which nothing is written: for a store on
  /// which this process may not write. Empty where that index is none, damaged, or changes under
  /// our eyes: then the packs are indexed.
  static std::unique_ptr<Index> copy_of(const std::filesystem::path& path);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  std::optional<Location> find(const Digest& object);
  std::vector<Digest> list();
  std::vector<IndexRow> rows();
  std::vector<std::string> packs();
  /// What SQLite finds wrong with the file; empty if nothing.
  std::vector<std::string> damage();

  /// For objects that it has already. A record with a base replaces none: two writers at once could
  /// close a cycle. kMove is gc's: rows come to point into the new pack and keep their age.
  enum class Conflict { kPlainReplacesOld, kOldStays, kMove };
  void add_pack(const std::string& pack, std::span<const IndexEntry> entries, Conflict conflict,
                Touched touched);
  /// With the rows that still point into them. Looks at every row, however many packs go.
  void remove_packs(std::span<const std::string> packs);
  /// Rows whose base has none, and those based on them.
  void remove_baseless();
  void touch(std::span<const Digest> objects, Touched touched);

  /// Runs `action` in one transaction, all or nothing. Waits for other processes.
  template <typename Action>
  void change(const Action& action) {
    execute("BEGIN IMMEDIATE");
    try {
      action();
      execute("COMMIT");
    } catch (...) {
      rollback();
      throw;
    }
  }
  /// Runs look-ups on one state of the database: no other process changes it in between.
  template <typename Action>
  void look(const Action& action) {
    execute("BEGIN");
    try {
      action();
    } catch (...) {
      rollback();
      throw;
    }
    execute("COMMIT");
  }

 private:
  void load(const std::filesystem::path& path, const char* how);
  void configure();
  void set_journal(const char* pragma);
  void ensure_schema();
  std::string schema();
  void rollback();
  class Statement;
  void execute(const char* sql);
  Statement& prepared(const char* sql);
  static Location location_in(const Statement& query);
  [[noreturn]] void fail(int code) const;

  std::filesystem::path path_;
  sqlite3* database_ = nullptr;
  std::vector<std::pair<const char*, std::unique_ptr<Statement>>> statements_;
};

}  // namespace mgit
