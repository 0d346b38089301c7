// The database file: how it is opened, recognised, checked and brought up to date. ST-01, ST-03.
// Thread: start-up only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "store/sqlite_handle.h"

namespace herald::store {

struct DatabaseFile {
  std::string path;
  std::size_t cache_bytes = std::size_t{32} << 20;
  std::size_t max_bytes = 0;   // 0: as far as the disk goes
  bool check_on_start = true;  // PRAGMA quick_check, for files below kLargeFile
  int busy_timeout_ms = 1000;  // how long a write waits for another program's transaction
};

// Beyond this a check would hold up the start for many seconds; the operator runs it by hand.
inline constexpr std::size_t kLargeFile = std::size_t{1} << 30;

// Statement i brings a file from user_version i to i + 1; the first one makes it.
[[nodiscard]] std::span<const std::string_view> migrations() noexcept;

// Applies what is missing, each step in one transaction. Error{unsupported} for a file of a newer version.
Expected<void> migrate(Database& database, std::span<const std::string_view> steps);

// An open, recognised, checked, migrated database in WAL mode. Every failure has been reported as an operator event.
Expected<Database> open_database(const DatabaseFile& file);

}  // namespace herald::store
