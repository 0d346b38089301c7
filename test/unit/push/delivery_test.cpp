// The life of a push through the whole module, on virtual time.
#include <doctest/doctest.h>

#include "herald/metrics.h"
#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

PushLab::Options with(std::string config) {
  PushLab::Options options;
  options.config = std::move(config);
  return options;
}

ShReply granted(std::string_view inner) {
  return ScriptedSh::profile("<push-profile xmlns=\"urn:example:push-profile:1\" version=\"1\"><consent state=\"granted\"/>" +
                             std::string(inner) + "</push-profile>");
}

}  // namespace

TEST_CASE("a push to a registered user travels as MESSAGE and is delivered by its 200") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push();
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.status(id) == "sending");
  const auto& request = lab.last()->request;
  CHECK(request.uri() == kAlice);
  CHECK(request.body == "Goal!");
  CHECK(request.headers.get("Route").value_or("").find("sip:127.0.0.1:6060;lr") != std::string_view::npos);
  CHECK(request.headers.get("From").value_or("").starts_with("<sip:push-news@ims.lab>;tag="));
  CHECK(request.headers.get("To") == "<sip:alice@ims.lab>");
  CHECK(request.headers.get("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(request.headers.get("P-Charging-Vector").value_or("").starts_with("icid-value="));
  CHECK(request.headers.get("Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");  // PS-12
  CHECK(request.headers.get("Content-Type") == "text/plain");
  CHECK(request.headers.get("Content-ID") == "<" + id + "@ims.lab>");
  CHECK(request.headers.get("Max-Forwards") == "70");
  CHECK(!request.headers.has("Contact"));   // PS-10
  CHECK(!request.headers.has("Expires"));   // PS-16
  CHECK(!request.headers.has("Priority"));  // PS-17
  lab.answer(lab.last(), 200);
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "delivered");
  CHECK(delivery["final"] == true);
  CHECK(delivery["code"] == 1000);
  CHECK(delivery["cause"] == "sip:200");
  CHECK(delivery["attempts"] == 1);
  CHECK(delivery["mode"] == "pager");
  CHECK(delivery["evidence"] == "network");
  CHECK(delivery["retry_at"].is_null());
}

TEST_CASE("a push waits for an absent user and follows the registration") {
  PushLab lab;
  const auto id = lab.push();
  CHECK(lab.status(id) == "waiting_reachable");
  CHECK(lab.messages().empty());
  lab.advance(1h);
  lab.registered(kAlice);
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-11, PS-17: one MESSAGE to a user at a time, urgent ones first, others beside it") {
  PushLab lab;
  lab.registered(kAlice);
  lab.registered("sip:bob@ims.lab");
  const auto first = lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", "1"}}}});
  lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", "2"}}}});
  lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", "3"}}}, {"priority", "high"}});
  REQUIRE(lab.messages().size() == 1);
  lab.push("sip:bob@ims.lab");
  REQUIRE(lab.messages().size() == 2);
  lab.answer(lab.messages()[0], 200);
  REQUIRE(lab.messages().size() == 3);
  CHECK(lab.last()->request.body == "3");
  CHECK(lab.last()->request.headers.get("Priority") == "urgent");
  lab.answer(lab.last(), 200);
  CHECK(lab.last()->request.body == "2");
}

TEST_CASE("answers and silence end as the table says") {
  struct Row {
    int status;
    const char* state;
    int code;
  };
  PushLab lab;
  for (const auto& row : {Row{202, "delivered", 1000}, Row{403, "rejected", 2001}, Row{404, "undeliverable", 2003},
                          Row{415, "undeliverable", 2005}, Row{603, "rejected", 2001}, Row{400, "undeliverable", 3000}}) {
    CAPTURE(row.status);
    // One user each: what an answer says about consent or capabilities counts for his next push.
    const auto user = "sip:user" + std::to_string(row.status) + "@ims.lab";
    lab.registered(user);
    const auto id = lab.push(user);
    lab.answer(lab.last(), row.status);
    const auto delivery = lab.delivery(id);
    CHECK(delivery["status"] == row.state);
    CHECK(delivery["code"] == row.code);
    CHECK(delivery["cause"] == "sip:" + std::to_string(row.status));
  }
}

TEST_CASE("class T: eight attempts with growing pauses, new Call-ID and the same Content-ID each (PS-1, PS-6)") {
  PushLab lab(with("retry: {jitter: 0}"));
  lab.registered(kAlice, 7200);
  const auto id = lab.push();
  const auto content_id = std::string(*lab.last()->request.headers.get("Content-ID"));
  std::string call_id;
  std::chrono::seconds pause{5};
  for (std::size_t attempt = 1; attempt <= 8; ++attempt) {
    CAPTURE(attempt);
    REQUIRE(lab.messages().size() == attempt);
    CHECK(lab.last()->request.headers.get("Content-ID") == content_id);
    CHECK(lab.last()->request.headers.get("Call-ID") != call_id);
    call_id = *lab.last()->request.headers.get("Call-ID");
    lab.answer(lab.last(), 486);
    if (attempt == 8) break;
    CHECK(lab.status(id) == "retrying");
    lab.advance(pause - 10ms);
    CHECK(lab.messages().size() == attempt);
    lab.advance(20ms);
    pause *= 2;
  }
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "undeliverable");
  CHECK(delivery["code"] == 4000);
  CHECK(delivery["attempts"] == 8);
}

