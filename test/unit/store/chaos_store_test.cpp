#include "doubles/chaos_store.h"

#include <doctest/doctest.h>
#include <optional>

#include "doubles/manual_executor.h"
#include "store_drivers.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Chaos {
  VirtualClock clock;
  ManualExecutor executor{clock};
  store::MemoryStore inner;
  ChaosStore store{inner};

  template <class T>
  std::shared_ptr<std::optional<Expected<T>>> ask(Future<T> (*call)(Store&)) {
    auto answer = std::make_shared<std::optional<Expected<T>>>();
    executor.run([&] { spawn(keep<T>(store, call, answer)); });
    executor.run_ready();
    return answer;
  }

 private:
  template <class T>
  static Task<void> keep(Store& store, Future<T> (*call)(Store&), std::shared_ptr<std::optional<Expected<T>>> answer) {
    auto result = co_await call(store);
    answer->emplace(std::move(result));
  }
};

Future<Committed> write_one(Store& store) { return store.commit(batch(put("1", "v"))); }
Future<Record> read_one(Store& store) { return store.get(key("1")); }

}  // namespace

TEST_CASE("an injected delay passes by the executor's timers") {
  Chaos chaos;
  chaos.store.delay(200ms);
  const auto answer = chaos.ask(write_one);
  CHECK_FALSE(answer->has_value());
  chaos.executor.advance(199ms);
  CHECK_FALSE(answer->has_value());
  chaos.executor.advance(1ms);
  REQUIRE(answer->has_value());
  CHECK((*answer)->has_value());
}

TEST_CASE("conflicts, absence and lost answers come as told and then end") {
  Chaos chaos;
  chaos.store.fail_commits(1);
  CHECK((*chaos.ask(write_one))->error().code == ErrorCode::conflict);
  CHECK((*chaos.ask(read_one))->error().code == ErrorCode::not_found);
  chaos.store.lose_answers(1);
  CHECK((*chaos.ask(write_one))->error().code == ErrorCode::unavailable);
  CHECK((*chaos.ask(read_one))->has_value());
  CHECK(chaos.store.commits() == 1);
  chaos.store.unavailable(true);
  CHECK((*chaos.ask(read_one))->error().code == ErrorCode::unavailable);
  chaos.store.unavailable(false);
  CHECK((*chaos.ask(write_one))->has_value());
}
