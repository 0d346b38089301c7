#include "store/sqlite_schema.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "store/store_catalog.h"
#include "store/store_health.h"

namespace herald::store {
namespace {

constexpr std::int64_t kApplicationId = 0x48524c44;  // "HRLD", so that file(1) and we recognise it

// `record` is a rowid table: an update of a value rewrites one row and no index. `record_key` serves lookups and the scan of a
// whole table in the order of ids, which mostly grow, so that it is appended to. Terms are repeated in the record, so that
// replacing them needs no index from record to term.
constexpr std::string_view kVersion1 = R"sql(
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE record_table (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE record (
    row INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, partition TEXT NOT NULL, id TEXT NOT NULL,
    version INTEGER NOT NULL, due INTEGER, terms BLOB NOT NULL, value BLOB NOT NULL);
  CREATE UNIQUE INDEX record_key ON record (tbl, id, partition);
  CREATE INDEX record_partition ON record (partition, tbl, id);
  CREATE INDEX record_due ON record (tbl, due) WHERE due IS NOT NULL;
  CREATE TABLE term (
    tbl INTEGER NOT NULL, term TEXT NOT NULL, id TEXT NOT NULL, partition TEXT NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (tbl, term, id, partition)) WITHOUT ROWID;
  CREATE TABLE lease (
    partition TEXT PRIMARY KEY, owner TEXT NOT NULL, token INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
)sql";
constexpr std::array<std::string_view, 1> kMigrations{kVersion1};

// Bodies of messages lie in it: readable by the node's user alone. SQLite gives its other files the rights of this one.
void create_private(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor >= 0) ::close(descriptor);  // a failure shows again, with its reason, when SQLite opens the file
}

Expected<void> recognise(Database& database, const std::string& path) {
  auto application = database.number("PRAGMA application_id");
  if (!application) return fail(std::move(application.error()));
  if (*application == kApplicationId) return {};
  auto objects = database.number("SELECT count(*) FROM sqlite_master");
  if (!objects) return fail(std::move(objects.error()));
  if (*application == 0 && *objects == 0) return database.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  return fail(ErrorCode::unsupported, "store: " + path + " is a database of another program");
}

Expected<void> configure(Database& database, const DatabaseFile& file) {
  auto mode = database.text("PRAGMA journal_mode = WAL");
  if (!mode) return fail(std::move(mode.error()));
  if (*mode != "wal") return fail(ErrorCode::unavailable, "store: " + file.path + " cannot use a write-ahead log");
  if (auto ok = database.execute("PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -" +
                                 std::to_string(std::max<std::size_t>(file.cache_bytes / 1024, 1024)));
      !ok)
    return ok;
  if (file.max_bytes == 0) return {};
  auto page = database.number("PRAGMA page_size");
  if (!page) return fail(std::move(page.error()));
  const auto pages = std::max<std::size_t>(file.max_bytes / static_cast<std::size_t>(*page), 1);
  return database.execute("PRAGMA max_page_count = " + std::to_string(pages));
}

Expected<void> check(Database& database, const DatabaseFile& file) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(file.path, ignored);
  if (!file.check_on_start || ignored || size > kLargeFile) return {};
  auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict) return fail(std::move(verdict.error()));
  if (*verdict != "ok") return fail(ErrorCode::corrupt, "store: " + file.path + ": " + *verdict);
  return {};
}

Expected<Database> open_quietly(const DatabaseFile& file) {
  create_private(file.path);
  auto database = Database::open(file.path, file.busy_timeout_ms);
  if (!database) return database;
  if (auto ok = recognise(*database, file.path); !ok) return fail(std::move(ok.error()));
  if (auto ok = configure(*database, file); !ok) return fail(std::move(ok.error()));
  if (auto ok = check(*database, file); !ok) return fail(std::move(ok.error()));
  if (auto ok = migrate(*database, migrations()); !ok) return fail(std::move(ok.error()));
  return database;
}

const log::OperatorEvent& start_event(ErrorCode code) noexcept {
  if (code == ErrorCode::unsupported) return catalog::kNotOurs;
  if (code == ErrorCode::corrupt || code == ErrorCode::forbidden || code == ErrorCode::too_large) return event_of(code);
  return catalog::kCannotOpen;
}

}  // namespace

std::span<const std::string_view> migrations() noexcept { return kMigrations; }

Expected<void> migrate(Database& database, std::span<const std::string_view> steps) {
  auto version = database.number("PRAGMA user_version");
  if (!version) return fail(std::move(version.error()));
  if (*version < 0 || static_cast<std::size_t>(*version) > steps.size())
    return fail(ErrorCode::unsupported, "store: the file has schema " + std::to_string(*version) + ", this version knows up to " +
                                            std::to_string(steps.size()));
  const auto from = static_cast<std::size_t>(*version);
  for (auto next = from; next < steps.size(); ++next) {
    const auto sql =
        "BEGIN IMMEDIATE;" + std::string(steps[next]) + ";PRAGMA user_version = " + std::to_string(next + 1) + ";COMMIT";
    if (auto ok = database.execute(sql); !ok) {
      if (database.in_transaction()) (void)database.execute("ROLLBACK");
      return ok;
    }
  }
  if (from > 0 && from < steps.size()) log::event(catalog::kMigrated, {{"from", from}, {"to", steps.size()}});
  return {};
}

Expected<Database> open_database(const DatabaseFile& file) {
  auto database = open_quietly(file);
  if (database) return database;
  Error error = database.error();
  error.text = file.path + ": " + error.text;
  log::event(start_event(error.code), {{"path", file.path}, {"error", error.text}});
  if (error.code == ErrorCode::forbidden || error.code == ErrorCode::too_large) error = as_answer(error);
  return fail(std::move(error));
}

}  // namespace herald::store
