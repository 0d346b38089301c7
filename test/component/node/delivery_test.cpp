// The life of a push through the whole node: HTTP in, SIP out, the answer back into the record.
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

}  // namespace

TEST_CASE("a push to a registered user reaches the S-CSCF of the registration and is delivered by its 200 (PS-1..PS-12, PS-18)") {
  Lab lab;
  lab.registers(kAlice);
  const auto id = lab.push(kAlice);
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 1);
  const auto message = lab.scscf.last();
  CHECK(message.start_line() == "MESSAGE sip:alice@ims.lab SIP/2.0");
  CHECK(message.header("Route") == "<" + lab.scscf.uri() + ";lr>");
  CHECK(message.header("Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");  // PS-12
  CHECK(message.header("P-Asserted-Identity") == "<sip:push-news@ims.lab>");                        // S-3
  CHECK(message.header("P-Charging-Vector").starts_with("icid-value="));                            // PS-3
  CHECK(message.header("P-Charging-Vector").find(";orig-ioi=ims.lab") != std::string::npos);
  CHECK(message.header("Content-ID") == "<" + id + "@ims.lab>");  // PS-6
  CHECK(message.header("Content-Type") == "text/plain");
  CHECK(message.header("Content-Disposition") == "render");
  CHECK(message.header("From").starts_with("<sip:push-news@ims.lab>;tag="));
  CHECK(message.header("To") == "<sip:alice@ims.lab>");
  CHECK(message.header("Max-Forwards") == "70");
  CHECK(message.header("Via").starts_with("SIP/2.0/UDP 127.0.0.1:" + std::to_string(lab.sip_port())));
  CHECK(message.header("Contact").empty());  // PS-10
  CHECK(message.body() == "Goal!");
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "delivered");
  CHECK(delivery["code"] == 1000);
  CHECK(delivery["cause"] == "sip:200");
  CHECK(delivery["attempts"] == 1);
}

TEST_CASE("a push waits for an absent user and follows the registration (class R, AS-12)") {
  Lab lab;
  const auto id = lab.push(kAlice);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(1h);
  CHECK(lab.status(id) == "waiting_reachable");
  CHECK(lab.scscf.requests.empty());
  lab.registers(kAlice);
  CHECK(lab.scscf.last().body() == "Goal!");
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a 480 puts the push back to waiting, and the next registration takes it along (class R)") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.answers(480);
  const auto id = lab.push(kAlice);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(5min);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  lab.scscf.answers(200);
  lab.registers(kAlice);  // a re-registration counts too
  CHECK(lab.scscf.transactions("MESSAGE").size() == 2);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a push for an application that no contact serves waits until one does (PS-12)") {
  Lab lab;
  lab.registers(kAlice, 600, "mms.ua");
  const auto id = lab.push(kAlice);
  CHECK(lab.status(id) == "waiting_reachable");
  CHECK(lab.delivery(id)["cause"] == "registration:application");
  lab.registers(kAlice, 600, "news.ua,mms.ua");
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("deliver_before ends a waiting push at that moment and not before (PS-16)") {
  Lab lab;
  const auto id = lab.push(kAlice, {{"deliver_before", "2026-01-01T00:10:00Z"}});
  lab.advance(10min - 1ms);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(1ms);
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "expired");
  CHECK(delivery["updated"] == "2026-01-01T00:10:00.000Z");
  lab.registers(kAlice);
  CHECK(lab.scscf.requests.empty());
}

