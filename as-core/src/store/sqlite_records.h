// Records in the database: lookup, and batches applied all or nothing. Synchronous; used by the store's thread.
// Thread: that of the database.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/store.h"
#include "store/sqlite_handle.h"

namespace herald::store {

// Two levels of failure: the outer one means the database failed and the transaction must be rolled back, the inner one is the
// answer to this call alone (conflict, fenced, not_found) and has changed nothing.
template <class T>
using Outcome = Expected<Expected<T>>;

// Names of tables are long and repeat in every index entry; the file holds numbers.
class TableNumbers {
 public:
  Expected<void> prepare(Database& database);
  [[nodiscard]] std::optional<std::int64_t> find(std::string_view name) const;
  Expected<std::int64_t> find_or_add(std::string_view name);
  Expected<void> reload();  // after a rollback, which may have undone an addition

 private:
  Database* database_ = nullptr;
  Statement add_, list_;
  std::map<std::string, std::int64_t, std::less<>> numbers_;
};

class SqliteRecords {
 public:
  Expected<void> prepare(Database& database, TableNumbers& tables);

  Expected<Record> get(const Key& key);  // not_found is an answer, the rest are failures of the database
  // Inside a transaction. Checks every expected version before it changes anything, so that a refused batch needs no savepoint.
  Outcome<Committed> apply(const Batch& batch);

 private:
  struct Stored {
    std::int64_t row = 0;  // 0: no such record
    Version version = 0;
    std::optional<std::int64_t> due;
    std::string terms;
  };
  Expected<Stored> find(const Key& key);
  Outcome<std::vector<Stored>> check(const Batch& batch);
  Expected<void> put(const Put& put, const Stored& stored, Version version);
  Expected<std::int64_t> insert(const Put& put, std::int64_t table, Version version, std::string_view terms);
  Expected<void> update(const Put& put, const Stored& stored, Version version, const std::string* new_terms);
  Expected<void> erase(const Key& key, const Stored& stored);
  // All of `terms` except those of `but`: an index is only touched where it changes.
  Expected<void> link_terms(const Key& key, std::int64_t table, std::int64_t row, std::string_view terms,
                            std::string_view but = {});
  Expected<void> unlink_terms(const Key& key, std::int64_t table, std::string_view terms, std::string_view but = {});

  Database* database_ = nullptr;
  TableNumbers* tables_ = nullptr;
  Statement find_, get_, insert_, erase_, link_, unlink_;
  std::array<Statement, 4> update_;  // plain, with due, with terms, with both: an index is only touched when it changes
  Version last_version_ = 0;
};

}  // namespace herald::store
