#include "store/sqlite_handle.h"

#include <sqlite3.h>

namespace herald::store {
namespace {

ErrorCode code_of(int result) noexcept {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::forbidden;
    case SQLITE_FULL:
      return ErrorCode::too_large;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::internal;
  }
}

// The database's own message may quote SQL, never a bound value.
Unexpected failure(sqlite3* database, int result) {
  const bool full = (result & 0xff) == SQLITE_FULL;
  std::string text = "sqlite: ";
  text += full ? "disk full" : sqlite3_errstr(result);
  if (database != nullptr && !full) {
    text += " (";
    text += sqlite3_errmsg(database);
    text += ", code " + std::to_string(sqlite3_extended_errcode(database)) + ")";
  }
  return fail(code_of(result), std::move(text));
}

extern "C" int count_wal_pages(void* counter, sqlite3*, const char*, int pages) noexcept {
  *static_cast<int*>(counter) = pages;
  return SQLITE_OK;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

// Binding fails only for a wrong index or lack of memory; both show when the statement is stepped (a null where a value must be).
Statement& Statement::bind(int index, std::string_view text) noexcept {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(raw_.get(), index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}
Statement& Statement::bind(int index, std::int64_t number) noexcept {
  sqlite3_bind_int64(raw_.get(), index, number);
  return *this;
}
Statement& Statement::bind_null(int index) noexcept {
  sqlite3_bind_null(raw_.get(), index);
  return *this;
}
Statement& Statement::bind_blob(int index, std::string_view bytes) noexcept {
  sqlite3_bind_blob64(raw_.get(), index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Expected<bool> Statement::step() {
  const int result = sqlite3_step(raw_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  auto error = failure(sqlite3_db_handle(raw_.get()), result);
  reset();
  return error;
}

Expected<void> Statement::run() {
  for (;;) {
    auto more = step();
    if (!more) return fail(std::move(more.error()));
    if (!*more) break;
  }
  reset();
  return {};
}

void Statement::reset() noexcept { sqlite3_reset(raw_.get()); }

std::int64_t Statement::number(int column) const noexcept { return sqlite3_column_int64(raw_.get(), column); }
std::string_view Statement::text(int column) const noexcept {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}
bool Statement::is_null(int column) const noexcept { return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL; }

void Database::Close::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

Expected<Database> Database::open(const std::string& path, int busy_timeout_ms) {
  sqlite3* raw = nullptr;
  // NOMUTEX: one thread at a time is our own rule, a second lock would only cost.
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.raw_.reset(raw);
  if (result != SQLITE_OK) return failure(raw, result);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  sqlite3_wal_hook(raw, count_wal_pages, database.wal_pages_.get());
  return database;
}

Expected<Statement> Database::prepare(std::string_view sql, bool keep) {
  sqlite3_stmt* raw = nullptr;
  const unsigned flags = keep ? SQLITE_PREPARE_PERSISTENT : 0;
  const int result = sqlite3_prepare_v3(raw_.get(), sql.data(), static_cast<int>(sql.size()), flags, &raw, nullptr);
  if (result != SQLITE_OK) return failure(raw_.get(), result);
  return Statement(raw);
}

Expected<void> Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return failure(raw_.get(), result);
  return {};
}

Expected<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql, false);
  if (!statement) return fail(std::move(statement.error()));
  auto row = statement->step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return fail(ErrorCode::not_found, "sqlite: no row");
  return statement->number(0);
}

Expected<std::string> Database::text(std::string_view sql) {
  auto statement = prepare(sql, false);
  if (!statement) return fail(std::move(statement.error()));
  auto row = statement->step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return fail(ErrorCode::not_found, "sqlite: no row");
  return std::string(statement->text(0));
}

std::int64_t Database::last_row() const noexcept { return sqlite3_last_insert_rowid(raw_.get()); }
bool Database::in_transaction() const noexcept { return sqlite3_get_autocommit(raw_.get()) == 0; }

Expected<void> Database::checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int result = sqlite3_wal_checkpoint_v2(raw_.get(), nullptr, mode, nullptr, nullptr);
  // A reader from outside (the sqlite3 shell) only delays it.
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) return failure(raw_.get(), result);
  if (result == SQLITE_OK) *wal_pages_ = 0;
  return {};
}

}  // namespace herald::store
