#include "store/sqlite_records.h"

#include <utility>

#include "store/store_rules.h"

namespace herald::store {
namespace {

// Versions must never repeat, also not for a record that was erased and made again, so they are numbered through the whole
// store; each opening starts a new block instead of writing the last number with every commit.
constexpr int kVersionBlockBits = 32;

// Terms of a record in one column, each ended by NUL (which no term contains).
std::string packed(const std::vector<std::string>& terms) {
  std::string text;
  for (const auto& term : terms) text.append(term).push_back('\0');
  return text;
}

bool has_term(std::string_view terms, std::string_view term) {
  while (!terms.empty()) {
    const auto end = std::min(terms.find('\0'), terms.size());
    if (terms.substr(0, end) == term) return true;
    terms.remove_prefix(std::min(end + 1, terms.size()));
  }
  return false;
}

template <class Each>
Expected<void> for_each_term(std::string_view terms, Each each) {
  while (!terms.empty()) {
    const auto end = std::min(terms.find('\0'), terms.size());
    if (auto ok = each(terms.substr(0, end)); !ok) return ok;
    terms.remove_prefix(std::min(end + 1, terms.size()));
  }
  return {};
}

std::int64_t milliseconds(WallTime time) { return time.time_since_epoch().count(); }

void bind_due(Statement& statement, int index, const std::optional<WallTime>& due) {
  if (due)
    statement.bind(index, milliseconds(*due));
  else
    statement.bind_null(index);
}

Expected<void> prepare_into(Database& database, Statement& statement, std::string_view sql) {
  auto made = database.prepare(sql);
  if (!made) return fail(std::move(made.error()));
  statement = std::move(*made);
  return {};
}

}  // namespace

Expected<void> TableNumbers::prepare(Database& database) {
  database_ = &database;
  if (auto ok = prepare_into(database, add_, "INSERT INTO record_table (name) VALUES (?1)"); !ok) return ok;
  if (auto ok = prepare_into(database, list_, "SELECT name, number FROM record_table"); !ok) return ok;
  return reload();
}

Expected<void> TableNumbers::reload() {
  const ResetAtEnd reset(list_);
  numbers_.clear();
  for (;;) {
    auto row = list_.step();
    if (!row) return fail(std::move(row.error()));
    if (!*row) return {};
    numbers_.emplace(std::string(list_.text(0)), list_.number(1));
  }
}

std::optional<std::int64_t> TableNumbers::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

Expected<std::int64_t> TableNumbers::find_or_add(std::string_view name) {
  if (const auto known = find(name)) return *known;
  if (auto ok = add_.bind(1, name).run(); !ok) return fail(std::move(ok.error()));
  const auto number = database_->last_row();
  numbers_.emplace(std::string(name), number);
  return number;
}

Expected<void> SqliteRecords::prepare(Database& database, TableNumbers& tables) {
  database_ = &database;
  tables_ = &tables;
  const std::pair<Statement*, std::string_view> statements[] = {
      {&find_, "SELECT row, version, due, terms FROM record WHERE tbl = ?1 AND id = ?2 AND partition = ?3"},
      {&get_, "SELECT version, due, value FROM record WHERE tbl = ?1 AND id = ?2 AND partition = ?3"},
      {&insert_, "INSERT INTO record (tbl, id, partition, version, due, terms, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
      {&update_[0], "UPDATE record SET version = ?2, value = ?3 WHERE row = ?1"},
      {&update_[1], "UPDATE record SET version = ?2, value = ?3, due = ?4 WHERE row = ?1"},
      {&update_[2], "UPDATE record SET version = ?2, value = ?3, terms = ?5 WHERE row = ?1"},
      {&update_[3], "UPDATE record SET version = ?2, value = ?3, due = ?4, terms = ?5 WHERE row = ?1"},
      {&erase_, "DELETE FROM record WHERE row = ?1"},
      {&link_, "INSERT OR IGNORE INTO term (tbl, term, id, partition, row) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&unlink_, "DELETE FROM term WHERE tbl = ?1 AND term = ?2 AND id = ?3 AND partition = ?4"},
  };
  for (const auto& [statement, sql] : statements)
    if (auto ok = prepare_into(database, *statement, sql); !ok) return ok;
  if (auto ok = database.execute("INSERT INTO meta (name, value) VALUES ('opened', 1) "
                                 "ON CONFLICT (name) DO UPDATE SET value = value + 1");
      !ok)
    return ok;
  auto opened = database.number("SELECT value FROM meta WHERE name = 'opened'");
  if (!opened) return fail(std::move(opened.error()));
  last_version_ = static_cast<Version>(*opened) << kVersionBlockBits;
  return {};
}

Expected<Record> SqliteRecords::get(const Key& key) {
  const auto table = tables_->find(key.table);
  const auto missing = [&key] { return fail(ErrorCode::not_found, "store: no such record of " + key.table); };
  if (!table) return missing();
  const ResetAtEnd reset(get_);
  auto row = get_.bind(1, *table).bind(2, key.id).bind(3, key.partition).step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return missing();
  Record record;
  record.key = key;
  record.version = static_cast<Version>(get_.number(0));
  if (!get_.is_null(1)) record.due = WallTime(std::chrono::milliseconds(get_.number(1)));
  record.value = std::string(get_.text(2));
  return record;
}

Expected<SqliteRecords::Stored> SqliteRecords::find(const Key& key) {
  Stored stored;
  const auto table = tables_->find(key.table);
  if (!table) return stored;
  const ResetAtEnd reset(find_);
  auto row = find_.bind(1, *table).bind(2, key.id).bind(3, key.partition).step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return stored;
  stored.row = find_.number(0);
  stored.version = static_cast<Version>(find_.number(1));
  if (!find_.is_null(2)) stored.due = find_.number(2);
  stored.terms = std::string(find_.text(3));
  return stored;
}

// What is stored for each put, then each erase.
Outcome<std::vector<SqliteRecords::Stored>> SqliteRecords::check(const Batch& batch) {
  std::vector<Stored> all;
  all.reserve(batch.puts.size() + batch.erases.size());
  std::optional<Error> refused;
  const auto look = [&](const Key& key, const std::optional<Version>& expected) -> Expected<void> {
    auto stored = find(key);
    if (!stored) return fail(std::move(stored.error()));
    if (!version_matches(expected, stored->version) && !refused) refused = version_conflict(key, stored->version, *expected);
    all.push_back(std::move(*stored));
    return {};
  };
  for (const auto& put : batch.puts)
    if (auto ok = look(put.key, put.expected); !ok) return fail(std::move(ok.error()));
  for (const auto& erase : batch.erases)
    if (auto ok = look(erase.key, erase.expected); !ok) return fail(std::move(ok.error()));
  if (refused) return Expected<std::vector<Stored>>(fail(std::move(*refused)));
  return Expected<std::vector<Stored>>(std::move(all));
}

Outcome<Committed> SqliteRecords::apply(const Batch& batch) {
  auto checked = check(batch);
  if (!checked) return fail(std::move(checked.error()));
  if (!*checked) return Expected<Committed>(fail(std::move(checked->error())));
  auto stored = (**checked).begin();
  Committed committed;
  committed.versions.reserve(batch.puts.size());
  for (const auto& each : batch.puts) {
    committed.versions.push_back(++last_version_);
    if (auto ok = put(each, *stored++, last_version_); !ok) return fail(std::move(ok.error()));
  }
  for (const auto& each : batch.erases)
    if (auto ok = erase(each.key, *stored++); !ok) return fail(std::move(ok.error()));
  return Expected<Committed>(std::move(committed));
}

Expected<void> SqliteRecords::put(const Put& put, const Stored& stored, Version version) {
  const auto table = tables_->find_or_add(put.key.table);
  if (!table) return fail(table.error());
  const auto terms = put.keep_terms ? stored.terms : packed(put.terms);
  if (stored.row == 0) {
    const auto row = insert(put, *table, version, terms);
    if (!row) return fail(row.error());
    return link_terms(put.key, *table, *row, terms);
  }
  const bool terms_change = terms != stored.terms;
  if (auto ok = update(put, stored, version, terms_change ? &terms : nullptr); !ok) return ok;
  if (!terms_change) return {};
  if (auto ok = unlink_terms(put.key, *table, stored.terms, terms); !ok) return ok;
  return link_terms(put.key, *table, stored.row, terms, stored.terms);
}

Expected<std::int64_t> SqliteRecords::insert(const Put& put, std::int64_t table, Version version, std::string_view terms) {
  insert_.bind(1, table).bind(2, put.key.id).bind(3, put.key.partition).bind(4, static_cast<std::int64_t>(version));
  bind_due(insert_, 5, put.due);
  if (auto ok = insert_.bind_blob(6, terms).bind_blob(7, put.value).run(); !ok) return fail(std::move(ok.error()));
  return database_->last_row();
}

Expected<void> SqliteRecords::update(const Put& put, const Stored& stored, Version version, const std::string* new_terms) {
  const auto due = put.due ? std::optional(milliseconds(*put.due)) : std::nullopt;
  const bool due_changes = due != stored.due;
  Statement& statement = update_.at((due_changes ? 1U : 0U) + (new_terms != nullptr ? 2U : 0U));
  statement.bind(1, stored.row).bind(2, static_cast<std::int64_t>(version)).bind_blob(3, put.value);
  if (due_changes) bind_due(statement, 4, put.due);
  if (new_terms != nullptr) statement.bind_blob(5, *new_terms);
  return statement.run();
}

Expected<void> SqliteRecords::erase(const Key& key, const Stored& stored) {
  if (stored.row == 0) return {};
  const auto table = tables_->find(key.table);
  if (!table) return {};
  if (auto ok = unlink_terms(key, *table, stored.terms); !ok) return ok;
  return erase_.bind(1, stored.row).run();
}

Expected<void> SqliteRecords::link_terms(const Key& key, std::int64_t table, std::int64_t row, std::string_view terms,
                                         std::string_view but) {
  return for_each_term(terms, [&](std::string_view term) -> Expected<void> {
    if (has_term(but, term)) return {};
    return link_.bind(1, table).bind(2, term).bind(3, key.id).bind(4, key.partition).bind(5, row).run();
  });
}

Expected<void> SqliteRecords::unlink_terms(const Key& key, std::int64_t table, std::string_view terms, std::string_view but) {
  return for_each_term(terms, [&](std::string_view term) -> Expected<void> {
    if (has_term(but, term)) return {};
    return unlink_.bind(1, table).bind(2, term).bind(3, key.id).bind(4, key.partition).run();
  });
}

}  // namespace herald::store
