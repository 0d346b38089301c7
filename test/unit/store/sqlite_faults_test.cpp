// What may happen to a file: every fault is an answer, none ends the process. ST-61
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "herald/metrics.h"
#include "store/sqlite_schema.h"
#include "store_drivers.h"

using namespace herald;
using namespace herald::test;

namespace {

struct File {
  TemporaryFolder folder;
  store::SqliteOptions options;
  WaitingExecutor executor;

  File() { options.file.path = folder.file("store.db"); }
  std::unique_ptr<store::SqliteStore> open() {
    auto made = store::SqliteStore::open(options);
    REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : made.error().text));
    return std::move(*made);
  }
  Error refused() {
    auto made = store::SqliteStore::open(options);
    REQUIRE_FALSE(made.has_value());
    return made.error();
  }
  store::Database raw() {
    auto database = store::Database::open(options.file.path, 0);
    REQUIRE(database);
    return std::move(*database);
  }
  // A store with some records, closed again.
  void fill(int records = 200) {
    auto store = open();
    for (int i = 0; i < records; ++i)
      REQUIRE(executor.await(store->commit(batch(put("id" + std::to_string(1000 + i), std::string(700, 'x'))))));
  }
};

}  // namespace

TEST_CASE("records, versions, due times, terms and leases survive a restart") {
  File file;
  Version version = 0;
  {
    auto store = file.open();
    auto write = put("1", "v");
    write.due = WallTime(std::chrono::milliseconds(7));
    write.terms = {"t"};
    version = file.executor.await(store->commit(batch(write)))->versions[0];
    CHECK(file.executor.await(store->acquire("a", "p1", std::chrono::hours(1)))->token == 1);
  }
  auto store = file.open();
  CHECK(file.executor.await(store->get(key("1")))->version == version);
  CHECK(ids(file.executor.await(store->due("push", WallTime::max(), 10))) == std::vector<std::string>{"1"});
  Scan scan;
  scan.table = "push";
  scan.term = "t";
  CHECK(ids(file.executor.await(store->scan(scan))) == std::vector<std::string>{"1"});
  CHECK_FALSE(file.executor.await(store->acquire("b", "p1", std::chrono::hours(1))).has_value());
  CHECK(file.executor.await(store->acquire("a", "p1", std::chrono::hours(1)))->token == 1);
  const auto next = file.executor.await(store->commit(batch(put("1", "w", version))));
  REQUIRE(next);
  CHECK(next->versions[0] > version);
}

TEST_CASE("an erased record's version does not come back after a restart either") {
  File file;
  Version version = 0;
  {
    auto store = file.open();
    version = file.executor.await(store->commit(batch(put("1", "v"))))->versions[0];
    Batch erase;
    erase.erases.push_back({key("1"), version});
    REQUIRE(file.executor.await(store->commit(erase)));
  }
  auto store = file.open();
  CHECK(file.executor.await(store->commit(batch(put("1", "v", 0))))->versions[0] > version);
}

TEST_CASE("stopping carries out what is queued and refuses what comes later") {
  File file;
  auto store = file.open();
  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(store->commit(batch(put("id" + std::to_string(i), "v", 0))));
  store->stop();
  store->stop();
  for (const auto& result : file.executor.await_all(std::move(futures))) CHECK(result.has_value());
  const auto late = file.executor.await(store->get(key("id1")));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == ErrorCode::unavailable);
  store.reset();
  store = file.open();
  CHECK(file.executor.await(store->get(key("id999"))));
}