TEST_CASE("deliver_after holds a push until then, and Expires says what is left (PS-16)") {
  Lab lab;
  lab.registers(kAlice, 7200);
  const auto id = lab.push(kAlice, {{"deliver_after", "2026-01-01T01:00:00Z"}, {"deliver_before", "2026-01-01T01:30:00Z"}});
  CHECK(lab.status(id) == "scheduled");
  lab.advance(1h - 1ms);
  CHECK(lab.scscf.requests.empty());
  lab.advance(1ms);
  CHECK(lab.scscf.last().header("Expires") == "1800");
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a silent HSS holds nobody up for longer than hss_deadline; on_hss_failure: default goes on") {
  Lab lab;
  lab.registers(kAlice);
  lab.sh.silent = true;
  const auto id = lab.push(kAlice);
  lab.advance(2s - 1ms);
  CHECK(lab.scscf.requests.empty());
  lab.advance(1ms);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("on_hss_failure: hold asks again every hss_retry until the HSS answers") {
  Lab lab(with("on_hss_failure: hold\nhss_retry: 30s\n"));
  lab.registers(kAlice, 7200);
  for (const auto result : {ShResult::busy, ShResult::unavailable, ShResult::malformed, ShResult::timeout}) {
    CAPTURE(to_string(result));
    lab.sh.rule = [result](const ShQuery&) { return FakeSh::failed(result); };
    const auto sent = lab.scscf.transactions("MESSAGE").size();
    const auto id = lab.push(kAlice);
    CHECK(lab.status(id) == "retrying");
    CHECK(lab.delivery(id)["cause"] == "policy:hss");
    lab.advance(10min);
    CHECK(lab.scscf.transactions("MESSAGE").size() == sent);
    lab.sh.rule = nullptr;
    lab.advance(30s);
    CHECK(lab.status(id) == "delivered");
  }
}

TEST_CASE("on_hss_failure: reject ends the push at once; what the HSS knows for sure is no failure") {
  Lab lab(with("on_hss_failure: reject\n"));
  lab.registers(kAlice);
  lab.sh.rule = [](const ShQuery&) { return FakeSh::failed(ShResult::unavailable, 3002); };
  auto delivery = lab.delivery(lab.push(kAlice));
  CHECK(delivery["status"] == "rejected");
  CHECK(delivery["code"] == 4001);
  CHECK(delivery["cause"] == "policy:hss");
  lab.sh.rule = [](const ShQuery&) { return FakeSh::failed(ShResult::user_unknown, 5001); };
  delivery = lab.delivery(lab.push(kAlice));
  CHECK(delivery["status"] == "undeliverable");
  CHECK(delivery["code"] == 2003);
  CHECK(lab.scscf.requests.empty());
}

TEST_CASE("consent: closed rejects, ask waits until the subscriber's profile grants, denied rejects") {
  Lab lab;
  lab.registers(kAlice, 7200, "news.ua,shut.ua,games.ua");
  const auto shut = lab.delivery(lab.push(kAlice, {{"app", "shut.ua"}}));
  CHECK(shut["status"] == "rejected");
  CHECK(shut["code"] == 2001);
  const auto asks = lab.push(kAlice, {{"app", "games.ua"}});
  CHECK(lab.status(asks) == "waiting_consent");
  lab.advance(20min);
  CHECK(lab.status(asks) == "waiting_consent");
  CHECK(lab.scscf.transactions("MESSAGE").empty());
  lab.sh.rule = [](const ShQuery&) { return FakeSh::profile("granted", "<application id=\"games.ua\"/>"); };
  lab.advance(5min);  // consent_recheck
  CHECK(lab.status(asks) == "delivered");
  lab.sh.rule = [](const ShQuery&) { return FakeSh::profile("denied"); };
  CHECK(lab.status(lab.push(kAlice)) == "rejected");
}

TEST_CASE("DELETE cancels what waits; a late registration sends nothing; what was delivered is too late (409)") {
  Lab lab;
  const auto id = lab.push(kAlice);
  const auto cancelled = lab.call("DELETE", "/v1/pushes/" + id);
  CHECK(cancelled.status == 200);
  CHECK(cancelled.body["recipients"][0]["status"] == "cancelled");
  lab.registers(kAlice);
  CHECK(lab.scscf.requests.empty());
  CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 200);  // again: the same answer
  const auto delivered = lab.push(kAlice);
  CHECK(lab.call("DELETE", "/v1/pushes/" + delivered).status == 409);
  CHECK(lab.status(delivered) == "delivered");
}

TEST_CASE("an Idempotency-Key makes one push of two equal submissions and refuses another body under it") {
  Lab lab;
  lab.registers(kAlice);
  const std::vector<HttpField> key{{"Idempotency-Key", "goal-17"}};
  const auto first = lab.call("POST", "/v1/pushes", lab.push_body(kAlice), key);
  const auto again = lab.call("POST", "/v1/pushes", lab.push_body(kAlice), key);
  CHECK(first.status == 202);
  CHECK(again.status == 202);
  CHECK(again.body["id"] == first.body["id"]);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  const auto other = lab.call("POST", "/v1/pushes", lab.push_body("sip:bob@ims.lab"), key);
  CHECK(other.status >= 400);
  CHECK(other.status < 500);
}
