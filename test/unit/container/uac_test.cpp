#include <algorithm>
#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Outcome {
  std::optional<Expected<SipServletResponse>> result;
  [[nodiscard]] int status() const { return result && *result ? (*result)->status() : 0; }
};

Task<void> await_answer(SipServletRequest request, Deadline deadline, Outcome& outcome) {
  auto sending = request.send(deadline);
  outcome.result = co_await sending;
}

SipServletRequest new_request(Bench& bench, SipApplicationSession session, std::string_view method = "MESSAGE") {
  auto made = bench.containers[0]->sip_factory().create_request(session, method, "<sip:push@ims.lab>", "<sip:alice@ims.lab>");
  REQUIRE(made.has_value());
  return *made;
}

}  // namespace

TEST_CASE("a MESSAGE goes out with what RFC 3261 8.1.1 asks for and its one final response comes back (SV-7, SV-17)") {
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  const auto session = factory.create_application_session();
  auto request = new_request(bench, session);
  CHECK(request.push_route("sip:127.0.0.1:6060;lr").has_value());
  CHECK(request.set_header("Accept-Contact", "*;+g.oma.pusheventapp=\"news.ua\"").has_value());
  CHECK(request.set_content("text/plain", "Goal!").has_value());
  CHECK_FALSE(request.committed());
  Outcome outcome;
  bench.spawn_here(await_answer(request, Deadline::never(), outcome));
  CHECK(request.committed());
  REQUIRE(bench.stack().sent().size() == 1);
  auto& sent = *bench.stack().sent()[0];
  const auto& headers = sent.request.headers;
  CHECK(sent.request.method() == "MESSAGE");
  CHECK(sent.request.uri() == "sip:alice@ims.lab");
  CHECK(headers.get("Route") == "<sip:127.0.0.1:6060;lr>");
  CHECK(headers.get("CSeq") == "1 MESSAGE");
  CHECK(headers.get("Max-Forwards") == "70");
  CHECK(headers.get("From")->find(";tag=") != std::string_view::npos);
  CHECK(headers.get("To") == "<sip:alice@ims.lab>");
  CHECK(headers.get("Call-ID")->ends_with("@as1"));
  CHECK_FALSE(headers.has("Contact"));  // RFC 3428 4
  CHECK(sent.request.body == "Goal!");
  CHECK(bench.status().client_transactions == 1);
  CHECK(bench.status().application_sessions == 1);

  sent.answer(200, {{"Retry-After", "5 (soon);duration=3"}});
  bench.settle();
  CHECK(outcome.status() == 200);
  CHECK((*outcome.result)->origin() == ResponseOrigin::peer);
  CHECK((*outcome.result)->retry_after() == Duration(5s));
  CHECK((*outcome.result)->committed());
  CHECK((*outcome.result)->method() == "MESSAGE");
  CHECK_FALSE((*outcome.result)->session().valid());
  CHECK_FALSE(session.valid());
  const auto status = bench.status();
  CHECK(status.application_sessions + status.sessions + status.client_transactions + status.dialogs == 0);
  // The fake's own Timer F is the only one left.
  CHECK(bench.executors[0]->timer_count() == 1);
}

TEST_CASE("silence and transport failures come as local 408 and 503 with their origin (SV-7)") {
  Bench bench;
  Outcome outcome;
  auto request = new_request(bench, bench.containers[0]->sip_factory().create_application_session());
  SUBCASE("Timer F") {
    bench.spawn_here(await_answer(request, Deadline::never(), outcome));
    bench.advance(33s);
    CHECK(outcome.status() == 408);
    CHECK((*outcome.result)->origin() == ResponseOrigin::timer);
  }
  SUBCASE("the deadline comes first") {
    bench.spawn_here(await_answer(request, Deadline::after(bench.clock, 2s), outcome));
    bench.advance(3s);
    CHECK(outcome.status() == 408);
  }
  SUBCASE("connect failure") {
    bench.spawn_here(await_answer(request, Deadline::never(), outcome));
    bench.stack().sent().at(0)->fail(503, ResponseOrigin::connect_failed);
    bench.settle();
    CHECK(outcome.status() == 503);
    CHECK((*outcome.result)->locally_generated());
  }
  CHECK(bench.status().application_sessions == 0);
}

