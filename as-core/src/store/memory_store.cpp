#include "store/memory_store.h"

#include <utility>

namespace herald::store {

MemoryStore::MemoryStore(MemoryOptions options)
    : options_(options), clock_(options.clock != nullptr ? *options.clock : system_clock()), metrics_("memory") {}

const MemoryTable* MemoryStore::table(std::string_view name) const {
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

Version MemoryStore::stored_version(const Key& key) const {
  const auto* records = table(key.table);
  const auto* entry = records != nullptr ? records->find(key.partition, key.id) : nullptr;
  return entry != nullptr ? entry->version() : 0;
}

Future<Record> MemoryStore::get(Key key) {
  metrics_.call(StoreCall::get);
  if (auto ok = check_key(key, options_.limits); !ok) return ready<Record>(fail(ok.error()));
  const std::lock_guard lock(mutex_);
  const auto* records = table(key.table);
  const auto* entry = records != nullptr ? records->find(key.partition, key.id) : nullptr;
  if (entry == nullptr) {
    metrics_.failed(ErrorCode::not_found);
    return ready<Record>(fail(ErrorCode::not_found, "store: no such record of " + key.table));
  }
  Record record;
  record.value = std::string(entry->value());
  record.version = entry->version();
  record.due = entry->due();
  record.key = std::move(key);
  return ready<Record>(std::move(record));
}

// Everything that can be refused is refused here, before anything changes.
Expected<void> MemoryStore::admissible(const Batch& batch) const {
  if (batch.fence) {
    const auto lease = leases_.find(batch.fence->partition);
    if (lease != leases_.end() && lease->second.token > batch.fence->token)
      return fail(fenced(*batch.fence, lease->second.token));
  }
  const auto check = [this](const Key& key, const std::optional<Version>& expected) -> Expected<void> {
    const auto stored = stored_version(key);
    if (!version_matches(expected, stored)) return fail(version_conflict(key, stored, *expected));
    return {};
  };
  for (const auto& put : batch.puts)
    if (auto ok = check(put.key, put.expected); !ok) return ok;
  for (const auto& erase : batch.erases)
    if (auto ok = check(erase.key, erase.expected); !ok) return ok;
  if (!batch.puts.empty() && bytes_ + weight(batch) > options_.max_bytes)
    return fail(Error{ErrorCode::busy, "store: memory limit reached", std::chrono::seconds(1)});
  return {};
}

Expected<Committed> MemoryStore::apply(Batch& batch) {
  if (auto ok = admissible(batch); !ok) return fail(ok.error());
  Committed committed;
  committed.versions.reserve(batch.puts.size());
  std::ptrdiff_t grown = 0;
  for (const auto& put : batch.puts) {
    grown += tables_[put.key.table].put(put, ++last_version_);
    committed.versions.push_back(last_version_);
  }
  for (const auto& erase : batch.erases)
    if (const auto found = tables_.find(erase.key.table); found != tables_.end()) grown += found->second.erase(erase.key);
  bytes_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(bytes_) + grown);
  return committed;
}

Future<Committed> MemoryStore::commit(Batch batch) {
  metrics_.call(StoreCall::commit);
  auto ok = check_batch(batch, options_.limits);
  auto result = [&]() -> Expected<Committed> {
    if (!ok) return fail(ok.error());
    const std::lock_guard lock(mutex_);
    return apply(batch);
  }();
  if (!result) metrics_.failed(result.error().code);
  return ready<Committed>(std::move(result));
}

Future<Page> MemoryStore::scan(Scan scan) {
  metrics_.call(StoreCall::scan);
  if (auto ok = check_table(scan.table); !ok) return ready<Page>(fail(ok.error()));
  const auto after = parse_cursor(scan.cursor);
  if (!after) return ready<Page>(fail(after.error()));
  const std::lock_guard lock(mutex_);
  const auto* records = table(scan.table);
  if (records == nullptr) return ready<Page>(Page{});
  return ready<Page>(records->scan(scan, *after, options_.limits));
}

Future<Page> MemoryStore::due(std::string name, WallTime until, std::size_t limit) {
  metrics_.call(StoreCall::due);
  if (auto ok = check_table(name); !ok) return ready<Page>(fail(ok.error()));
  const std::lock_guard lock(mutex_);
  const auto* records = table(name);
  if (records == nullptr) return ready<Page>(Page{});
  return ready<Page>(records->due(name, until, limit, options_.limits));
}

Expected<Lease> MemoryStore::take_lease(const std::string& owner, const std::string& partition, Duration length) {
  if (auto ok = check_lease(owner, partition, length, options_.limits); !ok) return fail(ok.error());
  const std::lock_guard lock(mutex_);
  auto found = leases_.find(partition);
  if (found == leases_.end()) {
    if (leases_.size() >= options_.max_leases) return fail(ErrorCode::busy, "store: too many leases");
    found = leases_.emplace(partition, StoredLease{}).first;
  }
  auto lease = acquired(found->second, owner, length, clock_.wall());
  if (!lease) return fail(std::move(lease.error()));
  found->second = *lease;
  return Lease{partition, lease->token, length};
}

Future<Lease> MemoryStore::acquire(std::string owner, std::string partition, Duration length) {
  metrics_.call(StoreCall::acquire);
  auto lease = take_lease(owner, partition, length);
  if (!lease) metrics_.failed(lease.error().code);
  return ready<Lease>(std::move(lease));
}

Future<void> MemoryStore::release(std::string owner, std::string partition) {
  metrics_.call(StoreCall::release);
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(partition);
  const auto lease = released(found == leases_.end() ? StoredLease{} : found->second, owner);
  if (!lease) return ready<void>(fail(lease.error()));
  found->second = *lease;
  return ready<void>({});
}

std::size_t MemoryStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t MemoryStore::records() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [name, records] : tables_) sum += records.size();
  return sum;
}

}  // namespace herald::store
