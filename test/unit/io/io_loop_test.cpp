#include "io/io_loop.h"

#include <doctest/doctest.h>
#include <thread>

#include "doubles/virtual_clock.h"
#include "herald/task.h"
#include "http_client.h"

using namespace herald;
using namespace herald::io;
using namespace std::chrono_literals;

TEST_CASE("work from other threads runs on the loop, in order, and the loop knows itself") {
  test::LoopThread io;
  std::vector<int> seen;
  bool inside = false;
  for (int i = 0; i < 1000; ++i)
    CHECK(io.loop.execute([&, i] {
      seen.push_back(i);
      inside = io.loop.on_this();
    }));
  CHECK_FALSE(io.loop.on_this());
  io.start();
  io.stop();
  REQUIRE(seen.size() == 1000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(inside);
}

TEST_CASE("a full mailbox refuses new work and never a completion") {
  test::VirtualClock clock;
  IoLoop loop(clock, 2);
  int ran = 0;
  CHECK(loop.execute([&] { ++ran; }));
  CHECK(loop.execute([&] { ++ran; }));
  CHECK_FALSE(loop.execute([&] { ++ran; }));
  loop.complete([&] { ++ran; });
  loop.step();
  CHECK(ran == 3);
  CHECK(loop.execute([&] { ++ran; }));
}

TEST_CASE("a stopped loop refuses new work and still runs what was completed before") {
  test::VirtualClock clock;
  IoLoop loop(clock);
  int ran = 0;
  CHECK(loop.execute([&] {
    loop.complete([&] { ++ran; });
    loop.stop();
  }));
  loop.run();
  CHECK(ran == 1);
  CHECK_FALSE(loop.execute([&] { ++ran; }));
}

TEST_CASE("timers run in order on virtual time and not before they are due") {
  test::VirtualClock clock;
  IoLoop loop(clock);
  std::string seen;
  loop.timers().start_at(clock.now() + 2s, [&] { seen += 'b'; });
  loop.timers().start_at(clock.now() + 1s, [&] { seen += 'a'; });
  const auto cancelled = loop.timers().start_at(clock.now() + 1s, [&] { seen += 'x'; });
  CHECK(loop.timers().cancel(cancelled));
  loop.step();
  CHECK(seen.empty());
  clock.advance(1s);
  loop.step();
  CHECK(seen == "a");
  clock.advance(1h);
  loop.step();
  CHECK(seen == "ab");
}

TEST_CASE("a sleeping loop wakes for its timers") {
  IoLoop loop;
  int ticks = 0;
  std::function<void()> tick = [&] {
    if (++ticks == 3) return loop.stop();
    loop.timers().start_at(loop.clock().now() + 2ms, tick);
  };
  loop.timers().start_at(loop.clock().now() + 2ms, tick);
  loop.run();  // ends only if the timers wake it
  CHECK(ticks == 3);
}

namespace {
Task<void> wait_for(Future<int> future, int& result, IoLoop& loop, bool& here) {
  auto value = co_await future;
  result = value ? *value : -1;
  here = loop.on_this();
}
}  // namespace

TEST_CASE("a coroutine that waits on the loop continues there when another thread sets the value") {
  test::VirtualClock clock;
  IoLoop loop(clock);
  Promise<int> promise;
  int result = 0;
  bool here = false;
  CHECK(loop.execute([&] { spawn(wait_for(promise.future(), result, loop, here)); }));
  loop.step();
  CHECK(result == 0);
  std::thread([&] { promise.set(7); }).join();
  loop.step();
  CHECK(result == 7);
  CHECK(here);
}