TEST_CASE("class A: 486 with Retry-After is tried again when it has passed, not before") {
  PushLab lab(with("retry: {jitter: 0}"));
  lab.registered(kAlice, 7200);
  const auto id = lab.push();
  lab.answer(lab.last(), 486, {{"Retry-After", "30 (in a tunnel)"}});
  lab.advance(29s);
  CHECK(lab.messages().size() == 1);
  lab.advance(2s);
  REQUIRE(lab.messages().size() == 2);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("class U: silence is repeated once after 60 s and then ends as timeout") {
  PushLab lab;
  lab.registered(kAlice, 7200);
  const auto id = lab.push();
  lab.advance(32s);
  CHECK(lab.status(id) == "retrying");
  CHECK(lab.delivery(id)["cause"] == "timer:F");
  lab.advance(61s);
  REQUIRE(lab.messages().size() == 2);
  lab.advance(32s);
  CHECK(lab.status(id) == "timeout");
  CHECK(lab.delivery(id)["code"] == 4000);
}

TEST_CASE("class R: 480 waits for the next registration, also for one that comes while the request is out") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push();
  lab.answer(lab.last(), 480);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(5min);
  CHECK(lab.messages().size() == 1);
  lab.registered(kAlice);
  REQUIRE(lab.messages().size() == 2);
  lab.registered(kAlice);  // the S-CSCF answers 480 for the binding that was
  lab.answer(lab.last(), 480);
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 3);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("class F: an alternative that the receiver's Accept allows follows a 415 at once") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"alternatives", json::array({{{"type", "image/png"}, {"base64", "AAAA"}},
                                                                  {{"type", "text/html"}, {"text", "<b>Goal!</b>"}}})}});
  lab.answer(lab.last(), 415, {{"Accept", "text/html, application/xml"}});
  REQUIRE(lab.messages().size() == 2);
  CHECK(lab.last()->request.headers.get("Content-Type") == "text/html");
  lab.answer(lab.last(), 415);
  CHECK(lab.messages().size() == 2);
  CHECK(lab.status(id) == "undeliverable");
}

TEST_CASE("PS-7: a redirection within the domain is followed once") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push();
  lab.answer(lab.last(), 302, {{"Contact", "<sip:alice2@ims.lab>"}});
  REQUIRE(lab.messages().size() == 2);
  CHECK(lab.last()->request.uri() == "sip:alice2@ims.lab");
  CHECK(lab.last()->request.headers.get("To") == "<sip:alice@ims.lab>");
  lab.answer(lab.last(), 302, {{"Contact", "<sip:alice3@ims.lab>"}});
  CHECK(lab.messages().size() == 2);
  CHECK(lab.status(id) == "undeliverable");
}

TEST_CASE("deliver_before: Expires counts down, a waiting push expires on the millisecond, a running one may end well") {
  PushLab lab;
  const auto id = lab.push(kAlice, {{"deliver_before", "2026-01-01T00:01:00Z"}});
  lab.advance(59s + 999ms);
  CHECK(lab.status(id) == "waiting_reachable");
  lab.advance(1ms);
  CHECK(lab.status(id) == "expired");
  lab.registered(kAlice);
  CHECK(lab.messages().empty());

  const auto running = lab.push(kAlice, {{"deliver_before", "2026-01-01T00:01:10Z"}});
  const auto behind = lab.push(kAlice, {{"deliver_before", "2026-01-01T00:01:10Z"}});
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.headers.get("Expires") == "10");
  CHECK(lab.last()->request.headers.has("Date"));
  lab.advance(11s);
  CHECK(lab.status(running) == "sending");
  CHECK(lab.status(behind) == "expired");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(running) == "delivered");
}

