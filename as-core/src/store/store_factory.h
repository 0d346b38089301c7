// From the node's configuration to a store.
// Thread: start-up.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "herald/store.h"

namespace herald::store {

struct StoreOptions {
  std::string driver = "sqlite";   // sqlite | memory | redis (not served yet)
  std::string path = "herald.db";  // sqlite
  std::size_t max_bytes = 0;       // 0: memory 4 GiB, sqlite as far as the disk goes
  std::size_t max_queued_calls = 20'000;
  std::size_t max_value_bytes = std::size_t{1} << 20;
  const Clock* clock = nullptr;  // null: the machine's; must outlive the store
};

// Error{unsupported} for a driver that is not served, Error{invalid} for one that is unknown; whatever hinders SQLite has been
// reported as an operator event (ST01xx). Destroy the store while the executors that call it still live.
Expected<std::unique_ptr<Store>> make_store(const StoreOptions& options);

}  // namespace herald::store
