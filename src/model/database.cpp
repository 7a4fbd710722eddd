#include "model/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>

#include "base/shared_permissions.h"

namespace mgit {
namespace {

constexpr int kBusyMilliseconds = 60'000;

bool is_damage(int code) {
  const int primary = code & 0xff;
  // A table of ours that looks otherwise gives SQLITE_ERROR or SQLITE_MISMATCH on our statements.
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
         primary == SQLITE_MISMATCH || primary == SQLITE_FORMAT || primary == SQLITE_CONSTRAINT;
}

}  // namespace

Statement::Statement(Database& database, const char* sql) : database_(database) {
  database.check(sqlite3_prepare_v2(database.handle_, sql, -1, &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::restart() { sqlite3_reset(statement_); }

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_);
  if (code != SQLITE_DONE) database_.check(code);
  return false;
}

void Statement::bind(int place, std::int64_t value) {
  database_.check(sqlite3_bind_int64(statement_, place, value));
}

void Statement::bind(int place, double value) {
  database_.check(sqlite3_bind_double(statement_, place, value));
}

void Statement::bind(int place, std::string_view value) {
  database_.check(sqlite3_bind_text(statement_, place, value.data(), static_cast<int>(value.size()),
                                    SQLITE_TRANSIENT));
}

void Statement::bind_blob(int place, const void* data, int size) {
  database_.check(sqlite3_bind_blob(statement_, place, data, size, SQLITE_TRANSIENT));
}

void Statement::bind_null(int place) { database_.check(sqlite3_bind_null(statement_, place)); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string()
             : std::string(text,
                           static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

Oid Statement::oid(int column) const {
  Oid id;
  copy_blob(column, id.bytes.data(), static_cast<int>(id.bytes.size()));
  return id;
}

Digest Statement::digest(int column) const {
  Digest digest;
  copy_blob(column, digest.bytes.data(), static_cast<int>(digest.bytes.size()));
  return digest;
}

void Statement::copy_blob(int column, void* out, int size) const {
  const void* data = sqlite3_column_blob(statement_, column);
  if (data != nullptr && sqlite3_column_bytes(statement_, column) == size)
    std::memcpy(out, data, static_cast<std::size_t>(size));
}

Database::Database(const std::filesystem::path& path, const char* schema, int version)
    : path_(path) {
  try {
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    adjust_permissions(path.parent_path());
    int code = open(path.string());
    adjust_permissions(path);
    if (code == SQLITE_CANTOPEN || (code == SQLITE_OK && sqlite3_db_readonly(handle_, "main") == 1))
      code = open(":memory:");
    check(code);
    prepare_tables(schema, version);
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close(handle_); }

int Database::open(const std::string& name) {
  sqlite3_close(handle_);
  return sqlite3_open_v2(name.c_str(), &handle_,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
}

void Database::prepare_tables(const char* schema, int version) {
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
  const auto found = [this] {
    Statement query(*this, "PRAGMA user_version");
    return query.step() ? query.integer(0) : 0;
  };
  std::int64_t present = found();
  // No fsync: git has everything, and an index that a power failure damaged is made anew.
  execute("PRAGMA synchronous = OFF");
  if (present == 0) {
    execute("PRAGMA journal_mode = WAL");
    Transaction transaction(*this);
    present = found();
    if (present == 0) {
      execute(schema);
      execute(fmt::format("PRAGMA user_version = {}", version).c_str());
      present = version;
    }
    transaction.commit();
  }
  if (present != version) throw DatabaseDamaged("written by another version of mgit");
}

void Database::execute(const char* sql) {
  check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
}

void Database::check(int code) const {
  if (code == SQLITE_OK) return;
  const std::string what = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (is_damage(code)) throw DatabaseDamaged(what);
  throw Error("lineage index: " + what, path_.string(),
              "it can be deleted at any time; git has everything in it");
}

void Database::remove(const std::filesystem::path& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(path.string() + suffix, ignored);
  }
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace mgit