TEST_CASE("deliver_after schedules; a deliver_before in the past is accepted and expired") {
  PushLab lab;
  lab.registered(kAlice, 7200);
  const auto later = lab.push(kAlice, {{"deliver_after", "2026-01-01T00:10:00Z"}});
  CHECK(lab.status(later) == "scheduled");
  lab.advance(9min);
  CHECK(lab.messages().empty());
  lab.advance(1min + 1ms);
  CHECK(lab.messages().size() == 1);
  CHECK(lab.status(lab.push(kAlice, {{"deliver_before", "2025-12-31T00:00:00Z"}})) == "expired");
}

TEST_CASE("PS-20, PS-21: a request of 1300 bytes goes, of 1301 not; a smaller alternative goes instead") {
  PushLab lab;
  lab.registered(kAlice);
  lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", std::string(100, 'x')}}}});
  constexpr std::size_t kVia = 110;  // what the stack may add in front
  auto sent = lab.last()->request;
  sent.headers.remove("Via");                                 // the double's own
  const auto overhead = sent.text().size() - 100 + kVia + 1;  // one digit more in Content-Length
  lab.answer(lab.last(), 200);
  for (const auto& [total, fits] : {std::pair{1299U, true}, std::pair{1300U, true}, std::pair{1301U, false}}) {
    CAPTURE(total);
    const auto before = lab.messages().size();
    const auto size = total - overhead + (total - overhead < 1000 ? 1U : 0U);
    const auto id =
        lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", std::string(size, 'x')}}}, {"mode", "pager"}});
    CHECK(lab.messages().size() == before + (fits ? 1U : 0U));
    if (fits) {
      lab.answer(lab.last(), 200);
    } else {
      CHECK(lab.delivery(id)["status"] == "undeliverable");
      CHECK(lab.delivery(id)["code"] == 2005);
      CHECK(lab.delivery(id)["cause"] == "capability:size");
      CHECK(lab.delivery(id)["attempts"] == 0);
    }
  }
  lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", std::string(2000, 'x')}}},
                    {"alternatives", json::array({{{"type", "text/plain"}, {"text", "short"}}})}});
  lab.advance(5s);  // the receiver was asked for its capabilities, and says nothing
  CHECK(lab.last()->request.body == "short");
}

