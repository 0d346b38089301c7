#include "sip/next_hop_guard.h"

#include "doctest/doctest.h"
#include "doubles/virtual_clock.h"

using namespace herald;
using namespace std::chrono_literals;
using Guard = sip::NextHopGuard;
using Answer = Guard::Answer;
using Outcome = Guard::Outcome;

namespace {

struct Fixture {
  test::VirtualClock clock;
  sip::HopLimits limits{2, 3, 2, 5s};
  Guard guard{clock, limits, 32s};
  Guard::HopId a = guard.hop("127.0.0.1:1;transport=udp");
  Guard::HopId b = guard.hop("127.0.0.1:2;transport=udp");

  sip::HopState state(Guard::HopId id) {
    for (auto& s : guard.states())
      if (s.hop == guard.name(id)) return s;
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "up to the cap go, then wait, then blocked; the order of waiting is kept") {
  CHECK(guard.ask(a, 1) == Answer::go);
  CHECK(guard.ask(a, 2) == Answer::go);
  for (Guard::Ticket t : {3, 4, 5}) CHECK(guard.ask(a, t) == Answer::wait);
  CHECK(guard.ask(a, 6) == Answer::blocked);
  CHECK(guard.ask(b, 7) == Answer::go);  // another hop is not touched
  CHECK(state(a).in_flight == 2);
  CHECK(state(a).queued == 3);
  CHECK(guard.take_released(10).empty());
  guard.finished(a, Outcome::answered);
  const auto released = guard.take_released(10);
  REQUIRE(released.size() == 1);
  CHECK(released[0].ticket == 3);
  CHECK(released[0].go);
  CHECK(state(a).in_flight == 2);
  CHECK(guard.ask(a, 8) == Answer::wait);  // behind the others, though a place was free for a moment
}

TEST_CASE_FIXTURE(Fixture, "a withdrawn request leaves the queue at once") {
  guard.ask(a, 1);
  guard.ask(a, 2);
  guard.ask(a, 3);
  guard.ask(a, 4);
  guard.withdraw(3);
  guard.withdraw(99);
  CHECK(state(a).queued == 1);
  guard.finished(a, Outcome::answered);
  CHECK(guard.take_released(10).at(0).ticket == 4);
}

TEST_CASE_FIXTURE(Fixture, "nobody waits longer than 64*T1") {
  guard.ask(a, 1);
  guard.ask(a, 2);
  guard.ask(a, 3);
  REQUIRE(guard.due());
  CHECK(*guard.due() == clock.now() + 32s);
  clock.advance(32s);
  const auto released = guard.take_released(10);
  REQUIRE(released.size() == 1);
  CHECK_FALSE(released[0].go);
  CHECK_FALSE(guard.due());
  CHECK(state(a).in_flight == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "the breaker opens after consecutive failures, lets one probe through per interval, and closes on an answer") {
  guard.ask(a, 1);
  CHECK_FALSE(guard.finished(a, Outcome::failed));
  guard.ask(a, 2);
  CHECK_FALSE(guard.finished(a, Outcome::answered));  // not consecutive any more
  guard.ask(a, 3);
  CHECK_FALSE(guard.finished(a, Outcome::failed));
  guard.ask(a, 4);
  CHECK(guard.finished(a, Outcome::failed));
  CHECK(guard.open(a));
  CHECK(guard.ask(a, 5) == Answer::blocked);
  CHECK(guard.closed_for(a) == 5s);
  CHECK(guard.ask(b, 6) == Answer::go);
  clock.advance(5s);
  CHECK(guard.ask(a, 7) == Answer::go);  // the probe
  CHECK(guard.ask(a, 8) == Answer::blocked);
  clock.advance(4999ms);
  CHECK(guard.ask(a, 9) == Answer::blocked);
  clock.advance(1ms);
  CHECK(guard.ask(a, 10) == Answer::go);
  CHECK_FALSE(guard.finished(a, Outcome::failed));
  CHECK(guard.finished(a, Outcome::answered));
  CHECK_FALSE(guard.open(a));
  CHECK(guard.ask(a, 11) == Answer::go);
}

TEST_CASE_FIXTURE(Fixture, "probes pass though the cap is used up by requests that got stuck, and come from the queue's head") {
  guard.ask(a, 1);
  guard.ask(a, 2);
  guard.ask(a, 3);
  guard.finished(a, Outcome::failed);
  CHECK(guard.take_released(9).at(0).ticket == 3);
  guard.ask(a, 4);
  guard.finished(a, Outcome::failed);
  CHECK(guard.open(a));
  guard.ask(a, 40);  // blocked
  CHECK(state(a).in_flight == 1);
  CHECK(guard.take_released(9).empty());
  CHECK(*guard.due() == clock.now() + 5s);
  clock.advance(5s);
  const auto probe = guard.take_released(9);
  REQUIRE(probe.size() == 1);
  CHECK(probe[0].ticket == 4);
  CHECK(state(a).in_flight == 2);
}

TEST_CASE_FIXTURE(Fixture, "503 with Retry-After closes the hop for that time, at most 300 s (AS-84)") {
  guard.ask(a, 1);
  guard.finished(a, Outcome::answered);
  guard.pause(a, 10s);
  CHECK(guard.ask(a, 2) == Answer::blocked);
  CHECK(guard.closed_for(a) == 10s);
  CHECK(guard.ask(b, 3) == Answer::go);
  clock.advance(10s);
  CHECK(guard.ask(a, 4) == Answer::go);
  guard.pause(a, 86400s);
  CHECK(guard.closed_for(a) == 300s);
  guard.pause(a, 1s);  // a shorter one does not shorten it
  CHECK(guard.closed_for(a) == 300s);
}

TEST_CASE("a dead hop with fifty thousand waiting neither starves a healthy one nor is walked through") {
  test::VirtualClock clock;
  Guard guard(clock, sip::HopLimits{200, 50000, 5, 5s}, 32s);
  const auto dead = guard.hop("dead");
  const auto well = guard.hop("well");
  for (Guard::Ticket t = 0; t < 50200; ++t) guard.ask(dead, t);
  for (int i = 0; i < 5; ++i) guard.finished(dead, Outcome::failed);
  REQUIRE(guard.open(dead));
  // Two hundred of the healthy hop's own, plus one that waits.
  for (Guard::Ticket t = 100000; t < 100201; ++t) guard.ask(well, t);
  guard.finished(well, Outcome::answered);
  const auto released = guard.take_released(64);
  REQUIRE(released.size() == 1);
  CHECK(released[0].hop == well);
  clock.advance(5s);
  CHECK(guard.take_released(64).size() == 1);  // the probe, nothing else
  clock.advance(27s);                          // all have waited too long: in portions, fairly
  for (Guard::Ticket t = 200000; t < 200010; ++t) guard.ask(well, t);
  for (int i = 0; i < 10; ++i) guard.finished(well, Outcome::answered);
  const auto mixed = guard.take_released(64);
  CHECK(mixed.size() <= 64);
  CHECK(std::count_if(mixed.begin(), mixed.end(), [&](const auto& r) { return r.hop == well; }) == 10);
  std::size_t ended = mixed.size();
  for (auto more = guard.take_released(64); !more.empty(); more = guard.take_released(64)) ended += more.size();
  CHECK(ended == 50000 - 1 + 10);
  CHECK_FALSE(guard.due());
}

TEST_CASE("hops that are idle and healthy are forgotten when there are many; others are kept") {
  test::VirtualClock clock;
  Guard guard(clock, sip::HopLimits{}, 32s);
  const auto busy = guard.hop("busy");
  guard.ask(busy, 1);
  for (int i = 0; i < 5000; ++i) {
    clock.advance(1ms);
    guard.hop("hop" + std::to_string(i));
  }
  CHECK(guard.states().size() <= 1024);
  CHECK(guard.hop("busy") == busy);
  CHECK(guard.states().front().hop == "busy");
  CHECK(guard.states().front().in_flight == 1);
}
