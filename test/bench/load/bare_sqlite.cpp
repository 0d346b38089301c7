// The bare part of a push's durability: SQLite in WAL mode with FULL synchronisation, the rows a push writes, in groups.
//   bench_bare_sqlite FILE PUSHES GROUP          per push: one row of 700 bytes in, two updates of it; each group is one
//   transaction bench_bare_sqlite FILE PUSHES GROUP accept   per push what its acceptance keeps: two records with the indexes
//   that find them by
//                                                id, partition and due time, and three terms
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <sqlite3.h>
#include <string>

namespace {
sqlite3* db = nullptr;
void run(const char* sql) {
  char* error = nullptr;
  if (sqlite3_exec(db, sql, nullptr, nullptr, &error) != SQLITE_OK) {
    std::fprintf(stderr, "%s: %s\n", sql, error);
    std::exit(1);
  }
}

sqlite3_stmt* prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) {
    std::fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    std::exit(1);
  }
  return statement;
}
void bind(sqlite3_stmt* statement, int at, const std::string& text) {
  sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
void step(sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) {
    std::fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    std::exit(1);
  }
  sqlite3_reset(statement);
}

int accept(long pushes, long group) {
  run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store = MEMORY");
  run("CREATE TABLE record (row INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, partition TEXT NOT NULL, id TEXT NOT NULL,"
      " version INTEGER NOT NULL, due INTEGER, terms BLOB NOT NULL, value BLOB NOT NULL);"
      "CREATE UNIQUE INDEX record_key ON record (tbl, id, partition);"
      "CREATE INDEX record_partition ON record (partition, tbl, id);"
      "CREATE INDEX record_due ON record (tbl, due) WHERE due IS NOT NULL;"
      "CREATE TABLE term (tbl INTEGER NOT NULL, term TEXT NOT NULL, id TEXT NOT NULL, partition TEXT NOT NULL, row INTEGER NOT "
      "NULL,"
      " PRIMARY KEY (tbl, term, id, partition)) WITHOUT ROWID");
  auto* insert =
      prepare("INSERT INTO record (tbl, id, partition, version, due, terms, value) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)");
  auto* link = prepare("INSERT INTO term (tbl, term, id, partition, row) VALUES (?1, ?2, ?3, ?4, ?5)");
  const auto put = [&](int table, const std::string& id, const std::string& partition, long due, const std::string& value,
                       std::initializer_list<std::string> terms) {
    std::string packed;
    for (const auto& term : terms) packed += term + ' ';
    sqlite3_bind_int(insert, 1, table);
    bind(insert, 2, id);
    bind(insert, 3, partition);
    if (due != 0)
      sqlite3_bind_int64(insert, 4, due);
    else
      sqlite3_bind_null(insert, 4);
    bind(insert, 5, packed);
    bind(insert, 6, value);
    step(insert);
    const auto row = sqlite3_last_insert_rowid(db);
    for (const auto& term : terms) {
      sqlite3_bind_int(link, 1, table);
      bind(link, 2, term);
      bind(link, 3, id);
      bind(link, 4, partition);
      sqlite3_bind_int64(link, 5, row);
      step(link);
    }
  };
  const std::string push(420, 'p');
  const std::string delivery(110, 'd');
  for (long base = 0; base < pushes; base += group) {
    run("BEGIN IMMEDIATE");
    for (long i = base; i < base + group && i < pushes; ++i) {
      const auto id = "01JD000000000000" + std::to_string(1000000000 + i);
      put(2, id + "000000", id, 0, delivery, {"a=sip:u" + std::to_string(i % 1000) + "@ims.lab", "open"});
      put(1, id, id, 1790000000000 + i, push, {"i=bench"});
    }
    run("COMMIT");
  }
  sqlite3_finalize(insert);
  sqlite3_finalize(link);
  sqlite3_close(db);
  std::printf("{\"pushes\":%ld}\n", pushes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const long pushes = std::atol(argv[2]);
  const long group = std::atol(argv[3]);
  if (argc > 4 && std::string(argv[4]) == "accept") {
    if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
    return accept(pushes, group);
  }
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  run("CREATE TABLE push (id TEXT PRIMARY KEY, version INTEGER, due INTEGER, value BLOB) WITHOUT ROWID");
  sqlite3_stmt* insert = nullptr;
  sqlite3_stmt* update = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO push VALUES (?, 1, ?, ?)", -1, &insert, nullptr);
  sqlite3_prepare_v2(db, "UPDATE push SET version = version + 1, value = ? WHERE id = ?", -1, &update, nullptr);
  const std::string value(700, 'v');
  const auto id = [](long i) { return "01JD" + std::to_string(1000000000 + i); };
  for (long base = 0; base < pushes; base += group) {
    run("BEGIN IMMEDIATE");
    for (long i = base; i < base + group && i < pushes; ++i) {
      const auto key = id(i);
      sqlite3_bind_text(insert, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
      sqlite3_bind_int64(insert, 2, i);
      sqlite3_bind_blob(insert, 3, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      if (sqlite3_step(insert) != SQLITE_DONE) return 1;
      sqlite3_reset(insert);
    }
    run("COMMIT");
    for (int round = 0; round < 2; ++round) {
      run("BEGIN IMMEDIATE");
      for (long i = base; i < base + group && i < pushes; ++i) {
        const auto key = id(i);
        sqlite3_bind_blob(update, 1, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
        sqlite3_bind_text(update, 2, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
        if (sqlite3_step(update) != SQLITE_DONE) return 1;
        sqlite3_reset(update);
      }
      run("COMMIT");
    }
  }
  sqlite3_finalize(insert);
  sqlite3_finalize(update);
  sqlite3_close(db);
  std::printf("{\"pushes\":%ld}\n", pushes);
}
