// The drivers that the contract is run against.
#pragma once

#include <doctest/doctest.h>
#include <memory>
#include <string>

#include "doubles/temporary_folder.h"
#include "doubles/virtual_clock.h"
#include "doubles/waiting_executor.h"
#include "store/memory_store.h"
#include "store/sqlite_store.h"

namespace herald::test {

struct MemoryDriver {
  VirtualClock clock;
  std::unique_ptr<Store> make(store::RecordLimits limits = {}) {
    store::MemoryOptions options;
    options.clock = &clock;
    options.limits = limits;
    return std::make_unique<store::MemoryStore>(options);
  }
};

struct SqliteDriver {
  VirtualClock clock;
  TemporaryFolder folder;
  std::unique_ptr<Store> make(store::RecordLimits limits = {}) {
    store::SqliteOptions options;
    options.file.path = folder.file("contract.db");
    options.clock = &clock;
    options.limits = limits;
    auto made = store::SqliteStore::open(options);
    REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : made.error().text));
    return std::move(*made);
  }
};

inline Put put(std::string id, std::string value, std::optional<Version> expected = std::nullopt) {
  Put put;
  put.key = Key{"push", "sip:alice@ims.lab", std::move(id)};
  put.value = std::move(value);
  put.expected = expected;
  return put;
}

inline Batch batch(Put one) {
  Batch batch;
  batch.puts.push_back(std::move(one));
  return batch;
}

inline Key key(std::string id) { return Key{"push", "sip:alice@ims.lab", std::move(id)}; }

// A store, and somebody on the test's thread who waits for its answers.
template <class Driver>
struct Bench {
  Driver driver;
  WaitingExecutor executor;
  std::unique_ptr<Store> store;

  explicit Bench(store::RecordLimits limits = {}) : store(driver.make(limits)) {}

  Expected<Record> get(Key which) { return executor.await(store->get(std::move(which))); }
  Expected<Committed> commit(Batch what) { return executor.await(store->commit(std::move(what))); }
  Expected<Committed> commit(Put what) { return commit(batch(std::move(what))); }
  Expected<Page> scan(Scan what) { return executor.await(store->scan(std::move(what))); }
  Expected<Page> due(std::string table, WallTime until, std::size_t limit = 100) {
    return executor.await(store->due(std::move(table), until, limit));
  }
  Expected<Lease> acquire(std::string owner, Duration length = std::chrono::seconds(6)) {
    return executor.await(store->acquire(std::move(owner), "p1", length));
  }
  Expected<void> release(std::string owner) { return executor.await(store->release(std::move(owner), "p1")); }
};

inline std::vector<std::string> ids(const Expected<Page>& page) {
  std::vector<std::string> result;
  if (page)
    for (const auto& record : page->records) result.push_back(record.key.id);
  return result;
}

}  // namespace herald::test
