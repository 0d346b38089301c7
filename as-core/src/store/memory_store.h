// The contract in memory: nothing survives the process, durability means nothing. For tests and for nodes that may forget.
// Thread: any; an operation holds a mutex for some microseconds and its result is ready when the call returns.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "herald/store.h"
#include "store/lease_rules.h"
#include "store/memory_table.h"
#include "store/store_metrics.h"
#include "store/store_rules.h"

namespace herald::store {

struct MemoryOptions {
  const Clock* clock = nullptr;                  // null: the machine's
  std::size_t max_bytes = std::size_t{4} << 30;  // records and their indexes; beyond: Error{busy}
  std::size_t max_leases = 1'000'000;
  RecordLimits limits;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryOptions options = {});

  Future<Record> get(Key key) override;
  Future<Committed> commit(Batch batch) override;
  Future<Page> scan(Scan scan) override;
  Future<Page> due(std::string table, WallTime until, std::size_t limit) override;
  Future<Lease> acquire(std::string owner, std::string partition, Duration length) override;
  Future<void> release(std::string owner, std::string partition) override;

  [[nodiscard]] std::size_t bytes() const;    // what counts against max_bytes
  [[nodiscard]] std::size_t records() const;  // in all tables

 private:
  [[nodiscard]] const MemoryTable* table(std::string_view name) const;
  [[nodiscard]] Version stored_version(const Key& key) const;
  [[nodiscard]] Expected<void> admissible(const Batch& batch) const;
  [[nodiscard]] Expected<Committed> apply(Batch& batch);
  [[nodiscard]] Expected<Lease> take_lease(const std::string& owner, const std::string& partition, Duration length);

  const MemoryOptions options_;
  const Clock& clock_;
  StoreMetrics metrics_;
  mutable std::mutex mutex_;  // callers live on several shards; no callback runs under it
  std::map<std::string, MemoryTable, std::less<>> tables_;
  std::map<std::string, StoredLease, std::less<>> leases_;
  std::size_t bytes_ = 0;
  Version last_version_ = 0;
};

}  // namespace herald::store
