#include "store/sqlite_engine.h"

#include <utility>

#include "store/store_catalog.h"
#include "store/store_rules.h"

namespace herald::store {

Expected<std::unique_ptr<SqliteEngine>> SqliteEngine::open(const DatabaseFile& file, const Clock& clock,
                                                           const RecordLimits& limits) {
  auto lock = FileLock::take(file.path + ".lock");
  if (!lock) {
    const auto& event = lock.error().code == ErrorCode::conflict ? catalog::kInUse : catalog::kCannotOpen;
    log::event(event, {{"path", file.path}, {"error", lock.error().text}});
    return fail(std::move(lock.error()));
  }
  auto database = open_database(file);
  if (!database) return fail(std::move(database.error()));
  std::unique_ptr<SqliteEngine> engine(new SqliteEngine(std::move(*lock), std::move(*database), clock));
  if (auto ok = engine->prepare(limits); !ok) {
    log::event(catalog::kCannotOpen, {{"path", file.path}, {"error", ok.error().text}});
    return fail(std::move(ok.error()));
  }
  log::event(catalog::kOpened, {{"path", file.path}});
  return engine;
}

Expected<void> SqliteEngine::prepare(const RecordLimits& limits) {
  if (auto ok = tables_.prepare(database_); !ok) return ok;
  if (auto ok = records_.prepare(database_, tables_); !ok) return ok;
  if (auto ok = scans_.prepare(database_, tables_, limits); !ok) return ok;
  const std::pair<Statement*, std::string_view> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&find_lease_, "SELECT owner, token, until FROM lease WHERE partition = ?1"},
      {&save_lease_,
       "INSERT INTO lease (partition, owner, token, until) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (partition) "
       "DO UPDATE SET owner = excluded.owner, token = excluded.token, until = excluded.until"},
  };
  for (const auto& [statement, sql] : statements) {
    auto made = database_.prepare(sql);
    if (!made) return fail(std::move(made.error()));
    *statement = std::move(*made);
  }
  return {};
}

Expected<void> SqliteEngine::begin(Durability durability) {
  if (mode_ != durability) {
    mode_.reset();
    const auto* mode = durability == Durability::durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
    if (auto ok = database_.execute(mode); !ok) return ok;
    mode_ = durability;
  }
  return begin_.run();
}

Expected<void> SqliteEngine::commit() { return commit_.run(); }

void SqliteEngine::rollback() noexcept {
  // Some failures (full disk, lack of memory) have rolled back already.
  if (database_.in_transaction()) (void)rollback_.run();
  (void)tables_.reload();  // a table that stays unknown is looked for again at the next write
}

Outcome<Committed> SqliteEngine::apply(const Batch& batch) {
  if (batch.fence) {
    auto lease = lease_of(batch.fence->partition);
    if (!lease) return fail(std::move(lease.error()));
    if (lease->token > batch.fence->token) return Expected<Committed>(fail(fenced(*batch.fence, lease->token)));
  }
  return records_.apply(batch);
}

Expected<StoredLease> SqliteEngine::lease_of(std::string_view partition) {
  const ResetAtEnd reset(find_lease_);
  auto row = find_lease_.bind(1, partition).step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return StoredLease{};
  return StoredLease{std::string(find_lease_.text(0)), static_cast<std::uint64_t>(find_lease_.number(1)),
                     WallTime(std::chrono::milliseconds(find_lease_.number(2)))};
}

Expected<void> SqliteEngine::save(std::string_view partition, const StoredLease& lease) {
  return save_lease_.bind(1, partition)
      .bind(2, lease.owner)
      .bind(3, static_cast<std::int64_t>(lease.token))
      .bind(4, std::int64_t{lease.until.time_since_epoch().count()})
      .run();
}

Outcome<Lease> SqliteEngine::acquire(const std::string& owner, const std::string& partition, Duration length) {
  const auto stored = lease_of(partition);
  if (!stored) return fail(stored.error());
  const auto lease = acquired(*stored, owner, length, clock_.wall());
  if (!lease) return Expected<Lease>(fail(lease.error()));
  if (auto ok = save(partition, *lease); !ok) return fail(std::move(ok.error()));
  return Expected<Lease>(Lease{partition, lease->token, length});
}

Outcome<void> SqliteEngine::release(const std::string& owner, const std::string& partition) {
  const auto stored = lease_of(partition);
  if (!stored) return fail(stored.error());
  const auto lease = released(*stored, owner);
  if (!lease) return Expected<void>(fail(lease.error()));
  if (auto ok = save(partition, *lease); !ok) return fail(std::move(ok.error()));
  return Expected<void>();
}

}  // namespace herald::store
