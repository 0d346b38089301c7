// Pages of records in index order.
// Thread: that of the database.
#pragma once

#include <array>
#include <string>

#include "herald/store.h"
#include "store/sqlite_handle.h"
#include "store/sqlite_records.h"
#include "store/store_rules.h"

namespace herald::store {

// The statement of one kind of scan. ?1 table, ?2 and ?3 id and partition to go on after, ?4 limit, ?5 partition, ?6 term.
[[nodiscard]] std::string scan_sql(bool partition, bool term, bool newest_first);

class SqliteScans {
 public:
  Expected<void> prepare(Database& database, const TableNumbers& tables, const RecordLimits& limits);
  Expected<Page> scan(const Scan& scan);
  Expected<Page> due(std::string_view table, WallTime until, std::size_t limit);

 private:
  Expected<Statement*> statement_for(const Scan& scan);
  Expected<Page> collect(Statement& statement, std::string_view table, std::size_t limit) const;

  Database* database_ = nullptr;
  const TableNumbers* tables_ = nullptr;
  RecordLimits limits_;
  Statement due_;
  std::array<Statement, 8> scans_;  // by partition given, term given, newest first; prepared when first used
};

}  // namespace herald::store
