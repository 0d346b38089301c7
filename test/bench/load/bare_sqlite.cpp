// The bare part of a push's durability: SQLite in WAL mode with FULL synchronisation, the rows a push writes, in groups.
//   bench_bare_sqlite FILE PUSHES GROUP   per push: one row of 700 bytes in, two updates of it; each group is one transaction
#include <cstdio>
#include <cstdlib>
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
}  // namespace

int main(int, char** argv) {
  const long pushes = std::atol(argv[2]);
  const long group = std::atol(argv[3]);
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
