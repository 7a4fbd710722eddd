// A SQLite file and prepared statements over it. For one thread at a time; several processes may
// have the file open at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mgit/base.h"
#include "mgit/git.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mgit {

/// The file is damaged, no database, or another version's. It can be removed and filled again.
struct DatabaseDamaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Database;

/// A prepared statement: with(values…) binds them and starts over, step() is true while there are
/// rows. Must not outlive its database.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename... Values>
  Statement& with(const Values&... values) {
    restart();
    int place = 0;
    (bind(++place, values), ...);
    return *this;
  }
  bool step();
  void restart();
  /// True if there is a row; starts over.
  bool exists() {
    const bool row = step();
    restart();
    return row;
  }
  /// For statements without rows.
  void run() {
    while (step()) continue;
  }

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  /// A default-constructed value where the column holds no such thing.
  Oid oid(int column) const;
  Digest digest(int column) const;

 private:
  void bind(int place, std::int64_t value);
  void bind(int place, double value);
  void bind(int place, std::string_view value);
  void bind(int place, const Oid& value) { bind_blob(place, value.bytes.data(), 20); }
  void bind(int place, const Digest& value) { bind_blob(place, value.bytes.data(), 32); }
  void bind_blob(int place, const void* data, int size);
  void bind_null(int place);
  template <typename T>
  void bind(int place, const std::optional<T>& value) {
    value ? bind(place, *value) : bind_null(place);
  }
  void copy_blob(int column, void* out, int size) const;

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  /// Opens or creates; where the file cannot be written, the database lives in memory. Throws
  /// DatabaseDamaged or Error.
  Database(const std::filesystem::path& path, const char* schema, int version);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  /// The database and what SQLite keeps beside it.
  static void remove(const std::filesystem::path& path);

 private:
  friend class Statement;
  friend class Transaction;
  int open(const std::string& name);
  void prepare_tables(const char* schema, int version);
  void check(int code) const;

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
};

/// A write transaction: waits for other writers; undone unless commit() is reached.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace mgit
