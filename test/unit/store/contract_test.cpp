// One contract for every driver. ST-60
#include <algorithm>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

#include "store_drivers.h"

using namespace herald;
using namespace herald::test;
using Ids = std::vector<std::string>;

#define EACH_DRIVER MemoryDriver, SqliteDriver
#define CHECK_FAILS(result, expected_code)        \
  do {                                            \
    const auto& result_ = (result);               \
    REQUIRE_FALSE(result_.has_value());           \
    CHECK(result_.error().code == expected_code); \
  } while (false)

TEST_CASE_TEMPLATE("a record is read back as it was written", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  auto write = put("1", std::string("a\0b\xff", 4));
  write.due = WallTime(std::chrono::milliseconds(5));
  const auto committed = bench.commit(write);
  REQUIRE(committed);
  REQUIRE(committed->versions.size() == 1);
  CHECK(committed->versions[0] > 0);
  const auto record = bench.get(key("1"));
  REQUIRE(record);
  CHECK(record->key == key("1"));
  CHECK(record->value == std::string("a\0b\xff", 4));
  CHECK(record->version == committed->versions[0]);
  CHECK(record->due == write.due);
  CHECK(bench.commit(put("empty", "")));
  CHECK(bench.get(key("empty"))->value.empty());
}

TEST_CASE_TEMPLATE("table, partition and id together are the key", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  for (const auto& name : {Key{"push", "ab", "c"}, Key{"push", "a", "bc"}, Key{"delivery", "ab", "c"}}) {
    Put write;
    write.key = name;
    write.value = name.table + name.partition;
    REQUIRE(bench.commit(write));
  }
  CHECK(bench.get({"push", "ab", "c"})->value == "pushab");
  CHECK(bench.get({"push", "a", "bc"})->value == "pusha");
  CHECK(bench.get({"delivery", "ab", "c"})->value == "deliveryab");
  CHECK_FAILS(bench.get({"delivery", "a", "bc"}), ErrorCode::not_found);
}

TEST_CASE_TEMPLATE("what does not exist is not found", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  CHECK_FAILS(bench.get(key("1")), ErrorCode::not_found);
  REQUIRE(bench.commit(put("2", "x")));
  CHECK_FAILS(bench.get(key("1")), ErrorCode::not_found);
  CHECK(bench.scan({.table = "nothing", .partition = {}, .term = {}, .cursor = {}})->records.empty());
  CHECK(bench.due("nothing", WallTime::max())->records.empty());
}

TEST_CASE_TEMPLATE("compare-and-set lets one of two writers win", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  const auto first = bench.commit(put("1", "a", 0))->versions[0];
  CHECK_FAILS(bench.commit(put("1", "again", 0)), ErrorCode::conflict);
  const auto second = bench.commit(put("1", "b", first));
  REQUIRE(second);
  CHECK(second->versions[0] > first);
  CHECK_FAILS(bench.commit(put("1", "c", first)), ErrorCode::conflict);
  CHECK(bench.get(key("1"))->value == "b");
  CHECK_FAILS(bench.commit(put("absent", "c", 5)), ErrorCode::conflict);
  REQUIRE(bench.commit(put("1", "unconditional")));
  CHECK(bench.get(key("1"))->version > second->versions[0]);
}

TEST_CASE_TEMPLATE("erasing follows the same rules, and versions do not come back", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  const auto version = bench.commit(put("1", "a"))->versions[0];
  Batch erase;
  erase.erases.push_back({key("1"), version + 1});
  CHECK_FAILS(bench.commit(erase), ErrorCode::conflict);
  erase.erases[0].expected = version;
  const auto done = bench.commit(erase);
  REQUIRE(done);
  CHECK(done->versions.empty());
  CHECK_FAILS(bench.get(key("1")), ErrorCode::not_found);
  CHECK_FAILS(bench.commit(erase), ErrorCode::conflict);
  erase.erases[0].expected.reset();
  CHECK(bench.commit(erase));
  erase.erases[0].expected = 0;
  CHECK(bench.commit(erase));
  // A writer that still holds the old version must not mistake the new record for its own.
  CHECK(bench.commit(put("1", "b", 0))->versions[0] > version);
  CHECK_FAILS(bench.commit(put("1", "c", version)), ErrorCode::conflict);
}