TEST_CASE("consent: closed rejects, ask waits and goes when the subscriber has granted it") {
  PushLab lab;
  lab.registered(kAlice, 7200, "news.ua,other.ua");
  const auto shut = lab.push(kAlice, {{"app", "shut.ua"}});
  CHECK(lab.status(shut) == "rejected");
  CHECK(lab.delivery(shut)["code"] == 2001);
  CHECK(lab.delivery(shut)["cause"] == "policy:consent");
  const auto id = lab.push(kAlice, {{"app", "other.ua"}});
  CHECK(lab.status(id) == "waiting_consent");
  lab.sh.rule = [](const ShQuery&) { return granted(""); };
  lab.advance(5min + 1s);
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("the HSS: unknown user, quiet hours, and its failure by policy") {
  SUBCASE("5001") {
    PushLab lab;
    lab.sh.rule = [](const ShQuery&) { return ScriptedSh::failed(ShResult::user_unknown); };
    const auto id = lab.push();
    CHECK(lab.status(id) == "undeliverable");
    CHECK(lab.delivery(id)["code"] == 2003);
  }
  SUBCASE("quiet hours hold a push until their end; it keeps its trace on the way") {
    PushLab lab;
    lab.registered(kAlice, 86400);
    lab.sh.rule = [](const ShQuery&) { return granted("<quiet-hours from=\"22:00:00\" to=\"06:00:00\"/>"); };
    const auto id = lab.push();
    CHECK(lab.status(id) == "scheduled");
    CHECK(lab.delivery(id)["retry_at"] == "2026-01-01T06:00:00.000Z");
    lab.advance(6h + 1ms);
    CHECK(lab.messages().size() == 1);
    CHECK(lab.sh.queries.front().trace == lab.sh.queries.back().trace);
    CHECK(lab.sh.queries.front().trace.size() == 32);
    CHECK(lab.sh.queries.front().service_indication == "push-profile");
  }
  SUBCASE("silent, policy default: the push goes within the deadline") {
    PushLab lab;
    lab.registered(kAlice);
    lab.sh.silent = true;
    lab.push();
    CHECK(lab.messages().empty());
    lab.advance(2s);
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("away, and the user in no view: trying is the way to find out") {
    PushLab lab;
    lab.sh.rule = [](const ShQuery&) { return ScriptedSh::failed(ShResult::unavailable); };
    const auto id = lab.push();
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.last()->request.headers.get("Route").value_or("").find("127.0.0.1:6060") != std::string_view::npos);
    lab.answer(lab.last(), 480);
    CHECK(lab.status(id) == "waiting_reachable");
  }
  SUBCASE("away, policy hold") {
    PushLab lab(with("on_hss_failure: hold"));
    lab.registered(kAlice);
    lab.sh.rule = [](const ShQuery&) { return ScriptedSh::failed(ShResult::unavailable); };
    const auto id = lab.push();
    CHECK(lab.status(id) == "retrying");
    lab.sh.rule = nullptr;
    lab.advance(31s);
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("away, policy reject") {
    PushLab lab(with("on_hss_failure: reject"));
    lab.registered(kAlice);
    lab.sh.rule = [](const ShQuery&) { return ScriptedSh::failed(ShResult::busy); };
    CHECK(lab.status(lab.push()) == "rejected");
  }
  SUBCASE("it knows the S-CSCF of a user that registered before we came") {
    PushLab lab;
    lab.sh.rule = [](const ShQuery& query) {
      ShReply reply;
      reply.result = ShResult::ok;
      ShUserData data;
      data.state = ImsUserState::registered;
      if (query.data == ShDataRef::scscf_name) data.scscf_name = "sip:scscf2.ims.lab:6070";
      reply.data = std::make_shared<const ShUserData>(std::move(data));
      return reply;
    };
    lab.push();
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.last()->request.headers.get("Route").value_or("").find("sip:scscf2.ims.lab:6070;lr") != std::string_view::npos);
  }
}

TEST_CASE("a hop that refuses parks its pushes; they go when a probe gets through") {
  PushLab lab;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    lab.registered(user);
    ids.push_back(lab.push(user));
    lab.fail(lab.messages().front(), 503, ResponseOrigin::hop_blocked);  // only the first is ever asked
  }
  CHECK(lab.messages().size() == 1);
  CHECK(lab.delivery(ids[0])["attempts"] == 0);  // nothing was sent
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 2);
  lab.fail(lab.last(), 503, ResponseOrigin::hop_blocked);
  lab.advance(1s);
  CHECK(lab.messages().size() == 2);
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 3);
  lab.answer(lab.last(), 200);
  CHECK(lab.messages().size() == 22);
  for (const auto& sent : lab.messages()) lab.answer(sent, 200);
  for (const auto& id : ids) CHECK(lab.status(id) == "delivered");
}

TEST_CASE("AS-47: a MESSAGE that comes in is sent on along the S-CSCF's mark, ours and others'") {
  PushLab lab;
  for (const auto* sender : {"<sip:push-news@ims.lab>", "<sip:carol@ims.lab>"}) {
    const auto call = lab.stack().receive(
        sip_request("MESSAGE", kAlice,
                    {{"Route", "<sip:127.0.0.1:5065;lr>, <sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=1;a=7369703a>"},
                     {"P-Asserted-Identity", sender},
                     {"Content-Type", "text/plain"}},
                    "hello"));
    lab.settle();
    REQUIRE(!lab.messages().empty());
    const auto& onward = lab.last()->request;
    CHECK(onward.headers.get("Route") == "<sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=1;a=7369703a>");
    CHECK(onward.body == "hello");
    lab.answer(lab.last(), 200);
    CHECK(call->final() == 200);
  }
}