TEST_CASE("a full queue says busy with a time to wait, and takes work again when it has drained") {
  File file;
  file.options.max_queued_calls = 8;
  auto store = file.open();
  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 2000; ++i) futures.push_back(store->commit(batch(put("id" + std::to_string(i), "v", 0))));
  std::size_t busy = 0;
  for (const auto& result : file.executor.await_all(std::move(futures))) {
    if (result) continue;
    ++busy;
    CHECK(result.error().code == ErrorCode::busy);
    CHECK(result.error().retry_after.has_value());
  }
  CHECK(busy > 0);
  CHECK(busy < 2000);
  CHECK(file.executor.await(store->commit(batch(put("after", "v")))));

  file.options.max_queued_bytes = 10'000;
  store.reset();
  store = file.open();
  const auto large = file.executor.await(store->commit(batch(put("large", std::string(20'000, 'x')))));
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().code == ErrorCode::busy);
}

TEST_CASE("a full disk refuses what is too much, keeps the rest, and is left behind when there is room") {
  File file;
  file.options.file.max_bytes = 400'000;
  file.options.checkpoint_pages = 10;
  auto store = file.open();
  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 100; ++i)
    futures.push_back(store->commit(batch(put("id" + std::to_string(100 + i), std::string(10'000, 'x')))));
  std::vector<std::string> kept;
  const auto results = file.executor.await_all(std::move(futures));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i])
      kept.push_back("id" + std::to_string(100 + i));
    else
      CHECK(results[i].error().code == ErrorCode::unavailable);
  }
  CHECK(kept.size() > 10);
  CHECK(kept.size() < 60);
  Scan scan;
  scan.table = "push";
  CHECK(ids(file.executor.await(store->scan(scan))) == kept);  // reading goes on, and shows exactly what was acknowledged
  Batch erase;
  for (std::size_t i = 0; i < 5; ++i) erase.erases.push_back({key(kept[i]), std::nullopt});
  CHECK(file.executor.await(store->commit(erase)));
  CHECK(file.executor.await(store->commit(batch(put("again", std::string(10'000, 'x'))))));
}

TEST_CASE("one batch that is too large for the disk does not take its neighbours with it") {
  File file;
  file.options.file.max_bytes = 400'000;
  auto store = file.open();
  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 50; ++i)
    futures.push_back(store->commit(batch(put("id" + std::to_string(i), std::string(i == 20 ? 900'000 : 100, 'x')))));
  const auto results = file.executor.await_all(std::move(futures));
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i);
    CHECK(results[i].has_value() == (i != 20));
  }
}

TEST_CASE("another program's transaction delays writes to a busy answer; reads go on") {
  File file;
  file.options.file.busy_timeout_ms = 1;
  auto store = file.open();
  REQUIRE(file.executor.await(store->commit(batch(put("1", "v")))));
  auto other = file.raw();
  REQUIRE(other.execute("BEGIN IMMEDIATE"));
  const auto result = file.executor.await(store->commit(batch(put("1", "w"))));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::busy);
  CHECK(file.executor.await(store->get(key("1")))->value == "v");
  REQUIRE(other.execute("ROLLBACK"));
  CHECK(file.executor.await(store->commit(batch(put("1", "w")))));
}

TEST_CASE("a second store on the same file is refused and told who holds it") {
  File file;
  auto store = file.open();
  const auto error = file.refused();
  CHECK(error.code == ErrorCode::conflict);
  CHECK(error.text.find("held by process " + std::to_string(getpid())) != std::string::npos);
  store.reset();
  CHECK(file.open());
}

TEST_CASE("a path that cannot be opened is an error that names it") {
  File file;
  file.options.file.path = file.folder.file("no/such/folder/store.db");
  const auto error = file.refused();
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(error.text.find("no/such/folder") != std::string::npos);
  file.options.file.path = file.folder.file("folder.db");
  std::filesystem::create_directory(file.options.file.path);
  CHECK(file.refused().code == ErrorCode::unavailable);
}

TEST_CASE("a file that is no database, or somebody else's, is not touched") {
  File file;
  std::ofstream(file.options.file.path) << std::string(8192, 'x');
  CHECK(file.refused().code == ErrorCode::corrupt);
  CHECK(std::filesystem::file_size(file.options.file.path) == 8192);

  File foreign;
  REQUIRE(foreign.raw().execute("CREATE TABLE theirs (a)"));
  CHECK(foreign.refused().code == ErrorCode::unsupported);
  CHECK(foreign.raw().number("SELECT count(*) FROM sqlite_master") == 1);
}

TEST_CASE("a file of a newer version is refused") {
  File file;
  file.fill(1);
  REQUIRE(file.raw().execute("PRAGMA user_version = 99"));
  const auto error = file.refused();
  CHECK(error.code == ErrorCode::unsupported);
  CHECK(error.text.find("99") != std::string::npos);
}

TEST_CASE("a damaged file is refused at start") {
  File file;
  file.fill();
  {
    std::fstream bytes(file.options.file.path, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 3; page < 12; ++page) {
      bytes.seekp(page * 4096);
      bytes << std::string(200, '\x7f');
    }
  }
  const auto error = file.refused();
  CHECK(error.code == ErrorCode::corrupt);
}

TEST_CASE("damage that is met later fails the calls that meet it and nothing else") {
  File file;
  file.fill();
  file.options.file.check_on_start = false;
  file.options.file.cache_bytes = 0;
  std::int64_t row_page = 0;
  {
    auto database = file.raw();
    auto page = database.number("SELECT rootpage FROM sqlite_master WHERE name = 'record_due'");
    REQUIRE(page);
    row_page = *page;
  }
  {
    std::fstream bytes(file.options.file.path, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp((row_page - 1) * 4096);
    bytes << std::string(4096, '\x7f');
  }
  auto store = file.open();
  const auto due = file.executor.await(store->due("push", WallTime::max(), 10));
  REQUIRE_FALSE(due.has_value());
  CHECK(due.error().code == ErrorCode::corrupt);
  CHECK(file.executor.await(store->get(key("id1001"))));

  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 20; ++i) {
    auto write = put("new" + std::to_string(i), "v");
    if (i == 7) write.due = WallTime(std::chrono::milliseconds(1));  // needs the damaged index
    futures.push_back(store->commit(batch(write)));
  }
  const auto results = file.executor.await_all(std::move(futures));
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i);
    CHECK(results[i].has_value() == (i != 7));
    if (!results[i]) CHECK(results[i].error().code == ErrorCode::corrupt);
  }
}

TEST_CASE("a read-only file is refused with the reason") {
  if (geteuid() == 0) return;  // root may write everything
  File file;
  file.fill(1);
  std::filesystem::permissions(file.options.file.path, std::filesystem::perms::owner_read);
  CHECK(file.refused().code == ErrorCode::unavailable);
}

TEST_CASE("migrations run once each, in order, and a failing one leaves the file as it was") {
  File file;
  const auto ours = store::migrations();
  std::vector<std::string_view> steps(ours.begin(), ours.end());
  auto database = file.raw();
  REQUIRE(store::migrate(database, steps));
  REQUIRE(database.execute("INSERT INTO lease VALUES ('p', 'a', 5, 0)"));
  steps.push_back("ALTER TABLE lease ADD COLUMN note TEXT; UPDATE lease SET note = 'moved'");
  REQUIRE(store::migrate(database, steps));
  REQUIRE(store::migrate(database, steps));
  CHECK(database.text("SELECT note FROM lease WHERE token = 5") == "moved");
  CHECK(database.number("PRAGMA user_version") == static_cast<std::int64_t>(steps.size()));
  steps.push_back("CREATE TABLE half (a); this is no statement");
  CHECK_FALSE(store::migrate(database, steps).has_value());
  CHECK(database.number("PRAGMA user_version") == static_cast<std::int64_t>(steps.size() - 1));
  CHECK(database.number("SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0);
}

TEST_CASE("the file and its log are readable by their owner alone") {
  File file;
  auto store = file.open();
  REQUIRE(file.executor.await(store->commit(batch(put("1", "v")))));
  using std::filesystem::perms;
  for (const auto* suffix : {"", "-wal", ".lock"}) {
    CAPTURE(suffix);
    const auto rights = std::filesystem::status(file.options.file.path + suffix).permissions();
    CHECK((rights & (perms::group_all | perms::others_all)) == perms::none);
  }
}

TEST_CASE("queries go by index, not through the whole table") {
  File file;
  file.fill(1);
  auto database = file.raw();
  const auto plan = [&database](const std::string& sql) {
    std::string steps;
    auto statement = database.prepare("EXPLAIN QUERY PLAN " + sql, false);
    REQUIRE(statement);
    while (statement->step().value()) steps += std::string(statement->text(3)) + "; ";
    return steps;
  };
  const auto good = [](const std::string& steps) {
    return steps.find("SCAN") == std::string::npos && steps.find("TEMP B-TREE") == std::string::npos;
  };
  for (const bool partition : {false, true})
    for (const bool term : {false, true})
      for (const bool newest : {false, true}) {
        const auto steps = plan(store::scan_sql(partition, term, newest));
        CAPTURE(steps);
        CHECK(good(steps));
      }
  const auto steps = plan("SELECT row FROM record WHERE tbl = ?1 AND id = ?2 AND partition = ?3");
  CAPTURE(steps);
  CHECK(good(steps));
}