TEST_CASE("provisional responses go to do_provisional_response, the final one to the awaiter") {
  Bench bench;
  std::vector<int> provisional;
  bench.script.provisional = [&](SipServletResponse response) -> Task<void> {
    provisional.push_back(response.status());
    co_return;
  };
  Outcome outcome;
  bench.spawn_here(await_answer(new_request(bench, bench.containers[0]->sip_factory().create_application_session()),
                                Deadline::never(), outcome));
  auto& sent = *bench.stack().sent().at(0);
  sent.answer(100);
  sent.answer(183);
  CHECK_FALSE(outcome.result);
  sent.answer(202);
  sent.answer(200);  // a second one is none
  bench.settle();
  CHECK(provisional == std::vector<int>{183});
  CHECK(outcome.status() == 202);
}

TEST_CASE("when the session ends while an answer is awaited the awaiter gets Error{gone} (SV-18)") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  auto request = new_request(bench, session);
  Outcome outcome;
  bench.spawn_here(await_answer(request, Deadline::never(), outcome));
  SUBCASE("invalidated") {
    bench.executors[0]->run([&] { session.invalidate(); });
    bench.settle();
  }
  SUBCASE("expired") {
    REQUIRE(session.set_expires(10s).has_value());
    bench.advance(11s);
  }
  SUBCASE("the container stops") {
    bench.executors[0]->run([&] { bench.containers[0]->stop(); });
    bench.settle();
  }
  REQUIRE(outcome.result);
  REQUIRE_FALSE(outcome.result->has_value());
  CHECK(outcome.result->error().code == ErrorCode::gone);
  CHECK(bench.stack().sent()[0]->abandoned);
  CHECK(bench.status().client_transactions == 0);
  CHECK_FALSE(request.session().valid());
  CHECK(request.session().create_request("BYE").error().code == ErrorCode::gone);
  CHECK(session.create_timer(1s, [] {}).error().code == ErrorCode::gone);
  Outcome again;
  bench.spawn_here(await_answer(request, Deadline::never(), again));
  REQUIRE(again.result);
  CHECK(again.result->error().code == ErrorCode::gone);
}

TEST_CASE("system headers cannot be written, nor anything with a line break; nothing after the commit") {
  Outcome outcome;  // outlives the bench, whose end answers what is still awaited
  Bench bench;
  auto request = new_request(bench, bench.containers[0]->sip_factory().create_application_session());
  for (const auto name :
       {"Call-ID", "i", "CSeq", "Via", "v", "Route", "Record-Route", "Max-Forwards", "Content-Length", "Contact"}) {
    CAPTURE(name);
    CHECK(request.set_header(name, "x").error().code == ErrorCode::invalid);
    CHECK(request.add_header(name, "x").error().code == ErrorCode::invalid);
    CHECK(request.remove_header(name).error().code == ErrorCode::invalid);
  }
  CHECK(request.set_header("X-Good", "a\r\nBad: b").error().code == ErrorCode::invalid);
  CHECK(request.set_header("X Bad", "a").error().code == ErrorCode::invalid);
  CHECK(request.set_header("From", "<sip:x@y>;tag=mine").error().code == ErrorCode::invalid);
  CHECK(request.set_header("From", "\"News\" <sip:push@ims.lab>").has_value());
  CHECK(request.header("From")->find(";tag=") != std::string_view::npos);
  CHECK(request.set_uri("no uri").error().code == ErrorCode::invalid);
  CHECK(request.push_route("tel:+1").error().code == ErrorCode::invalid);
  CHECK(request.respond(200).error().code == ErrorCode::invalid);
  bench.spawn_here(await_answer(request, Deadline::never(), outcome));
  CHECK(request.set_header("X-Late", "a").error().code == ErrorCode::gone);
  CHECK(request.set_content("text/plain", "x").error().code == ErrorCode::gone);
}

