#include "store/store_factory.h"

#include <utility>

#include "store/memory_store.h"
#include "store/sqlite_store.h"

namespace herald::store {
namespace {

Expected<std::unique_ptr<Store>> make_sqlite(const StoreOptions& options) {
  if (options.path.empty()) return fail(ErrorCode::invalid, "store: the sqlite driver needs a path");
  SqliteOptions sqlite;
  sqlite.file.path = options.path;
  sqlite.file.max_bytes = options.max_bytes;
  sqlite.clock = options.clock;
  sqlite.limits.max_value_bytes = options.max_value_bytes;
  sqlite.max_queued_calls = options.max_queued_calls;
  auto store = SqliteStore::open(std::move(sqlite));
  if (!store) return fail(std::move(store.error()));
  return std::unique_ptr<Store>(std::move(*store));
}

std::unique_ptr<Store> make_memory(const StoreOptions& options) {
  MemoryOptions memory;
  memory.clock = options.clock;
  if (options.max_bytes > 0) memory.max_bytes = options.max_bytes;
  memory.limits.max_value_bytes = options.max_value_bytes;
  return std::make_unique<MemoryStore>(memory);
}

}  // namespace

Expected<std::unique_ptr<Store>> make_store(const StoreOptions& options) {
  if (options.driver == "sqlite") return make_sqlite(options);
  if (options.driver == "memory") return make_memory(options);
  if (options.driver == "redis")
    return fail(ErrorCode::unsupported, "store: the redis driver is not part of this version; use sqlite or memory");
  return fail(ErrorCode::invalid, "store: unknown driver \"" + options.driver + "\"; use sqlite or memory");
}

}  // namespace herald::store
