#include <doctest/doctest.h>
#include <thread>

#include "pending_table.h"
#include "sh_cache.h"

using namespace herald;
using namespace herald::diameter;
using namespace std::chrono_literals;

namespace {
ShCache::Entry entry(TimePoint fetched, std::string text = {}) {
  ShUserData data;
  data.scscf_name = std::move(text);
  ShCache::Entry made;
  made.data = std::make_shared<const ShUserData>(std::move(data));
  made.fetched = fetched;
  made.ttl = 10s;
  return made;
}
constexpr TimePoint kStart{1h};
}  // namespace

TEST_CASE("fresh, stale within the grace, gone") {
  ShCache cache{ShOptions{}};
  cache.put("k", entry(kStart));
  CHECK(cache.find("k", kStart + 9s).freshness == ShCache::Freshness::fresh);
  CHECK(cache.find("k", kStart + 10s).freshness == ShCache::Freshness::stale);
  CHECK(cache.find("k", kStart + 309s).freshness == ShCache::Freshness::stale);
  CHECK(cache.find("k", kStart + 310s).freshness == ShCache::Freshness::none);
  CHECK(cache.size() == 0);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("the cache is bounded in entries and octets; what was used least goes first") {
  ShOptions options;
  options.cache_entries = 3;
  ShCache cache{options};
  for (const auto* key : {"a", "b", "c"}) cache.put(key, entry(kStart));
  cache.find("a", kStart);
  cache.put("d", entry(kStart));
  CHECK(cache.size() == 3);
  CHECK(cache.find("b", kStart).entry == nullptr);
  CHECK(cache.find("a", kStart).entry != nullptr);
  options.cache_entries = 1000;
  options.cache_bytes = 10000;
  ShCache small{options};
  for (int i = 0; i < 100; ++i) small.put(std::to_string(i), entry(kStart, std::string(1000, 'x')));
  CHECK(small.bytes() <= 10000);
  CHECK(small.size() > 0);
  small.put("huge", entry(kStart, std::string(20000, 'x')));
  CHECK(small.find("huge", kStart).entry == nullptr);
  for (int i = 0; i < 100; ++i) small.erase(std::to_string(i));
  CHECK(small.bytes() == 0);
}

TEST_CASE("putting a key again replaces it") {
  ShCache cache{ShOptions{}};
  cache.put("k", entry(kStart, "a"));
  cache.put("k", entry(kStart, "b"));
  CHECK(cache.size() == 1);
  CHECK(cache.find("k", kStart).entry->data->scscf_name == "b");
}

TEST_CASE("a pending entry ends once, by whoever comes first; its handle is no good afterwards") {
  PendingTable table;
  auto first = table.open(10);
  REQUIRE(first);
  CHECK(table.sent_as(first->handle, 77));
  CHECK(table.complete_by_id(77, ShAnswer{}));
  CHECK_FALSE(table.complete(first->handle, ShAnswer{}));
  CHECK_FALSE(table.complete_by_id(77, ShAnswer{}));
  CHECK(first->answer.ready());
  const auto second = table.open(10);  // the same place, another generation
  REQUIRE(second);
  CHECK(second->handle.index == first->handle.index);
  CHECK_FALSE(table.complete(first->handle, ShAnswer{}));
  CHECK_FALSE(table.sent_as(first->handle, 78));
  CHECK(table.is_open(second->handle));
  CHECK(PendingHandle::from_pointer(second->handle.as_pointer()).generation == second->handle.generation);
  CHECK_FALSE(table.open(1));  // the limit
  CHECK(table.stop() == 1);
  CHECK_FALSE(table.open(10));
}

TEST_CASE("of many threads that end the same entries each entry has one winner") {
  PendingTable table;
  constexpr int kEntries = 2000;
  std::vector<PendingHandle> handles;
  std::vector<Future<ShAnswer>> answers;
  for (int i = 0; i < kEntries; ++i) {
    auto opened = table.open(kEntries);
    REQUIRE(opened);
    REQUIRE(table.sent_as(opened->handle, static_cast<std::uint32_t>(i)));
    handles.push_back(opened->handle);
    answers.push_back(opened->answer);
  }
  std::atomic<int> wins{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEntries; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const bool won = t % 2 == 0 ? table.complete(handles[at], ShAnswer{})
                                    : table.complete_by_id(static_cast<std::uint32_t>(i), ShAnswer{});
        if (won) ++wins;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wins == kEntries);
  for (const auto& answer : answers) CHECK(answer.ready());
  CHECK(table.size() == 0);
}
