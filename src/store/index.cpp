#include "store/index.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/shared_permissions.h"

namespace mgit {
namespace {

constexpr int kBusyMilliseconds = 60'000;

/// What sqlite_schema holds, word for word. Anything else (an older mgit's, a view or trigger that
/// somebody planted) is no index of ours and is made anew.
constexpr std::array<const char*, 2> kSchema{
    "CREATE TABLE packs(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE objects(object BLOB PRIMARY KEY, pack INTEGER NOT NULL, "
    "position INTEGER NOT NULL, stored INTEGER NOT NULL, size INTEGER NOT NULL, "
    "encoding INTEGER NOT NULL, base BLOB, touched INTEGER NOT NULL) WITHOUT ROWID"};

bool is_damage(int code) {
  const int primary = code & 0xff;
  // A table of ours that looks otherwise gives SQLITE_ERROR or SQLITE_MISMATCH on our statements.
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
         primary == SQLITE_MISMATCH || primary == SQLITE_FORMAT;
}

bool is_unavailable(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_FULL || primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ||
         primary == SQLITE_READONLY;
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
  int code = sqlite3_open_v2(
      path.c_str(), &database_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_URI,
      nullptr);
  try {
    if (code != SQLITE_OK) fail(code);
    adjust_permissions(path);  // SQLite's files beside it get what it has
    configure();
    ensure_schema();
  } catch (...) {
    statements_.clear();
    sqlite3_close(database_);
    throw;
  }
}

/// The file may come from anybody: its schema is not trusted, nothing in it runs.
void Index::configure() {
  for (const auto& [option, value] :
       {std::pair(SQLITE_DBCONFIG_DEFENSIVE, 1), std::pair(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
        std::pair(SQLITE_DBCONFIG_ENABLE_TRIGGER, 0), std::pair(SQLITE_DBCONFIG_ENABLE_VIEW, 0)})
    sqlite3_db_config(database_, option, value, nullptr);
  sqlite3_busy_timeout(database_, kBusyMilliseconds);
  struct statfs place {};
  const bool known = ::statfs(path_.parent_path().c_str(), &place) == 0;
  execute("PRAGMA page_size=1024");  // of a new file: most models have few tensors
  set_journal(known ? journal_for(static_cast<std::uint64_t>(place.f_type) & 0xffffffffU)
                    : "PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
}

/// SQLite itself does not wait here: each of two that make a new file would wait for the other one.
void Index::set_journal(const char* pragma) {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{2};
  const auto deadline = steady_clock::now() + std::chrono::milliseconds(kBusyMilliseconds);
  int code = SQLITE_OK;
  while (((code = sqlite3_exec(database_, pragma, nullptr, nullptr, nullptr)) & 0xff) ==
             SQLITE_BUSY &&
         steady_clock::now() < deadline)
    std::this_thread::sleep_for(kPause);
  if (code != SQLITE_OK) fail(code);
}

const char* journal_for(std::uint64_t magic) {
  constexpr std::array<std::uint64_t, 11> kShared{
      0x6969,     0xff534d42, 0xfe534d42, 0x517b,     0x01021997, 0x65735546,  // NFS SMB 9p FUSE
      0x00c36400, 0x5346414f, 0x0bd00bd0, 0x47504653, 0x19830326};  // Ceph AFS Lustre GPFS BeeGFS
  return std::find(kShared.begin(), kShared.end(), magic) != kShared.end()
             ? "PRAGMA journal_mode=DELETE"
             : "PRAGMA journal_mode=WAL";
}

namespace {

std::string as_uri(const std::filesystem::path& path, const char* parameters) {
  std::string uri = "file://";
  for (const char c : std::filesystem::absolute(path).string()) {
    constexpr const char* kHex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '/' || c == '.' || c == '-' || c == '_')
      uri += c;
    else
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return uri + parameters;
}

/// Of a database and its log: another state means that somebody wrote.
std::array<std::int64_t, 6> state_of(const std::filesystem::path& path) {
  std::array<std::int64_t, 6> state{};
  std::size_t at = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat status {};
    const bool there = ::stat((path.string() + suffix).c_str(), &status) == 0;
    state[at++] = there ? status.st_size : -1;
    state[at++] = there ? status.st_mtim.tv_sec : 0;
    state[at++] = there ? status.st_mtim.tv_nsec : 0;
  }
  return state;
}

}  // namespace

/// SQLite reads a log only where it may write (or finds) the shared memory beside it. Without a log
/// the file is all there is, and immutable as long as it does not change.
std::unique_ptr<Index> Index::copy_of(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) {
    const auto before = state_of(path);
    const bool has_log = before[3] > 0;
    for (const char* how : {"?mode=ro", "?mode=ro&immutable=1"}) {
      if (how[8] != '\0' && has_log) break;
      auto index = std::make_unique<Index>(":memory:");
      try {
        index->load(path, how);
        if (how[8] != '\0' && state_of(path) != before) break;
        return index;
      } catch (const IndexDamaged&) {
      } catch (const Error&) {
      }
    }
  }
  return std::make_unique<Index>(":memory:");
}

void Index::load(const std::filesystem::path& path, const char* how) {
  static constexpr const char* kAttach = "ATTACH ? AS old";
  Statement(*this, kAttach).bind(1, as_uri(path, how)).step();
  change([&] {
    execute("INSERT INTO packs SELECT id, name FROM old.packs");
    execute(
        "INSERT INTO objects SELECT object, pack, position, stored, size, encoding, base, touched "
        "FROM old.objects");
  });
  execute("DETACH old");
}

std::string Index::schema() {
  static constexpr const char* kSql =
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
  Statement& query = prepared(kSql);
  std::string text;
  while (query.step()) text += query.text(0) + '\n';
  return text;
}

void Index::ensure_schema() {
  std::string wanted;
  for (const char* sql : kSchema) wanted += std::string(sql) + '\n';
  std::string found = schema();
  if (found.empty())
    change([&] {  // unless another process was faster
      if (schema().empty())
        for (const char* sql : kSchema) execute(sql);
      found = schema();
    });
  if (found != wanted) throw IndexDamaged("not an object index of this version of mgit");
}

Touched now_touched() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::microseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

Index::~Index() {
  statements_.clear();
  sqlite3_close(database_);
}

void Index::fail(int code) const {
  const std::string what = database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(code);
  if (is_damage(code)) throw IndexDamaged(what);
  const int error = database_ != nullptr ? sqlite3_system_errno(database_) : 0;
  const std::string line =
      "object index: " + what + (error != 0 ? std::string(": ") + std::strerror(error) : "");
  if (!is_unavailable(code)) throw Error(line, path_.string());
  const bool full = code == SQLITE_FULL || error == ENOSPC;
  throw IndexUnavailable(line, path_.string(), full ? "free some disk space and try again" : "");
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

/// From the columns name, position, size, stored, encoding, base.
Location Index::location_in(const Statement& query) {
  return {
      query.text(0),
      query.number(1),
      {query.number(2), query.number(3), static_cast<Encoding>(query.number(4)), query.digest(5)}};
}

std::optional<Location> Index::find(const Digest& object) {
  static constexpr const char* kSql =
      "SELECT name, position, size, stored, encoding, base FROM objects "
      "JOIN packs ON packs.id = objects.pack WHERE object = ?";
  Statement& query = prepared(kSql).bind(1, object);
  if (!query.step()) return std::nullopt;
  Location location = location_in(query);
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

std::vector<IndexRow> Index::rows() {
  static constexpr const char* kSql =
      "SELECT name, position, size, stored, encoding, base, object, touched FROM objects "
      "JOIN packs ON packs.id = objects.pack";
  Statement& query = prepared(kSql);
  std::vector<IndexRow> rows;
  while (query.step())
    if (const auto object = query.digest(6))
      rows.push_back({*object, location_in(query), static_cast<Touched>(query.number(7))});
  return rows;
}

std::vector<std::string> Index::damage() {
  static constexpr const char* kSql = "PRAGMA integrity_check";
  Statement& query = prepared(kSql);
  std::vector<std::string> lines;
  while (query.step()) lines.push_back(query.text(0));
  if (lines == std::vector<std::string>{"ok"}) lines.clear();
  return lines;
}

void Index::add_pack(const std::string& pack, std::span<const IndexEntry> entries,
                     Conflict conflict, Touched touched) {
  static constexpr const char* kAdd = "INSERT OR IGNORE INTO packs(name) VALUES(?)";
  static constexpr const char* kFind = "SELECT id FROM packs WHERE name = ?";
  static constexpr const char* kAddNew = "INSERT OR IGNORE INTO objects VALUES(?,?,?,?,?,?,?,?)";
  static constexpr const char* kReplace = "INSERT OR REPLACE INTO objects VALUES(?,?,?,?,?,?,?,?)";
  static constexpr const char* kMove =
      "INSERT INTO objects VALUES(?,?,?,?,?,?,?,?) ON CONFLICT(object) DO UPDATE SET "
      "pack=excluded.pack, position=excluded.position, stored=excluded.stored, "
      "size=excluded.size, encoding=excluded.encoding, base=excluded.base";
  prepared(kAdd).bind(1, pack).step();
  Statement& query = prepared(kFind).bind(1, pack);
  query.step();
  const std::uint64_t id = query.number(0);
  query.reset();
  for (const IndexEntry& entry : entries) {
    const bool old_stays = conflict == Conflict::kOldStays || entry.info.base;
    prepared(conflict == Conflict::kMove ? kMove
             : old_stays                 ? kAddNew
                                         : kReplace)
        .bind(1, entry.object)
        .bind(2, id)
        .bind(3, entry.offset)
        .bind(4, entry.info.stored)
        .bind(5, entry.info.size)
        .bind(6, static_cast<std::uint64_t>(entry.info.encoding))
        .bind(7, entry.info.base)
        .bind(8, static_cast<std::uint64_t>(touched))
        .step();
  }
}

void Index::touch(std::span<const Digest> objects, Touched touched) {
  static constexpr const char* kSql = "UPDATE objects SET touched = ? WHERE object = ?";
  Statement& update = prepared(kSql);
  for (const Digest& object : objects)
    update.bind(1, static_cast<std::uint64_t>(touched)).bind(2, object).step();
}

void Index::remove_packs(std::span<const std::string> packs) {
  static constexpr const char* kPack = "DELETE FROM packs WHERE name = ?";
  static constexpr const char* kObjects =
      "DELETE FROM objects WHERE pack NOT IN (SELECT id FROM packs)";
  if (packs.empty()) return;
  for (const std::string& pack : packs) prepared(kPack).bind(1, pack).step();
  prepared(kObjects).step();
}

void Index::remove_baseless() {
  static constexpr const char* kSql =
      "DELETE FROM objects WHERE base IS NOT NULL AND NOT EXISTS "
      "(SELECT 1 FROM objects AS other WHERE other.object = objects.base)";
  do prepared(kSql).step();
  while (sqlite3_changes(database_) > 0);
}

void Index::rollback() { sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr); }

}  // namespace mgit