TEST_CASE("the factory refuses what is no new request") {
  Bench bench;
  auto& factory = bench.containers[0]->sip_factory();
  const auto session = factory.create_application_session();
  const auto code = [&](std::string_view method, std::string_view from, std::string_view to) {
    const auto made = factory.create_request(session, method, from, to);
    REQUIRE_FALSE(made.has_value());
    return made.error().code;
  };
  CHECK(code("ACK", "sip:a@b", "sip:c@d") == ErrorCode::invalid);
  CHECK(code("CANCEL", "sip:a@b", "sip:c@d") == ErrorCode::invalid);
  CHECK(code("ME SSAGE", "sip:a@b", "sip:c@d") == ErrorCode::invalid);
  CHECK(code("MESSAGE", "nobody", "sip:c@d") == ErrorCode::invalid);
  CHECK(code("MESSAGE", "sip:a@b", "<sip:c@d>;tag=1") == ErrorCode::invalid);
  CHECK(code("MESSAGE", "sip:a@b", "<sip:c@d>\r\nEvil: 1") == ErrorCode::invalid);
  CHECK(factory.create_request(session, "MESSAGE", "sip:a@b", "tel:+15551000001").has_value());
  bench.executors[0]->run([&] { session.invalidate(); });
  CHECK(code("MESSAGE", "sip:a@b", "sip:c@d") == ErrorCode::gone);
}

TEST_CASE("one application session can send several requests; it ends when the last has its answer") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  Outcome first, second;
  bench.spawn_here(await_answer(new_request(bench, session), Deadline::never(), first));
  auto later = new_request(bench, session);  // made, not sent yet
  bench.stack().sent().at(0)->answer(200);
  bench.settle();
  CHECK(first.status() == 200);
  CHECK(session.valid());
  bench.spawn_here(await_answer(later, Deadline::never(), second));
  bench.stack().sent().at(1)->answer(486);
  bench.settle();
  CHECK(second.status() == 486);
  CHECK_FALSE(session.valid());
}

TEST_CASE("an INVITE of ours makes a dialog, ACK and BYE follow its route set (RFC 3261 12.1.2, 13.2.2.4)") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  auto invite = new_request(bench, session, "INVITE");
  Outcome outcome;
  bench.spawn_here(await_answer(invite, Deadline::never(), outcome));
  auto& sent = *bench.stack().sent().at(0);
  CHECK(sent.request.headers.get("Contact") == "<sip:push@127.0.0.1:5065>");
  CHECK(invite.session().state() == SipSession::State::initial);
  sent.answer(180, {{"Contact", "<sip:alice@127.0.0.1:6101>"}, {"Record-Route", "<sip:p2;lr>, <sip:p1;lr>"}});
  CHECK(invite.session().state() == SipSession::State::early);
  sent.answer(200, {{"Contact", "<sip:alice@127.0.0.1:6102>"}, {"Record-Route", "<sip:p2;lr>, <sip:p1;lr>"}});
  bench.settle();
  REQUIRE(outcome.status() == 200);
  CHECK(invite.session().state() == SipSession::State::confirmed);
  CHECK(bench.status().dialogs == 1);
  auto ack = (*outcome.result)->create_ack();
  REQUIRE(ack.has_value());
  Outcome nothing;
  bench.spawn_here(await_answer(*ack, Deadline::never(), nothing));
  REQUIRE(bench.stack().acks().size() == 1);
  const auto& out = bench.stack().acks()[0];
  CHECK(out.uri() == "sip:alice@127.0.0.1:6102");
  CHECK(out.headers.get("CSeq") == "1 ACK");
  CHECK(out.headers.list("Route") == std::vector<std::string_view>{"<sip:p1;lr>", "<sip:p2;lr>"});

  auto bye = invite.session().create_request("BYE");
  REQUIRE(bye.has_value());
  CHECK(bye->header("CSeq") == "2 BYE");
  CHECK(bye->header("To")->find("tag=peer-tag") != std::string_view::npos);
  Outcome ended;
  bench.spawn_here(await_answer(*bye, Deadline::never(), ended));
  bench.stack().sent().at(1)->answer(200);
  bench.settle();
  CHECK(bench.status().dialogs == 0);
  CHECK_FALSE(session.valid());
}

