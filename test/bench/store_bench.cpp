// Commits per second of the store beside bare SQLite doing the same writes, interleaved in one run. Prints, asserts nothing:
// read the ratios, not the rates.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sqlite3.h>
#include <string>
#include <vector>

#include "doubles/temporary_folder.h"
#include "doubles/waiting_executor.h"
#include "herald/record.h"
#include "store/memory_store.h"
#include "store/sqlite_store.h"

using namespace herald;

namespace {

constexpr int kRounds = 3;
constexpr std::size_t kRecordBytes = 700;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Case {
  const char* name;
  int units;
  std::function<void()> work;
  std::vector<double> seconds{};
};

std::string user(int i) { return "sip:user" + std::to_string(i % 10'000) + "@ims.lab"; }

// -- bare SQLite: one table, one key, no indexes for due times and terms ------------------------------------------------

class Bare {
 public:
  Bare(const std::string& path, const char* synchronous) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) std::abort();
    run("PRAGMA journal_mode=WAL");
    run((std::string("PRAGMA synchronous=") + synchronous).c_str());
    run("CREATE TABLE kv (id TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
    sqlite3_prepare_v2(database_, "INSERT OR REPLACE INTO kv VALUES (?1, ?2)", -1, &put_, nullptr);
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  ~Bare() {
    sqlite3_finalize(put_);
    sqlite3_close(database_);
  }
  void run(const char* sql) {
    if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) std::abort();
  }
  // Insert and one update, as a push has at least.
  void write(int transactions, int rows) {
    const std::string value(kRecordBytes, 'x');
    for (int i = 0; i < transactions; ++i) {
      std::vector<std::string> ids;
      for (int r = 0; r < rows; ++r) ids.push_back(make_id(system_clock().wall()));
      for (int pass = 0; pass < 2; ++pass) {
        run("BEGIN IMMEDIATE");
        for (const auto& id : ids) {
          sqlite3_bind_text(put_, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
          sqlite3_bind_blob(put_, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
          if (sqlite3_step(put_) != SQLITE_DONE) std::abort();
          sqlite3_reset(put_);
        }
        run("COMMIT");
      }
    }
  }

 private:
  sqlite3* database_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
};

// -- the store ------------------------------------------------------------------------------------------------------

Batch first_write(const std::string& id, int i, Durability durability) {
  Put put;
  put.key = Key{"push", user(i), id};
  put.value = std::string(kRecordBytes, 'x');
  put.expected = 0;
  put.due = WallTime(std::chrono::milliseconds(i));
  put.terms = {"initiator=news"};
  Batch batch;
  batch.puts.push_back(std::move(put));
  batch.durability = durability;
  return batch;
}

// `window` calls at a time, each a batch of its own: an insert with due time and term, then an update that ends the due time.
void write_store(Store& store, int windows, int window, Durability durability) {
  test::WaitingExecutor executor;
  for (int w = 0; w < windows; ++w) {
    std::vector<std::string> ids;
    std::vector<Future<Committed>> futures;
    for (int i = 0; i < window; ++i) {
      ids.push_back(make_id(system_clock().wall()));
      futures.push_back(store.commit(first_write(ids.back(), w * window + i, durability)));
    }
    const auto inserted = executor.await_all(std::move(futures));
    futures = {};
    for (int i = 0; i < window; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (!inserted[at]) std::abort();
      auto batch = first_write(ids[at], w * window + i, durability);
      batch.puts[0].expected = inserted[at]->versions[0];
      batch.puts[0].due.reset();
      batch.puts[0].terms.clear();
      batch.puts[0].keep_terms = true;
      futures.push_back(store.commit(std::move(batch)));
    }
    for (const auto& updated : executor.await_all(std::move(futures)))
      if (!updated) std::abort();
  }
}

std::unique_ptr<store::SqliteStore> open(const std::string& path) {
  store::SqliteOptions options;
  options.file.path = path;
  auto made = store::SqliteStore::open(options);
  if (!made) std::abort();
  return std::move(*made);
}

}  // namespace

int main() {
  test::TemporaryFolder folder;
  Bare full(folder.file("full.db"), "FULL");
  Bare normal(folder.file("normal.db"), "NORMAL");
  const auto sqlite = open(folder.file("store.db"));
  store::MemoryStore memory;

  std::vector<Case> cases;
  cases.push_back({"bare SQLite FULL, 1 row a commit", 2 * 1000, [&] { full.write(1000, 1); }});
  cases.push_back({"store durable, one caller at a time", 2 * 1000, [&] { write_store(*sqlite, 1000, 1, Durability::durable); }});
  cases.push_back({"bare SQLite FULL, 100 rows a commit", 2 * 20'000, [&] { full.write(200, 100); }});
  cases.push_back({"store durable, 100 callers", 2 * 20'000, [&] { write_store(*sqlite, 200, 100, Durability::durable); }});
  cases.push_back({"store durable, 1000 callers", 2 * 20'000, [&] { write_store(*sqlite, 20, 1000, Durability::durable); }});
  cases.push_back({"bare SQLite NORMAL, 1 row a commit", 2 * 10'000, [&] { normal.write(10'000, 1); }});
  cases.push_back(
      {"store relaxed, one caller at a time", 2 * 10'000, [&] { write_store(*sqlite, 10'000, 1, Durability::relaxed); }});
  cases.push_back({"bare SQLite NORMAL, 100 rows a commit", 2 * 20'000, [&] { normal.write(200, 100); }});
  cases.push_back({"store relaxed, 100 callers", 2 * 20'000, [&] { write_store(*sqlite, 200, 100, Durability::relaxed); }});
  cases.push_back({"memory store", 2 * 50'000, [&] { write_store(memory, 500, 100, Durability::durable); }});

  for (int round = 0; round < kRounds; ++round)
    for (auto& each : cases) each.seconds.push_back(seconds_of(each.work));

  std::printf("%-40s %12s %12s %16s\n", "case (700-byte rows, insert + update)", "rows/s", "us/row", "us/row min..max");
  for (auto& each : cases) {
    std::sort(each.seconds.begin(), each.seconds.end());
    const auto us = [&each](double seconds) { return seconds * 1e6 / each.units; };
    const double median = each.seconds[each.seconds.size() / 2];
    std::printf("%-40s %12.0f %12.2f %8.2f..%.2f\n", each.name, each.units / median, us(median), us(each.seconds.front()),
                us(each.seconds.back()));
  }
}