TEST_CASE_TEMPLATE("a batch happens whole or not at all", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  const auto kept = bench.commit(put("kept", "old"))->versions[0];
  Batch mixed;
  mixed.puts.push_back(put("new", "x", 0));
  mixed.puts.push_back(put("kept", "changed", kept + 100));
  mixed.erases.push_back({key("kept2"), std::nullopt});
  CHECK_FAILS(bench.commit(mixed), ErrorCode::conflict);
  CHECK_FAILS(bench.get(key("new")), ErrorCode::not_found);
  CHECK(bench.get(key("kept"))->value == "old");
  mixed.puts[1].expected = kept;
  const auto done = bench.commit(mixed);
  REQUIRE(done);
  CHECK(done->versions.size() == 2);
  CHECK(bench.get(key("new"))->version == done->versions[0]);
  CHECK(bench.get(key("kept"))->version == done->versions[1]);
  CHECK(bench.commit(Batch{})->versions.empty());
}

TEST_CASE_TEMPLATE("a refused batch takes no other with it", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  std::vector<Future<Committed>> futures;
  for (int i = 0; i < 300; ++i) futures.push_back(bench.store->commit(batch(put("n" + std::to_string(i / 2), "v", 0))));
  const auto results = bench.executor.await_all(std::move(futures));
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i);
    CHECK(results[i].has_value() == (i % 2 == 0));
    if (!results[i]) CHECK(results[i].error().code == ErrorCode::conflict);
  }
}

TEST_CASE_TEMPLATE("operations of one caller are applied in the order of the calls", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  std::vector<Future<Committed>> writes;
  std::vector<Future<Record>> reads;
  for (int i = 0; i < 500; ++i) {
    writes.push_back(bench.store->commit(batch(put("1", std::to_string(i)))));
    reads.push_back(bench.store->get(key("1")));
  }
  const auto committed = bench.executor.await_all(std::move(writes));
  const auto seen = bench.executor.await_all(std::move(reads));
  for (std::size_t i = 0; i < 500; ++i) {
    REQUIRE(committed[i]);
    REQUIRE(seen[i]);
    CHECK(seen[i]->value == std::to_string(i));
    CHECK(seen[i]->version == committed[i]->versions[0]);
    if (i > 0) CHECK(committed[i]->versions[0] > committed[i - 1]->versions[0]);
  }
}

TEST_CASE_TEMPLATE("due records come earliest first and only when due", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  const auto at = [](int ms) { return WallTime(std::chrono::milliseconds(ms)); };
  for (const auto& [id, ms] : std::vector<std::pair<std::string, int>>{{"c", 30}, {"a", 10}, {"d", 40}, {"b", 20}}) {
    auto write = put(id, "v");
    write.due = at(ms);
    REQUIRE(bench.commit(write));
  }
  REQUIRE(bench.commit(put("never", "v")));
  CHECK(ids(bench.due("push", at(9))).empty());
  CHECK(ids(bench.due("push", at(30))) == Ids{"a", "b", "c"});
  CHECK(ids(bench.due("push", at(99), 2)) == Ids{"a", "b"});
  CHECK(ids(bench.due("push", WallTime::max())) == Ids{"a", "b", "c", "d"});
  CHECK(bench.due("push", at(10))->records.at(0).due == at(10));

  auto later = put("a", "v2");
  later.due = at(35);
  REQUIRE(bench.commit(later));
  REQUIRE(bench.commit(put("b", "no longer due")));
  Batch erase;
  erase.erases.push_back({key("c"), std::nullopt});
  REQUIRE(bench.commit(erase));
  CHECK(ids(bench.due("push", at(99))) == Ids{"a", "d"});
  CHECK(bench.due("push", at(99))->records.at(0).value == "v2");
}

