#include "store/sqlite_scans.h"

#include <utility>

namespace herald::store {

// Indexes are named, so that the plan does not depend on statistics that nobody gathers. A term within a partition is looked for
// where the term's entries have ids of the partition: neither a large partition nor a frequent term is walked through. (`<>`: a
// second bound of the same column would leave it to chance which of them is used.)
std::string scan_sql(bool partition, bool term, bool newest_first) {
  const std::string beyond = newest_first ? " < " : " > ";
  const std::string direction = newest_first ? " DESC" : "";
  std::string sql = "SELECT r.partition, r.id, r.version, r.due, r.value FROM ";
  if (partition && term) {
    const std::string ends = "(id) FROM record INDEXED BY record_partition WHERE partition = ?5 AND tbl = ?1)";
    const auto first = "(SELECT min" + ends;
    const auto last = "(SELECT max" + ends;
    const auto from = newest_first ? first : "max(?2, " + first + ")";
    const auto to = newest_first ? "min(?2, " + last + ")" : last;
    return sql + "term t CROSS JOIN record r ON r.row = t.row WHERE t.tbl = ?1 AND t.term = ?6 AND t.id >= " + from +
           " AND t.id <= " + to + " AND t.id <> ?2 AND t.partition = ?5 ORDER BY t.id" + direction + " LIMIT ?4";
  }
  if (partition) {
    sql += "record r INDEXED BY record_partition WHERE r.partition = ?5 AND r.tbl = ?1 AND r.id" + beyond + "?2";
    return sql + " ORDER BY r.id" + direction + " LIMIT ?4";
  }
  if (term) {
    sql += "term t CROSS JOIN record r ON r.row = t.row WHERE t.tbl = ?1 AND t.term = ?6 AND (t.id, t.partition)" + beyond +
           "(?2, ?3)";
    return sql + " ORDER BY t.id" + direction + ", t.partition" + direction + " LIMIT ?4";
  }
  sql += "record r INDEXED BY record_key WHERE r.tbl = ?1 AND (r.id, r.partition)" + beyond + "(?2, ?3)";
  return sql + " ORDER BY r.id" + direction + ", r.partition" + direction + " LIMIT ?4";
}

Expected<void> SqliteScans::prepare(Database& database, const TableNumbers& tables, const RecordLimits& limits) {
  database_ = &database;
  tables_ = &tables;
  limits_ = limits;
  auto due = database.prepare(
      "SELECT partition, id, version, due, value FROM record INDEXED BY record_due "
      "WHERE tbl = ?1 AND due <= ?2 ORDER BY due LIMIT ?3");
  if (!due) return fail(std::move(due.error()));
  due_ = std::move(*due);
  return {};
}

Expected<Statement*> SqliteScans::statement_for(const Scan& scan) {
  auto& statement = scans_.at((scan.partition ? 1U : 0U) + (scan.term ? 2U : 0U) + (scan.newest_first ? 4U : 0U));
  if (!statement) {
    auto made = database_->prepare(scan_sql(scan.partition.has_value(), scan.term.has_value(), scan.newest_first));
    if (!made) return fail(std::move(made.error()));
    statement = std::move(*made);
  }
  return &statement;
}

// Columns: partition, id, version, due, value. The statement was given limit + 1, to see whether there is more.
Expected<Page> SqliteScans::collect(Statement& statement, std::string_view table, std::size_t limit) const {
  Page page;
  std::size_t bytes = 0;
  for (;;) {
    auto row = statement.step();
    if (!row) return fail(std::move(row.error()));
    if (!*row) return page;
    const auto value = statement.text(4);
    if (page.records.size() == limit || (bytes > 0 && bytes + value.size() > limits_.max_page_bytes)) {
      page.next = cursor_text(page.records.back().key.id, page.records.back().key.partition);
      return page;
    }
    bytes += value.size() + 1;
    Record record;
    record.key = Key{std::string(table), std::string(statement.text(0)), std::string(statement.text(1))};
    record.version = static_cast<Version>(statement.number(2));
    if (!statement.is_null(3)) record.due = WallTime(std::chrono::milliseconds(statement.number(3)));
    record.value = std::string(value);
    page.records.push_back(std::move(record));
  }
}

Expected<Page> SqliteScans::scan(const Scan& scan) {
  const auto after = parse_cursor(scan.cursor);
  if (!after) return fail(after.error());
  const auto table = tables_->find(scan.table);
  if (!table) return Page{};
  auto found = statement_for(scan);
  if (!found) return fail(std::move(found.error()));
  Statement& statement = **found;
  const ResetAtEnd reset(statement);
  const auto limit = page_limit(scan.limit, limits_);
  statement.bind(1, *table).bind(4, static_cast<std::int64_t>(limit + 1));
  // No cursor: in SQLite's order every text lies above the empty one and below any blob.
  if (*after)
    statement.bind(2, (*after)->id);
  else if (scan.newest_first)
    statement.bind_blob(2, {});
  else
    statement.bind(2, std::string_view());
  if (!scan.partition) statement.bind(3, *after ? std::string_view((*after)->partition) : std::string_view());
  if (scan.partition) statement.bind(5, *scan.partition);
  if (scan.term) statement.bind(6, *scan.term);
  return collect(statement, scan.table, limit);
}

Expected<Page> SqliteScans::due(std::string_view table, WallTime until, std::size_t limit) {
  const auto number = tables_->find(table);
  if (!number) return Page{};
  const ResetAtEnd reset(due_);
  const auto wanted = page_limit(limit, limits_);
  due_.bind(1, *number).bind(2, std::int64_t{until.time_since_epoch().count()}).bind(3, static_cast<std::int64_t>(wanted));
  auto page = collect(due_, table, wanted);
  if (page) page->next.clear();  // there is no cursor: whoever works on these records moves their due time
  return page;
}

}  // namespace herald::store