TEST_CASE("a process killed at any step loses no accepted push") {
  PushLab lab;
  lab.registered(kAlice, 86400);
  SUBCASE("while sending: repeated with the same Content-ID, and said so") {
    const auto id = lab.push();
    const auto content_id = std::string(*lab.last()->request.headers.get("Content-ID"));
    lab.restart();
    CHECK(lab.status(id) == "sending");
    lab.advance(2s);
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.last()->request.headers.get("Content-ID") == content_id);
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
    CHECK(lab.delivery(id)["attempts"] == 2);
    CHECK(metrics::text().find("herald_push_possible_duplicates_total{reason=\"restart\"}") != std::string::npos);
  }
  SUBCASE("while waiting for the user: still waiting, still woken") {
    const auto id = lab.push("sip:bob@ims.lab");
    lab.restart();
    CHECK(lab.status(id) == "waiting_reachable");
    CHECK(lab.messages().empty());
    lab.registered("sip:bob@ims.lab");
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("while waiting, and the deadline passes in between") {
    const auto id = lab.push("sip:bob@ims.lab", {{"deliver_before", "2026-01-01T00:00:20Z"}});
    lab.crash();
    lab.clock.advance(1min);
    lab.boot();
    CHECK(lab.status(id) == "expired");
  }
  SUBCASE("between two attempts: the third goes when it is due") {
    const auto id = lab.push();
    lab.answer(lab.last(), 486);
    lab.restart();  // takes 15 s of the dead process's clock
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.delivery(id)["attempts"] == 2);
  }
  SUBCASE("right after the 202") {
    const auto before = lab.messages().size();
    const auto id = lab.push();
    CHECK(lab.messages().size() == before + 1);
    lab.restart();
    lab.advance(2s);
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
  }
  SUBCASE("again and again") {
    const auto id = lab.push();
    for (int i = 0; i < 3; ++i) {
      lab.restart();
      lab.advance(2s);
    }
    REQUIRE(!lab.messages().empty());
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
  }
  SUBCASE("a finished push stays as it is and is not sent again") {
    const auto id = lab.push();
    lab.answer(lab.last(), 200);
    lab.restart();
    lab.advance(5s);
    CHECK(lab.messages().empty());
    CHECK(lab.status(id) == "delivered");
  }
}

TEST_CASE("a store that fails: nothing accepted that is not kept, no outcome forgotten") {
  PushLab lab;
  lab.registered(kAlice, 86400);
  SUBCASE("at submission: 503, and nothing is sent") {
    lab.store.fail_commits(1, ErrorCode::unavailable);
    const json body{{"to", json::array({kAlice})}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
    const auto answer = lab.call("POST", "/v1/pushes", body);
    CHECK(answer.status == 503);
    CHECK(answer.body["code"] == 4001);
    CHECK(answer.headers.contains("Retry-After"));
    CHECK(lab.messages().empty());
  }
  SUBCASE("before the first packet: nothing goes out until the record is written (ST-48)") {
    const auto id = lab.push("sip:bob@ims.lab");
    lab.store.fail_commits(1000, ErrorCode::unavailable);
    lab.registered("sip:bob@ims.lab");
    CHECK(lab.messages().empty());
    lab.store.fail_commits(0);
    lab.advance(2s);
    REQUIRE(lab.messages().size() == 1);
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
  }
  SUBCASE("after the answer: the outcome is written as soon as the store is back") {
    const auto id = lab.push();
    lab.store.unavailable(true);
    lab.answer(lab.last(), 200);
    lab.advance(30s);
    lab.store.unavailable(false);
    CHECK(lab.status(id) == "sending");
    lab.advance(11s);
    CHECK(lab.status(id) == "delivered");
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("a lost answer of the store is a conflict at the next write, and is recognised") {
    const auto id = lab.push("sip:bob@ims.lab");
    lab.store.lose_answers(2);  // the commits of the registration and of `sending`
    lab.registered("sip:bob@ims.lab");
    lab.advance(5s);
    REQUIRE(!lab.messages().empty());
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
  }
}

TEST_CASE("pushes to users of several shards are accepted on one and delivered on their own") {
  PushLab::Options options;
  options.shards = 3;
  PushLab lab(options);
  json to = json::array();
  for (int i = 0; i < 30; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  lab.sh.rule = [](const ShQuery&) { return ScriptedSh::failed(ShResult::unavailable); };
  const auto id = lab.push(kAlice, {{"to", to}});
  CHECK(lab.messages().size() == 30);
  for (const auto& sent : lab.messages()) lab.answer(sent, 200);
  for (std::size_t i = 0; i < 30; ++i) CHECK(lab.status(id, i) == "delivered");
}

TEST_CASE("records of old pushes are purged") {
  PushLab lab(with("retention: 1h\ndefault_lifetime: 1h"));
  lab.registered(kAlice);
  const auto id = lab.push();
  lab.answer(lab.last(), 200);
  lab.advance(2h + 31s);
  CHECK(lab.call("GET", "/v1/pushes/" + id).status == 404);
  CHECK(lab.memory.records() <= 1);  // the registration may still be there
}