TEST_CASE("a refused INVITE goes back to initial and its session is released (sip-servlet-api.md 5)") {
  Bench bench;
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  Outcome outcome;
  bench.spawn_here(await_answer(new_request(bench, session, "INVITE"), Deadline::never(), outcome));
  auto& sent = *bench.stack().sent().at(0);
  sent.answer(180);
  sent.answer(486);
  bench.settle();
  CHECK(outcome.status() == 486);
  CHECK(bench.status().dialogs == 0);
  CHECK_FALSE(session.valid());
}

TEST_CASE("a SUBSCRIBE of ours: NOTIFY may overtake the 200 and ends the dialog with terminated (RFC 6665 4.1.2.4)") {
  Bench bench;
  int notified = 0;
  bench.script.hooks["NOTIFY"] = [&](SipServletRequest request) -> Task<void> {
    ++notified;
    CHECK_FALSE(request.is_initial());
    static_cast<void>(request.respond(200));
    co_return;
  };
  const auto session = bench.containers[0]->sip_factory().create_application_session();
  auto subscribe = new_request(bench, session, "SUBSCRIBE");
  Outcome outcome;
  bench.spawn_here(await_answer(subscribe, Deadline::never(), outcome));
  auto& sent = *bench.stack().sent().at(0);
  const auto to_tagged = std::string(*sent.request.headers.get("From"));
  const auto notify = [&](int number, std::string state) {
    const auto call = bench.stack().receive(sip_request("NOTIFY", "sip:push@127.0.0.1:5065",
                                                        {{"From", "<sip:alice@ims.lab>;tag=peer-tag"},
                                                         {"To", to_tagged},
                                                         {"Call-ID", std::string(*sent.request.headers.get("Call-ID"))},
                                                         {"CSeq", std::to_string(number) + " NOTIFY"},
                                                         {"Contact", "<sip:scscf@127.0.0.1:6060>"},
                                                         {"Subscription-State", std::move(state)}}));
    bench.settle();
    return call->final();
  };
  CHECK(notify(1, "active") == 200);
  sent.answer(200, {{"Contact", "<sip:scscf@127.0.0.1:6060>"}});
  bench.settle();
  CHECK(outcome.status() == 200);
  CHECK(subscribe.session().state() == SipSession::State::confirmed);
  CHECK(notify(2, "active;expires=60") == 200);
  CHECK(notify(2, "active") == 500);  // CSeq not higher
  CHECK(notify(3, "terminated;reason=deactivated") == 200);
  CHECK(notified == 3);
  CHECK_FALSE(session.valid());
  CHECK(notify(4, "active") == 481);
}

TEST_CASE("hooks that suspend are resumed on their shard; a session that ended meanwhile answers gone") {
  Bench bench;
  std::optional<ErrorCode> code;
  std::optional<ErrorCode> second;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    static_cast<void>(request.respond(202));
    static_cast<void>(co_await sleep_for(5min));  // longer than the session's 3 minutes
    CHECK_FALSE(request.application_session().valid());
    CHECK(request.application_session().attributes() == nullptr);
    const auto made = request.session().create_request("MESSAGE");
    code = made ? ErrorCode::internal : made.error().code;
    const auto again = request.respond(200);
    second = again ? ErrorCode::internal : again.error().code;
  };
  const auto call = bench.stack().receive(sip_request("MESSAGE", "sip:push@ims.lab"));
  bench.advance(10min);
  CHECK(call->final() == 202);
  CHECK(code == ErrorCode::gone);
  CHECK(second == ErrorCode::gone);
}