TEST_CASE_TEMPLATE("terms find records until they are replaced", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  const auto with = [](std::string id, std::vector<std::string> terms) {
    auto write = put(std::move(id), "v");
    write.terms = std::move(terms);
    return write;
  };
  const auto find = [&bench](std::string term) {
    Scan scan;
    scan.table = "push";
    scan.term = std::move(term);
    return ids(bench.scan(scan));
  };
  REQUIRE(bench.commit(with("1", {"initiator=news", "app=mms.ua"})));
  REQUIRE(bench.commit(with("2", {"initiator=news"})));
  REQUIRE(bench.commit(with("3", {"initiator=newsroom", "initiator=newsroom"})));
  CHECK(find("initiator=news") == Ids{"1", "2"});
  CHECK(find("initiator=newsroom") == Ids{"3"});
  CHECK(find("app=mms.ua") == Ids{"1"});
  CHECK(find("initiator=").empty());

  auto keeping = put("1", "v2");
  keeping.keep_terms = true;
  REQUIRE(bench.commit(keeping));
  CHECK(find("app=mms.ua") == Ids{"1"});
  REQUIRE(bench.commit(with("1", {"initiator=mail"})));
  CHECK(find("initiator=news") == Ids{"2"});
  CHECK(find("initiator=mail") == Ids{"1"});
  CHECK(find("app=mms.ua").empty());
  REQUIRE(bench.commit(with("1", {})));
  CHECK(find("initiator=mail").empty());
  Batch erase;
  erase.erases.push_back({key("2"), std::nullopt});
  erase.erases.push_back({key("3"), std::nullopt});
  REQUIRE(bench.commit(erase));
  CHECK(find("initiator=news").empty());
  CHECK(find("initiator=newsroom").empty());
  CHECK(bench.get(key("1")));
}

TEST_CASE_TEMPLATE("every kind of scan pages through all of it, either way round", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  Ids all, even;
  for (int i = 0; i < 57; ++i) {
    Put write;
    write.key = Key{"push", i % 3 == 0 ? "odd\x7f" : "p", "id" + std::to_string(100 + i)};
    write.value = "v";
    if (i % 2 == 0) write.terms = {"even"};
    REQUIRE(bench.commit(write));
    all.push_back(write.key.id);
    if (i % 2 == 0) even.push_back(write.key.id);
  }
  Put other;
  other.key = Key{"other", "p", "id105"};
  other.terms = {"even"};
  REQUIRE(bench.commit(other));

  const auto walk = [&bench](Scan scan) {
    Ids seen;
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = bench.scan(scan);
      REQUIRE(page);
      CHECK(page->records.size() <= scan.limit);
      for (const auto& id : ids(page)) seen.push_back(id);
      if (page->next.empty()) return seen;
      scan.cursor = page->next;
    }
    FAIL("the scan does not end");
    return seen;
  };
  const auto reversed = [](Ids list) {
    std::reverse(list.begin(), list.end());
    return list;
  };
  const auto in_p = [](const Ids& list) {
    Ids kept;
    for (const auto& id : list)
      if ((std::stoi(id.substr(2)) - 100) % 3 != 0) kept.push_back(id);
    return kept;
  };
  for (const std::size_t limit : {1U, 7U, 19U, 57U, 100U}) {
    CAPTURE(limit);
    Scan scan;
    scan.table = "push";
    scan.limit = limit;
    CHECK(walk(scan) == all);
    scan.newest_first = true;
    CHECK(walk(scan) == reversed(all));
    scan.term = "even";
    CHECK(walk(scan) == reversed(even));
    scan.newest_first = false;
    CHECK(walk(scan) == even);
    scan.partition = "p";
    CHECK(walk(scan) == in_p(even));
    scan.newest_first = true;
    CHECK(walk(scan) == reversed(in_p(even)));
    scan.term.reset();
    CHECK(walk(scan) == reversed(in_p(all)));
    scan.newest_first = false;
    CHECK(walk(scan) == in_p(all));
  }
}

