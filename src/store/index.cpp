#include "store/index.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

namespace mgit {
namespace {

constexpr int kBusyMilliseconds = 60'000;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS packs(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS objects(
  object BLOB PRIMARY KEY, pack INTEGER NOT NULL, position INTEGER NOT NULL,
  stored INTEGER NOT NULL, size INTEGER NOT NULL, encoding INTEGER NOT NULL, base BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_of_pack ON objects(pack);
)";

bool is_damage(int code) {
  const int primary = code & 0xff;
  // A table of ours that looks otherwise gives SQLITE_ERROR or SQLITE_MISMATCH on our statements.
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
         primary == SQLITE_MISMATCH || primary == SQLITE_FORMAT;
}

}  // namespace

/// A prepared statement, reset after each use.
class Index::Statement {
 public:
  Statement(Index& index, const char* sql) : index_(index) {
    const int code = sqlite3_prepare_v2(index.database_, sql, -1, &statement_, nullptr);
    if (code != SQLITE_OK) index.fail(code);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int place, std::uint64_t value) {
    return bound(sqlite3_bind_int64(statement_, place, static_cast<sqlite3_int64>(value)));
  }
  Statement& bind(int place, const std::string& value) {
    return bound(sqlite3_bind_text(statement_, place, value.data(), static_cast<int>(value.size()),
                                   SQLITE_TRANSIENT));
  }
  Statement& bind(int place, const Digest& value) {
    return bound(sqlite3_bind_blob(statement_, place, value.bytes.data(),
                                   static_cast<int>(value.bytes.size()), SQLITE_TRANSIENT));
  }
  Statement& bind(int place, const std::optional<Digest>& value) {
    return value ? bind(place, *value) : bound(sqlite3_bind_null(statement_, place));
  }

  /// True while there are rows.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(statement_);
    if (code != SQLITE_DONE) index_.fail(code);
    return false;
  }
  void reset() { sqlite3_reset(statement_); }

  std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }
  std::string text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text != nullptr ? text : "";
  }
  std::optional<Digest> digest(int column) const {
    Digest digest;
    if (sqlite3_column_bytes(statement_, column) != static_cast<int>(digest.bytes.size()))
      return std::nullopt;
    std::memcpy(digest.bytes.data(), sqlite3_column_blob(statement_, column), digest.bytes.size());
    return digest;
  }

 private:
  Statement& bound(int code) {
    if (code != SQLITE_OK) index_.fail(code);
    return *this;
  }

  Index& index_;
  sqlite3_stmt* statement_ = nullptr;
};

Index::Index(const std::filesystem::path& path) : path_(path) {
  int code =
      sqlite3_open_v2(path.c_str(), &database_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  try {
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(database_, kBusyMilliseconds);
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=FULL");
    execute(kSchema);
  } catch (...) {
    sqlite3_close(database_);
    throw;
  }
}

Index::~Index() {
  statements_.clear();
  sqlite3_close(database_);
}

void Index::fail(int code) const {
  const std::string what = database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(code);
  if (is_damage(code)) throw IndexDamaged(what);
  throw Error("object index: " + what, path_.string());
}

void Index::execute(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

Index::Statement& Index::prepared(const char* sql) {
  const auto known = std::find_if(statements_.begin(), statements_.end(),
                                  [sql](const auto& entry) { return entry.first == sql; });
  if (known != statements_.end()) return *known->second;
  statements_.emplace_back(sql, std::make_unique<Statement>(*this, sql));
  return *statements_.back().second;
}

std::optional<Location> Index::find(const Digest& object) {
  static constexpr const char* kSql =
      "SELECT name, position, size, stored, encoding, base FROM objects "
      "JOIN packs ON packs.id = objects.pack WHERE object = ?";
  Statement& query = prepared(kSql).bind(1, object);
  if (!query.step()) return std::nullopt;
  Location location{query.text(0), query.number(1), {}};
  location.info = {query.number(2), query.number(3), static_cast<Encoding>(query.number(4)),
                   query.digest(5)};
  query.reset();
  return location;
}

std::vector<Digest> Index::list() {
  static constexpr const char* kSql = "SELECT object FROM objects ORDER BY object";
  Statement& query = prepared(kSql);
  std::vector<Digest> objects;
  while (query.step())
    if (const auto digest = query.digest(0)) objects.push_back(*digest);
  return objects;
}

std::vector<std::string> Index::packs() {
  static constexpr const char* kSql = "SELECT name FROM packs ORDER BY name";
  Statement& query = prepared(kSql);
  std::vector<std::string> names;
  while (query.step()) names.push_back(query.text(0));
  return names;
}

void Index::add_pack(const std::string& pack, std::span<const IndexEntry> entries,
                     Conflict conflict) {
  static constexpr const char* kAdd = "INSERT OR IGNORE INTO packs(name) VALUES(?)";
  static constexpr const char* kFind = "SELECT id FROM packs WHERE name = ?";
  static constexpr const char* kKeep = "INSERT OR IGNORE INTO objects VALUES(?,?,?,?,?,?,?)";
  static constexpr const char* kReplace = "INSERT OR REPLACE INTO objects VALUES(?,?,?,?,?,?,?)";
  prepared(kAdd).bind(1, pack).step();
  Statement& query = prepared(kFind).bind(1, pack);
  query.step();
  const std::uint64_t id = query.number(0);
  query.reset();
  Statement& insert = prepared(conflict == Conflict::kKeepOld ? kKeep : kReplace);
  for (const IndexEntry& entry : entries)
    insert.bind(1, entry.object)
        .bind(2, id)
        .bind(3, entry.offset)
        .bind(4, entry.info.stored)
        .bind(5, entry.info.size)
        .bind(6, static_cast<std::uint64_t>(entry.info.encoding))
        .bind(7, entry.info.base)
        .step();
}

void Index::remove_pack(const std::string& pack) {
  static constexpr const char* kObjects =
      "DELETE FROM objects WHERE pack = (SELECT id FROM packs WHERE name = ?)";
  static constexpr const char* kPack = "DELETE FROM packs WHERE name = ?";
  prepared(kObjects).bind(1, pack).step();
  prepared(kPack).bind(1, pack).step();
}

void Index::clear() { execute("DELETE FROM objects; DELETE FROM packs"); }
void Index::begin() { execute("BEGIN IMMEDIATE"); }
void Index::commit() { execute("COMMIT"); }
void Index::rollback() { sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr); }

}  // namespace mgit
