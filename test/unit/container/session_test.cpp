#include <doctest/doctest.h>
#include <malloc.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

TEST_CASE("attributes are typed; another type than was set is null") {
  AttributeMap map;
  map.set("count", 3);
  map.set("name", std::string("x"));
  CHECK(*map.get<int>("count") == 3);
  CHECK(map.get<long>("count") == nullptr);
  CHECK(map.get<int>("nothing") == nullptr);
  map.set("count", 4);
  CHECK(*map.get<int>("count") == 4);
  CHECK(map.remove("count"));
  CHECK_FALSE(map.remove("count"));
}

TEST_CASE("an application session lives three minutes unless told otherwise") {
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  const auto plain = factory.create_application_session();
  const auto longer = factory.create_application_session();
  const auto endless = factory.create_application_session();
  REQUIRE(longer.set_expires(10min).has_value());
  REQUIRE(endless.set_expires(0s).has_value());
  CHECK(longer.set_expires(-1s).error().code == ErrorCode::invalid);
  bench.advance(179s);
  CHECK(plain.valid());
  bench.advance(2s);
  CHECK_FALSE(plain.valid());
  CHECK(longer.valid());
  bench.advance(10min);
  CHECK_FALSE(longer.valid());
  CHECK(endless.valid());
}

TEST_CASE("a key gives the same application session as long as it lives (key-based targeting)") {
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  const auto one = factory.application_session_by_key("push:1:alice");
  one.attributes()->set("n", 1);
  const auto same = factory.application_session_by_key("push:1:alice");
  CHECK(same.id() == one.id());
  CHECK(*same.attributes()->get<int>("n") == 1);
  CHECK(factory.application_session_by_key("push:1:bob").id() != one.id());
  one.invalidate();
  CHECK(one.id().empty());
  CHECK(factory.application_session_by_key("push:1:alice").attributes()->get<int>("n") == nullptr);
}

TEST_CASE("a ServletTimer runs once, keeps its session alive, and not at all when cancelled or the session is gone") {
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  const auto session = factory.create_application_session();
  int ran = 0;
  bench.executors[0]->run([&] {
    REQUIRE(session.create_timer(10s, [&] { ++ran; }).has_value());
    const auto cancelled = session.create_timer(5s, [&] { ran += 100; });
    CHECK(session.cancel_timer(*cancelled));
    CHECK_FALSE(session.cancel_timer(*cancelled));
  });
  bench.advance(9s);
  CHECK(ran == 0);
  CHECK(session.valid());
  bench.advance(2s);
  CHECK(ran == 1);
  CHECK_FALSE(session.valid());  // nothing is left to do for it: ready

  const auto other = factory.create_application_session();
  bench.executors[0]->run([&] {
    REQUIRE(other.create_timer(10s, [&] { ++ran; }).has_value());
    other.invalidate();
  });
  bench.advance(1min);
  CHECK(ran == 1);
}

TEST_CASE("an exception in a timer is counted and goes no further") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  REQUIRE(session.create_timer(1s, [] { throw std::runtime_error("fault"); }).has_value());
  bench.advance(2s);
  CHECK(bench.status().modules[0].exceptions == 1);
}

TEST_CASE("with invalidate-when-ready off a session waits for its end by time") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  session.set_invalidate_when_ready(false);
  bench.executors[0]->run([&] { REQUIRE(session.create_timer(1s, [] {}).has_value()); });
  bench.advance(2s);
  CHECK(session.valid());
  session.set_invalidate_when_ready(true);
  bench.settle();
  CHECK_FALSE(session.valid());
}

TEST_CASE("the application session and session of one push delivery stay well under 2 KiB together") {
  constexpr std::size_t kCount = 2000;
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  std::vector<SipApplicationSession> sessions;
  std::vector<SipSession> inner;
  sessions.reserve(kCount);
  inner.reserve(kCount);
  const auto before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kCount; ++i) {
    sessions.push_back(factory.create_application_session());
    // The request itself (a SipMessage) is not counted: it goes when nobody holds it.
    inner.push_back(factory.create_request(sessions.back(), "MESSAGE", "<sip:push@ims.lab>", "<sip:alice@ims.lab>")->session());
  }
  const auto each = (mallinfo2().uordblks - before) / kCount;
  MESSAGE("application session + session: " << each << " bytes");
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(each < 1536);
#endif
}
