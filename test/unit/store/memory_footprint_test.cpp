#include <doctest/doctest.h>
#include <malloc.h>
#include <string>

#include "herald/record.h"
#include "store_drivers.h"

using namespace herald;
using namespace herald::test;

namespace {

// What the allocator has given out; zero where a sanitizer has replaced it.
std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// A sanitizer measures nothing here and takes minutes for many records.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kPushes = 2'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr int kPushes = 2'000;
#else
constexpr int kPushes = 100'000;
#endif
#else
constexpr int kPushes = 100'000;
#endif

Put waiting_push(int i) {
  Put put;
  put.key = Key{"push", "sip:user" + std::to_string(i) + "@ims.example.org", make_id(WallTime(std::chrono::milliseconds(i)))};
  put.value = std::string(700, 'x');
  put.due = WallTime(std::chrono::milliseconds(1'000'000 + i % 5000));
  put.terms = {"initiator=news"};
  return put;
}

}  // namespace

TEST_CASE("100 000 waiting pushes of 700 bytes cost at most 2 KiB each") {
  store::MemoryStore store;
  WaitingExecutor executor;
  const auto before = heap_bytes();
  for (int i = 0; i < kPushes; ++i) REQUIRE(executor.await(store.commit(batch(waiting_push(i)))));
  const auto measured = (heap_bytes() - before) / kPushes;
  const auto counted = store.bytes() / kPushes;
  MESSAGE("bytes a record of 700: " << measured << " measured, " << counted << " by the store's own count");
  CHECK(store.records() == kPushes);
  CHECK(measured <= 2048);
  CHECK(counted <= 2048);
  if (measured > 0 && kPushes == 100'000) {
    CHECK(counted > measured * 8 / 10);
    CHECK(counted < measured * 12 / 10);
  }
}

TEST_CASE("the memory store counts its bytes both ways and refuses beyond its limit") {
  store::MemoryOptions options;
  options.max_bytes = 100'000;
  store::MemoryStore store(options);
  WaitingExecutor executor;
  std::vector<Key> kept;
  for (int i = 0; i < 1000; ++i) {
    auto write = waiting_push(i);
    const auto name = write.key;
    const auto result = executor.await(store.commit(batch(std::move(write))));
    if (result) {
      kept.push_back(name);
    } else {
      CHECK(result.error().code == ErrorCode::busy);
      CHECK(result.error().retry_after.has_value());
    }
  }
  CHECK(store.bytes() <= options.max_bytes);
  CHECK(kept.size() > 50);
  CHECK(kept.size() < 150);
  Batch erase;
  for (const auto& name : kept) erase.erases.push_back({name, std::nullopt});
  REQUIRE(executor.await(store.commit(erase)));
  CHECK(store.bytes() == 0);
  CHECK(store.records() == 0);
}