TEST_CASE_TEMPLATE("the same id in two partitions is listed twice, also over a page's end", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  for (const auto* partition : {"a", "b", "c"}) {
    Put write;
    write.key = Key{"push", partition, "same"};
    REQUIRE(bench.commit(write));
  }
  Scan scan;
  scan.table = "push";
  scan.limit = 2;
  auto page = bench.scan(scan);
  REQUIRE(page);
  CHECK(page->records.size() == 2);
  scan.cursor = page->next;
  page = bench.scan(scan);
  REQUIRE(page->records.size() == 1);
  CHECK(page->records[0].key.partition == "c");
  CHECK(page->next.empty());
}

TEST_CASE_TEMPLATE("a page stays below its limit of bytes", Driver, EACH_DRIVER) {
  store::RecordLimits limits;
  limits.max_page_bytes = 2500;
  Bench<Driver> bench(limits);
  for (int i = 0; i < 5; ++i) {
    auto write = put(std::to_string(i), std::string(1000, 'x'));
    write.due = WallTime(std::chrono::milliseconds(i));
    REQUIRE(bench.commit(write));
  }
  REQUIRE(bench.commit(put("5", std::string(4000, 'x'))));
  Scan scan;
  scan.table = "push";
  std::vector<std::size_t> sizes;
  do {
    const auto page = bench.scan(scan);
    REQUIRE(page);
    sizes.push_back(page->records.size());
    scan.cursor = page->next;
  } while (!scan.cursor.empty());
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1, 1});
  CHECK(bench.due("push", WallTime::max())->records.size() == 2);
}

TEST_CASE_TEMPLATE("what cannot be stored is refused with the reason", Driver, EACH_DRIVER) {
  store::RecordLimits limits;
  limits.max_value_bytes = 100;
  limits.max_batch = 3;
  Bench<Driver> bench(limits);
  const auto with_key = [](Key name) {
    Put write;
    write.key = std::move(name);
    return write;
  };
  for (const auto& name : {Key{"", "p", "i"}, Key{"Push", "p", "i"}, Key{std::string(33, 'a'), "p", "i"}, Key{"push", "", "i"},
                           Key{"push", "p", ""}, Key{"push", "p", std::string("a\0b", 3)}}) {
    CAPTURE(name.table);
    CHECK_FAILS(bench.commit(with_key(name)), ErrorCode::invalid);
    CHECK_FAILS(bench.get(name), ErrorCode::invalid);
  }
  CHECK_FAILS(bench.commit(with_key({"push", std::string(513, 'p'), "i"})), ErrorCode::too_large);
  CHECK(bench.commit(put("1", std::string(100, 'x'))));
  CHECK_FAILS(bench.commit(put("1", std::string(101, 'x'))), ErrorCode::too_large);
  auto term = put("1", "v");
  term.terms = {""};
  CHECK_FAILS(bench.commit(term), ErrorCode::invalid);
  term.terms = std::vector<std::string>(17, "t");
  CHECK_FAILS(bench.commit(term), ErrorCode::too_large);
  term.terms = {"t"};
  term.keep_terms = true;
  CHECK_FAILS(bench.commit(term), ErrorCode::invalid);

  Batch twice;
  twice.puts = {put("2", "a"), put("2", "b")};
  CHECK_FAILS(bench.commit(twice), ErrorCode::invalid);
  twice.puts = {put("2", "a")};
  twice.erases.push_back({key("2"), std::nullopt});
  CHECK_FAILS(bench.commit(twice), ErrorCode::invalid);
  Batch large;
  for (int i = 0; i < 4; ++i) large.puts.push_back(put(std::to_string(i), "v"));
  CHECK_FAILS(bench.commit(large), ErrorCode::too_large);

  for (const auto* cursor : {"x", "zz", "00", "313a", "393a61", "3a6162", "61", "313a61"}) {
    CAPTURE(cursor);
    Scan scan;
    scan.table = "push";
    scan.cursor = cursor;
    CHECK_FAILS(bench.scan(scan), ErrorCode::invalid);
  }
  CHECK_FAILS(bench.due("No", WallTime::max()), ErrorCode::invalid);
}

