#include "sip/sofia_root.h"

#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include "doctest/doctest.h"
#include "doubles/virtual_clock.h"
#include "sip/sofia_time.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

TEST_CASE("work from other threads runs on the loop's thread, with current() set, until stop()") {
  std::atomic<sip::SofiaRoot*> made{nullptr};
  int ran = 0;
  bool on_this = false;
  std::thread loop([&] {
    sip::SofiaRoot root(system_clock());
    made = &root;
    root.run();
    made = nullptr;
  });
  while (!made) std::this_thread::yield();
  auto& root = *made.load();
  CHECK_FALSE(root.on_this());
  for (int i = 0; i < 1000; ++i) CHECK(root.execute([&] { ++ran; }));
  root.complete([&] {
    on_this = root.on_this() && Executor::current() == &root;
    root.timers().start_at(root.clock().now() + 1ms, [&] { root.stop(); });
  });
  loop.join();
  CHECK(ran == 1000);
  CHECK(on_this);
}

TEST_CASE("the mailbox is bounded for new work and open for continuations") {
  VirtualClock clock;
  sip::SofiaRoot root(clock, 2);
  int ran = 0;
  CHECK(root.execute([&] { ++ran; }));
  CHECK(root.execute([&] { ++ran; }));
  CHECK_FALSE(root.execute([&] { ++ran; }));
  root.complete([&] { ++ran; });
  CHECK(root.depth() == 3);
  root.step();
  CHECK(ran == 3);
  CHECK(root.execute([&] { ++ran; }));
}

TEST_CASE("timers run in order when the clock reaches them, and what they start at once runs too") {
  VirtualClock clock;
  sip::SofiaRoot root(clock);
  std::string order;
  root.timers().start_at(clock.now() + 2s, [&] { order += "b"; });
  root.timers().start_at(clock.now() + 1s, [&] {
    order += "a";
    root.complete([&] { order += "!"; });
  });
  root.step();
  CHECK(order.empty());
  clock.advance(1s);
  root.step();
  CHECK(order == "a!");
  clock.advance(1h);
  root.step();
  CHECK(order == "a!b");
  CHECK(root.timer_count() == 0);
}

TEST_CASE("an exception out of a piece of work is counted and the loop goes on") {
  VirtualClock clock;
  sip::SofiaRoot root(clock);
  int ran = 0;
  root.complete([] { throw std::runtime_error("no"); });
  root.step();
  root.complete([&] { ++ran; });
  root.step();
  CHECK(ran == 1);
}

TEST_CASE("work that holds the shard over 20 ms is counted") {
  VirtualClock clock;
  sip::SofiaRoot root(clock);
  root.complete([&] { clock.advance(20ms); });
  root.step();
  CHECK(root.slow_tasks() == 0);
  root.complete([&] { clock.advance(21ms); });
  root.step();
  CHECK(root.slow_tasks() == 1);
}

TEST_CASE("a watch tells readiness, may be changed and ended from its own callback") {
  VirtualClock clock;
  sip::SofiaRoot root(clock);
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  int readable = 0;
  root.watch(ends[0], true, false, [&](bool can_read, bool) {
    if (!can_read) return;
    ++readable;
    char c = 0;
    CHECK(::read(ends[0], &c, 1) == 1);
    root.watch(ends[0], false, false);
  });
  root.step();
  CHECK(readable == 0);
  CHECK(::write(ends[1], "xy", 2) == 2);
  root.step();
  CHECK(readable == 1);
  root.watch(ends[0], true, false, [&](bool, bool) {
    char c = 0;
    readable += static_cast<int>(::read(ends[0], &c, 1)) * 10;
    root.watch(ends[0], false, false);
  });
  root.step();
  CHECK(readable == 11);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("what waits when the loop ends is destroyed, not run") {
  VirtualClock clock;
  int ran = 0;
  auto owned = std::make_shared<int>(1);
  {
    sip::SofiaRoot root(clock);
    root.complete([&ran, owned] { ++ran; });
    root.timers().start_at(clock.now(), [&ran, owned] { ++ran; });
    CHECK(owned.use_count() == 3);
  }
  CHECK(owned.use_count() == 1);
  CHECK(ran == 0);
}
