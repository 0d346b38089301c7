// One open database: every operation of the contract, synchronous, and the transactions round them.
// Thread: one at a time; the store's thread after start-up.
#pragma once

#include <memory>
#include <string>

#include "herald/store.h"
#include "store/file_lock.h"
#include "store/lease_rules.h"
#include "store/sqlite_records.h"
#include "store/sqlite_scans.h"
#include "store/sqlite_schema.h"

namespace herald::store {

class SqliteEngine {
 public:
  static Expected<std::unique_ptr<SqliteEngine>> open(const DatabaseFile& file, const Clock& clock, const RecordLimits& limits);

  // Reads see everything applied before, committed or not.
  Expected<Record> get(const Key& key) { return records_.get(key); }
  Expected<Page> scan(const Scan& scan) { return scans_.scan(scan); }
  Expected<Page> due(std::string_view table, WallTime until, std::size_t limit) { return scans_.due(table, until, limit); }

  // Writes; only between begin() and commit().
  Outcome<Committed> apply(const Batch& batch);
  Outcome<Lease> acquire(const std::string& owner, const std::string& partition, Duration length);
  Outcome<void> release(const std::string& owner, const std::string& partition);

  // One file serves both durabilities: FULL syncs the log at commit, NORMAL leaves it to the next durable commit or
  // checkpoint. Two files would write and sync twice and could not commit a batch over both; switching the mode costs about a
  // microsecond, and a durable commit makes all relaxed ones before it durable too. ST-01
  Expected<void> begin(Durability durability);
  Expected<void> commit();
  void rollback() noexcept;

  [[nodiscard]] int wal_pages() const noexcept { return database_.wal_pages(); }
  Expected<void> checkpoint(bool truncate) { return database_.checkpoint(truncate); }

 private:
  SqliteEngine(FileLock lock, Database database, const Clock& clock)
      : lock_(std::move(lock)), database_(std::move(database)), clock_(clock) {}
  Expected<void> prepare(const RecordLimits& limits);
  Expected<StoredLease> lease_of(std::string_view partition);
  Expected<void> save(std::string_view partition, const StoredLease& lease);

  FileLock lock_;  // first in, last out
  Database database_;
  const Clock& clock_;
  TableNumbers tables_;
  SqliteRecords records_;
  SqliteScans scans_;
  Statement begin_, commit_, rollback_, find_lease_, save_lease_;
  std::optional<Durability> mode_;
};

}  // namespace herald::store