TEST_CASE_TEMPLATE("a lease has one owner at a time, and a token that grows", Driver, EACH_DRIVER) {
  using namespace std::chrono_literals;
  Bench<Driver> bench;
  const auto first = bench.acquire("a");
  REQUIRE(first);
  CHECK(first->token == 1);
  CHECK(first->partition == "p1");
  CHECK(first->length == 6s);
  const auto refused = bench.acquire("b");
  CHECK_FAILS(refused, ErrorCode::conflict);
  CHECK(refused.error().retry_after == 6s);

  bench.driver.clock.advance(4s);
  CHECK(bench.acquire("a")->token == 1);  // renewed
  bench.driver.clock.advance(4s);
  CHECK_FAILS(bench.acquire("b"), ErrorCode::conflict);
  bench.driver.clock.advance(2s);
  CHECK(bench.acquire("b")->token == 2);  // expired
  CHECK_FAILS(bench.acquire("a"), ErrorCode::conflict);
  CHECK_FAILS(bench.release("a"), ErrorCode::not_found);
  CHECK(bench.release("b"));
  CHECK_FAILS(bench.release("b"), ErrorCode::not_found);
  CHECK(bench.acquire("a")->token == 3);
  bench.driver.clock.advance(7s);
  CHECK(bench.acquire("a")->token == 4);  // expired: another owner might have been there
  CHECK(bench.executor.await(bench.store->acquire("b", "p2", 1s))->token == 1);

  CHECK_FAILS(bench.acquire(""), ErrorCode::invalid);
  CHECK_FAILS(bench.acquire("a", 0s), ErrorCode::invalid);
  CHECK_FAILS(bench.acquire("a", 25h), ErrorCode::invalid);
}

TEST_CASE_TEMPLATE("a former owner's writes are fenced off", Driver, EACH_DRIVER) {
  using namespace std::chrono_literals;
  Bench<Driver> bench;
  const auto fenced = [](std::string id, std::uint64_t token) {
    auto one = batch(put(std::move(id), "v"));
    one.fence = Fence{"p1", token};
    return one;
  };
  CHECK(bench.commit(fenced("none", 0)));  // nobody has leased it
  const auto old_token = bench.acquire("a")->token;
  CHECK(bench.commit(fenced("1", old_token)));
  bench.driver.clock.advance(7s);
  CHECK(bench.commit(fenced("2", old_token)));  // expired, but nobody else has taken it
  const auto new_token = bench.acquire("b")->token;
  CHECK_FAILS(bench.commit(fenced("3", old_token)), ErrorCode::fenced);
  CHECK_FAILS(bench.get(key("3")), ErrorCode::not_found);
  CHECK(bench.commit(fenced("4", new_token)));
  REQUIRE(bench.release("b"));
  CHECK_FAILS(bench.commit(fenced("5", old_token)), ErrorCode::fenced);
  CHECK_FAILS(bench.commit(fenced("6", 0)), ErrorCode::fenced);
}

TEST_CASE_TEMPLATE("many threads count together and lose nothing", Driver, EACH_DRIVER) {
  Bench<Driver> bench;
  REQUIRE(bench.commit(put("count", "0")));
  constexpr int kThreads = 4, kRounds = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&bench, t] {
      WaitingExecutor executor;
      for (int done = 0; done < kRounds;) {
        const auto record = executor.await(bench.store->get(key("count")));
        Batch change;
        change.puts.push_back(put("count", std::to_string(std::stoi(record->value) + 1), record->version));
        change.puts.push_back(put("mark-" + std::to_string(t) + "-" + std::to_string(done), record->value, 0));
        change.durability = Durability::relaxed;
        if (executor.await(bench.store->commit(std::move(change)))) ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(bench.get(key("count"))->value == std::to_string(kThreads * kRounds));
  Scan scan;
  scan.table = "push";
  scan.limit = 1000;
  CHECK(bench.scan(scan)->records.size() == kThreads * kRounds + 1);
}
