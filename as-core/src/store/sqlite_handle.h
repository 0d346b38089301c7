// SQLite's two C objects, owned. Together with sqlite_handle.cpp the only place that calls sqlite3_* functions.
// Thread: one connection and its statements belong to one thread at a time.
// Errors: the code tells the kind of failure to our own folder: busy = locked by another program, corrupt, forbidden =
// read-only, too_large = disk full, unavailable = input/output, internal = the rest. Callers of the store see store_health.h's
// translation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "herald/expected.h"

struct sqlite3;
struct sqlite3_stmt;

namespace herald::store {

// Text or blob in a statement: bound without a copy, so it must live until the statement is reset.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* raw) noexcept : raw_(raw) {}

  Statement& bind(int index, std::string_view text) noexcept;
  Statement& bind(int index, std::int64_t number) noexcept;
  Statement& bind_null(int index) noexcept;
  Statement& bind_blob(int index, std::string_view bytes) noexcept;
  // True: a row is there. False: done. Errors of the database as Error.
  Expected<bool> step();
  // step() until done, then reset.
  Expected<void> run();
  void reset() noexcept;

  [[nodiscard]] std::int64_t number(int column) const noexcept;
  [[nodiscard]] std::string_view text(int column) const noexcept;  // also blobs; until the next step or reset
  [[nodiscard]] bool is_null(int column) const noexcept;

  explicit operator bool() const noexcept { return raw_ != nullptr; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
};

// Resets a statement when the scope ends, however it ends.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) noexcept : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

class Database {
 public:
  static Expected<Database> open(const std::string& path, int busy_timeout_ms);

  Expected<Statement> prepare(std::string_view sql, bool keep = true);
  Expected<void> execute(const std::string& sql);
  // First column of the first row, as number or text.
  Expected<std::int64_t> number(std::string_view sql);
  Expected<std::string> text(std::string_view sql);

  [[nodiscard]] std::int64_t last_row() const noexcept;
  [[nodiscard]] bool in_transaction() const noexcept;
  // Pages in the write-ahead log after the last commit; counted by a hook, which replaces SQLite's own checkpoints.
  [[nodiscard]] int wal_pages() const noexcept { return *wal_pages_; }
  // Moves the log into the database file; `truncate` also empties the log file.
  Expected<void> checkpoint(bool truncate);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  std::unique_ptr<int> wal_pages_ =
      std::make_unique<int>(0);  // outlives the connection, declared before it; stable address for the hook
  std::unique_ptr<sqlite3, Close> raw_;
};

}  // namespace herald::store
