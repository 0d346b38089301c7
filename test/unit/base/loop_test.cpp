// Mailbox, timers and the executor contract.
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <poll.h>
#include <thread>
#include <vector>

#include "base/handle_table.h"
#include "doubles/manual_executor.h"

using namespace herald;
using namespace std::chrono_literals;
using herald::test::ManualExecutor;
using herald::test::VirtualClock;

namespace {
bool readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}
}  // namespace

TEST_CASE("a mailbox refuses work when full, but never a continuation") {
  Mailbox box(2);
  int ran = 0;
  CHECK(box.push([&] { ++ran; }));
  CHECK(box.push([&] { ++ran; }));
  CHECK_FALSE(box.push([&] { ++ran; }));
  CHECK(box.push_reserved([&] { ++ran; }));
  CHECK(box.depth() == 3);
  CHECK(box.run() == 3);
  CHECK(ran == 3);
  CHECK(box.empty());
}

TEST_CASE("a mailbox is readable exactly while something waits") {
  Mailbox box(10);
  CHECK_FALSE(readable(box.fd()));
  REQUIRE(box.push([] {}));
  CHECK(readable(box.fd()));
  box.run();
  CHECK_FALSE(readable(box.fd()));
}

TEST_CASE("work added by running work waits for the next turn and wakes again") {
  Mailbox box(10);
  int ran = 0;
  REQUIRE(box.push([&] {
    ++ran;
    REQUIRE(box.push([&] { ++ran; }));
  }));
  CHECK(box.run() == 1);
  CHECK(ran == 1);
  CHECK(readable(box.fd()));
  CHECK(box.run() == 1);
  CHECK(ran == 2);
}

TEST_CASE("a mailbox run in pieces stays readable until the last piece, in order") {
  Mailbox box(10);
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) REQUIRE(box.push([&order, i] { order.push_back(i); }));
  CHECK(box.run(2) == 2);
  CHECK(readable(box.fd()));
  CHECK_FALSE(box.empty());
  REQUIRE(box.push([&order] { order.push_back(5); }));
  CHECK(box.run(3) == 3);
  CHECK(readable(box.fd()));
  CHECK(box.run(3) == 1);
  CHECK_FALSE(readable(box.fd()));
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a closed mailbox destroys what waits and refuses everything") {
  Mailbox box(10);
  auto alive = std::make_shared<int>(1);
  REQUIRE(box.push([alive] {}));
  box.close();
  CHECK(alive.use_count() == 1);
  CHECK_FALSE(box.push([] {}));
  CHECK_FALSE(box.push_reserved([] {}));
}

TEST_CASE("four threads lose nothing in one mailbox") {
  Mailbox box(1000000);
  constexpr int kEach = 5000;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) REQUIRE(box.push([&] { ++ran; }));
    });
  while (ran < 4 * kEach) {
    pollfd p{box.fd(), POLLIN, 0};
    REQUIRE(::poll(&p, 1, 10000) == 1);
    box.run();
  }
  for (auto& thread : threads) thread.join();
  CHECK(ran == 4 * kEach);
}

TEST_CASE("timers run in order of due time, then of start") {
  VirtualClock clock;
  TimerQueue timers(clock);
  std::vector<int> order;
  const auto now = clock.now();
  timers.start_at(now + 2s, [&] { order.push_back(3); });
  timers.start_at(now + 1s, [&] { order.push_back(1); });
  timers.start_at(now + 1s, [&] { order.push_back(2); });
  CHECK(timers.run_due() == 0);
  CHECK(timers.next_due() == now + 1s);
  clock.advance(1s);
  CHECK(timers.run_due() == 2);
  clock.advance(1s);
  CHECK(timers.run_due() == 1);
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK_FALSE(timers.next_due());
}

TEST_CASE("a cancelled timer does not run, and a second cancel says so") {
  VirtualClock clock;
  TimerQueue timers(clock);
  bool ran = false;
  const auto id = timers.start_at(clock.now(), [&] { ran = true; });
  CHECK(timers.cancel(id));
  CHECK_FALSE(timers.cancel(id));
  CHECK(timers.run_due() == 0);
  CHECK_FALSE(ran);
  CHECK(timers.size() == 0);
}

TEST_CASE("a timer that restarts itself as due does not starve the loop") {
  VirtualClock clock;
  TimerQueue timers(clock);
  int ran = 0;
  std::function<void()> again = [&] {
    ++ran;
    timers.start_at(clock.now(), [&] { again(); });
  };
  again();
  CHECK(timers.run_due() == 1);
  CHECK(timers.run_due() == 1);
  CHECK(ran == 3);
}

TEST_CASE("a timer may cancel another that is due in the same turn") {
  VirtualClock clock;
  TimerQueue timers(clock);
  bool second = false;
  TimerId victim;
  timers.start_at(clock.now(), [&] { CHECK(timers.cancel(victim)); });
  victim = timers.start_at(clock.now(), [&] { second = true; });
  CHECK(timers.run_due() == 1);
  CHECK_FALSE(second);
}

TEST_CASE("a stale handle finds nothing, also after its slot was used again") {
  HandleTable<std::unique_ptr<int>> table;
  const auto first = table.insert(std::make_unique<int>(1));
  REQUIRE(table.find(Handle::from_pointer(first.as_pointer())));
  CHECK(*table.take(first) == 1);
  CHECK(table.find(first) == nullptr);
  const auto second = table.insert(std::make_unique<int>(2));
  CHECK(second.index == first.index);
  CHECK(table.find(first) == nullptr);
  CHECK(**table.find(second) == 2);
  CHECK(table.take(first) == nullptr);
  CHECK(table.size() == 1);
}
