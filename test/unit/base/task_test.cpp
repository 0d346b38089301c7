// Coroutines: results, errors, and the promise that continuations run where they were asked for.
#include "herald/task.h"

#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <thread>

#include "doubles/manual_executor.h"

using namespace herald;
using namespace std::chrono_literals;
using herald::test::ManualExecutor;
using herald::test::VirtualClock;

namespace {

Task<int> answer() { co_return 42; }
Task<int> twice() {
  const int a = co_await answer();
  const int b = co_await answer();
  co_return a + b;
}
Task<int> throwing() {
  throw std::runtime_error("no");
  co_return 0;
}
Task<void> store_sum(int* out) { *out = co_await twice(); }
Task<void> await_future(Future<std::string> future, std::string* out, bool* on_executor, ManualExecutor* executor) {
  auto value = co_await future;
  *on_executor = executor->on_this();
  *out = value ? *value : "error: " + std::string(to_string(value.error().code));
}
Task<void> sleeper(int* steps) {
  (void)co_await sleep_for(10s);
  ++*steps;
  (void)co_await sleep_for(20s);
  ++*steps;
}

}  // namespace

TEST_CASE("a task starts when awaited and hands its value up") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  int sum = 0;
  executor.run([&] { spawn(store_sum(&sum)); });
  CHECK(sum == 84);
}

TEST_CASE("a task that is never awaited never runs") {
  int sum = 0;
  { auto task = store_sum(&sum); }
  CHECK(sum == 0);
}

TEST_CASE("an exception reaches the awaiter, and at the top the handler") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  std::string caught;
  executor.run([&] {
    auto outer = []() -> Task<void> { (void)co_await throwing(); };
    spawn(outer(), [&](const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        caught = e.what();
      }
    });
  });
  CHECK(caught == "no");
}

TEST_CASE("a value set on another thread continues on the executor that awaited") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  Promise<std::string> promise;
  std::string out;
  bool on_executor = false;
  executor.run([&] { spawn(await_future(promise.future(), &out, &on_executor, &executor)); });
  std::thread([&] { promise.set(std::string("hello")); }).join();
  CHECK(out.empty());  // set, but nothing runs on a foreign thread
  executor.run_ready();
  CHECK(out == "hello");
  CHECK(on_executor);
}

TEST_CASE("a value that is there already does not suspend") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  std::string out;
  bool on_executor = false;
  executor.run([&] { spawn(await_future(ready<std::string>(std::string("now")), &out, &on_executor, &executor)); });
  CHECK(out == "now");
}

TEST_CASE("a promise that dies unset ends the wait with gone") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  std::string out;
  bool on_executor = false;
  {
    Promise<std::string> promise;
    executor.run([&] { spawn(await_future(promise.future(), &out, &on_executor, &executor)); });
  }
  executor.run_ready();
  CHECK(out == "error: gone");
}

TEST_CASE("the first value wins") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  Promise<std::string> promise;
  promise.set(std::string("first"));
  promise.set(std::string("second"));
  std::string out;
  bool on_executor = false;
  executor.run([&] { spawn(await_future(promise.future(), &out, &on_executor, &executor)); });
  CHECK(out == "first");
}

TEST_CASE("sleep ends on the virtual clock") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  int steps = 0;
  executor.run([&] { spawn(sleeper(&steps)); });
  executor.advance(9s);
  CHECK(steps == 0);
  executor.advance(1s);
  CHECK(steps == 1);
  executor.advance(1h);
  CHECK(steps == 2);
}
