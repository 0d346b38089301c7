// What time does to a push, from Sofia's transaction timers to the hours of the retry schedule: all on the virtual clock.
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

Lab::Options with(std::string push_lines) {
  Lab::Options options;
  options.push = std::move(push_lines);
  return options;
}

std::chrono::milliseconds between(TimePoint from, TimePoint to) {
  return std::chrono::round<std::chrono::milliseconds>(to - from);
}

}  // namespace

TEST_CASE("a silent receiver: eleven sends by timer E, timer F, one repeat after 60 s, then timeout (RFC 3261 17.1.2, class U)") {
  Lab lab;
  lab.registers(kAlice, 7200);
  lab.scscf.rule = nullptr;
  const Stopwatch stopwatch(lab.clock, "two transactions by timer F and the pause between them");
  const auto begun = lab.clock.now();
  const auto id = lab.push(kAlice);
  lab.advance(32s - 1ms);
  REQUIRE(lab.scscf.requests.size() == 11);
  // T1 doubled up to T2: RFC 3261 17.1.2.1
  const std::vector<int> expected{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(between(begun, lab.scscf.requests[i].at).count() >= expected[i]);
    CHECK(between(begun, lab.scscf.requests[i].at).count() <= expected[i] + 20);
    CHECK(lab.scscf.requests[i].text == lab.scscf.requests.front().text);
  }
  CHECK(lab.status(id) == "sending");
  lab.advance(20ms);
  auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "retrying");
  CHECK(delivery["cause"] == "timer:F");

  lab.advance(60s);
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 2);
  const auto first = lab.scscf.transactions("MESSAGE")[0];
  const auto second = lab.scscf.transactions("MESSAGE")[1];
  CHECK(between(first.at, second.at) >= 92s);
  CHECK(between(first.at, second.at) <= 92s + 40ms);
  CHECK(second.header("Content-ID") == first.header("Content-ID"));  // PS-6: the receiver may drop it
  CHECK(second.header("Call-ID") != first.header("Call-ID"));
  lab.advance(33s);
  CHECK(lab.scscf.requests.size() == 22);
  delivery = lab.delivery(id);
  CHECK(delivery["status"] == "timeout");
  CHECK(delivery["code"] == 4000);
  CHECK(delivery["attempts"] == 2);
  lab.advance(1h);
  CHECK(lab.scscf.requests.size() == 22);
}

TEST_CASE("an answer after some retransmissions ends them") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.rule = [&lab](const std::string& request) {
    return lab.scscf.requests.size() < 3 ? std::string() : SipPeer::response(request, 200);
  };
  const auto id = lab.push(kAlice);
  CHECK(lab.status(id) == "sending");
  lab.advance(10s);
  CHECK(lab.scscf.requests.size() == 4);
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["attempts"] == 1);
}

TEST_CASE("486: eight attempts, 5 s doubled each time, then undeliverable (class T)") {
  Lab lab(with("retry: {jitter: 0}\n"));
  lab.registers(kAlice, 7200);
  lab.scscf.answers(486);
  const Stopwatch stopwatch(lab.clock, "eight attempts of class T");
  const auto id = lab.push(kAlice);
  lab.advance(1h);
  const auto sent = lab.scscf.transactions("MESSAGE");
  REQUIRE(sent.size() == 8);
  std::chrono::milliseconds pause = 5s;
  for (std::size_t n = 1; n < sent.size(); ++n, pause *= 2) {
    CAPTURE(n);
    CHECK(between(sent[n - 1].at, sent[n].at) == pause);
    CHECK(sent[n].header("Content-ID") == sent[0].header("Content-ID"));
    CHECK(sent[n].header("Call-ID") != sent[n - 1].header("Call-ID"));
  }
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "undeliverable");
  CHECK(delivery["code"] == 4000);
  CHECK(delivery["attempts"] == 8);
}

TEST_CASE("Retry-After is waited for, not less (class A, SM-8)") {
  Lab lab(with("retry: {jitter: 0}\n"));
  lab.registers(kAlice, 7200);
  lab.scscf.answers(486, "Retry-After: 100\r\n");
  const auto id = lab.push(kAlice);
  CHECK(lab.delivery(id)["retry_at"] == "2026-01-01T00:01:40.000Z");
  lab.scscf.answers(200);
  lab.advance(100s - 1ms);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  lab.advance(1ms);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a Retry-After beyond deliver_before ends the push now") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.answers(503, "Retry-After: 3600\r\n");
  const auto id = lab.push(kAlice, {{"deliver_before", "2026-01-01T00:30:00Z"}});
  CHECK(lab.status(id) == "undeliverable");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
}

TEST_CASE("a registration runs out by itself, nobody says so: 404, and its pushes wait again (AS-15)") {
  Lab lab;
  lab.registers(kAlice, 600);
  const std::string path = "/v1/registrations/sip:alice@ims.lab";
  const auto seen = lab.call("GET", path);
  CHECK(seen.status == 200);
  CHECK(seen.body["user"] == kAlice);
  CHECK(seen.body["scscf"] == lab.scscf.uri());
  CHECK(seen.body["contacts"][0]["applications"] == json::array({"news.ua"}));
  CHECK(lab.status(lab.push(kAlice)) == "delivered");
  lab.advance(11min);
  CHECK(lab.call("GET", path).status == 404);
  CHECK(lab.admin("GET", path).status == 404);
  CHECK(lab.admin("GET", "/v1/registrations").body["registrations"].empty());
  CHECK(lab.status(lab.push(kAlice)) == "waiting_reachable");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
}

TEST_CASE("a push nobody registers for ends by default_lifetime") {
  Lab lab(with("default_lifetime: 6h\n"));
  const Stopwatch stopwatch(lab.clock, "the default lifetime of a push");
  const auto id = lab.push(kAlice);
  lab.advance(6h - 1ms);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(1ms);
  CHECK(lab.status(id) == "expired");
}
