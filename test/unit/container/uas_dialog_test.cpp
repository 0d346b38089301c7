#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

SipMessage invite(std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{{"From", "<sip:bob@ims.lab>;tag=bobs"},
                                      {"Call-ID", "call-dialog"},
                                      {"CSeq", "5 INVITE"},
                                      {"Contact", "<sip:bob@127.0.0.1:6101>"},
                                      {"Record-Route", "<sip:scscf;lr>, <sip:pcscf;lr>"}};
  for (auto& field : extra) headers.push_back(std::move(field));
  return sip_request("INVITE", "sip:push@ims.lab", std::move(headers));
}

SipMessage in_dialog(std::string_view method, int cseq, const std::string& to_tag, std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{{"From", "<sip:bob@ims.lab>;tag=bobs"},
                                      {"To", "<sip:push@ims.lab>;tag=" + to_tag},
                                      {"Call-ID", "call-dialog"},
                                      {"CSeq", std::to_string(cseq) + " " + std::string(method)}};
  for (auto& field : extra) headers.push_back(std::move(field));
  return sip_request(method, "sip:push@127.0.0.1:5065", std::move(headers));
}

std::string tag_of_last(const FakeSipStack::Call& call) {
  const auto to = std::string(*call.last().headers.get("To"));
  return to.substr(to.find(";tag=") + 5);
}

}  // namespace

TEST_CASE("an INVITE that we answer makes a dialog; BYE ends it (RFC 3261 12.1.1, sip-servlet-api.md 5)") {
  Bench bench;
  std::optional<SipSession> session;
  int acks = 0;
  bench.script.hooks["INVITE"] = [&](SipServletRequest request) -> Task<void> {
    session = request.session();
    static_cast<void>(request.respond(180));
    CHECK(session->state() == (request.is_initial() ? SipSession::State::early : SipSession::State::confirmed));
    auto answer = request.create_response(200);
    CHECK(answer.set_header("Contact", "<sip:x@y>").error().code == ErrorCode::invalid);
    CHECK(answer.send().has_value());
    CHECK(session->state() == SipSession::State::confirmed);
    co_return;
  };
  bench.script.hooks["ACK"] = [&](SipServletRequest request) -> Task<void> {
    ++acks;
    CHECK(request.method() == "ACK");
    co_return;
  };
  const auto call = bench.stack().receive(invite());
  bench.settle();
  REQUIRE(call->final() == 200);
  CHECK(call->last().headers.get("Contact") == "<sip:push@127.0.0.1:5065>");
  const auto tag = tag_of_last(*call);
  CHECK(bench.status().dialogs == 1);
  bench.stack().receive_ack(in_dialog("ACK", 5, tag));
  bench.settle();
  CHECK(acks == 1);

  SUBCASE("a request of ours follows the route set and target") {
    auto info = session->create_request("INFO");
    REQUIRE(info.has_value());
    CHECK(info->uri() == "sip:bob@127.0.0.1:6101");
    CHECK(info->message().headers.list("Route") == std::vector<std::string_view>{"<sip:scscf;lr>", "<sip:pcscf;lr>"});
    CHECK(info->header("To") == "<sip:bob@ims.lab>;tag=bobs");
    CHECK(session->create_request("ACK").error().code == ErrorCode::invalid);
  }
  SUBCASE("a re-INVITE refreshes the target; a lower CSeq is 500 (RFC 3261 12.2.2)") {
    const auto again = bench.stack().receive(in_dialog("INVITE", 6, tag, {{"Contact", "<sip:bob@127.0.0.1:7777>"}}));
    bench.settle();
    CHECK(again->final() == 200);
    CHECK(again->last().headers.has("Contact"));
    CHECK(session->create_request("INFO")->uri() == "sip:bob@127.0.0.1:7777");
    const auto old = bench.stack().receive(in_dialog("BYE", 5, tag));
    bench.settle();
    CHECK(old->final() == 500);
    CHECK(bench.status().dialogs == 1);
  }
  SUBCASE("an unknown tag is 481 (AS-66)") {
    const auto stray = bench.stack().receive(in_dialog("BYE", 9, "unknown"));
    bench.settle();
    CHECK(stray->final() == 481);
  }
  const auto bye = bench.stack().receive(in_dialog("BYE", 10, tag));
  bench.settle();
  CHECK(bye->final() == 200);  // nobody overrides do_bye
  CHECK_FALSE(session->valid());
  const auto status = bench.status();
  CHECK(status.dialogs + status.sessions + status.application_sessions + status.server_transactions == 0);
  const auto late = bench.stack().receive(in_dialog("BYE", 11, tag));
  bench.settle();
  CHECK(late->final() == 481);
}

TEST_CASE("CANCEL of an INVITE: 487, then do_cancel (SV-5)") {
  Bench bench;
  bool told = false;
  bench.script.hooks["INVITE"] = [&](SipServletRequest request) -> Task<void> {
    static_cast<void>(request.respond(180));
    static_cast<void>(co_await sleep_for(10s));
    CHECK(request.cancelled());
    CHECK(request.respond(200).error().code == ErrorCode::gone);
  };
  bench.script.cancelled = [&](SipServletRequest request) -> Task<void> {
    told = request.cancelled();
    co_return;
  };
  const auto call = bench.stack().receive(invite());
  bench.settle();
  CHECK(bench.status().dialogs == 1);
  call->cancel();
  bench.settle();
  CHECK(call->final() == 487);
  CHECK(told);
  CHECK(bench.status().dialogs == 0);
  bench.advance(11s);
  CHECK(bench.status().application_sessions == 0);
}

TEST_CASE("a SUBSCRIBE that we accept lives until NOTIFY terminated; 481 to our NOTIFY ends it (RFC 6665)") {
  Bench bench;
  std::optional<SipSession> session;
  bench.script.hooks["SUBSCRIBE"] = [&](SipServletRequest request) -> Task<void> {
    session = request.session();
    static_cast<void>(request.respond(200));
    co_return;
  };
  const auto call = bench.stack().receive(sip_request("SUBSCRIBE", "sip:alice@ims.lab",
                                                      {{"Contact", "<sip:alice@127.0.0.1:6101>"},
                                                       {"Event", "oma-push"},
                                                       {"Route", "<sip:127.0.0.1:5065;lr;app=push;sess=sub>"}}));
  bench.settle();
  REQUIRE(call->final() == 200);
  REQUIRE(session->valid());
  CHECK(session->state() == SipSession::State::confirmed);
  bench.advance(10min);
  CHECK_FALSE(session->valid());  // the application session's three minutes: a notifier prolongs it

  session.reset();
  bench.stack().receive(sip_request("SUBSCRIBE", "sip:alice@ims.lab", {{"Contact", "<sip:alice@127.0.0.1:6101>"}}));
  bench.settle();
  REQUIRE(session);
  const auto notify = [&](std::string state, int answer) {
    auto request = session->create_request("NOTIFY");
    REQUIRE(request.has_value());
    static_cast<void>(request->set_header("Subscription-State", std::move(state)));
    bench.executors[0]->run([&] { static_cast<void>(request->send()); });
    CHECK(bench.stack().sent().back()->request.headers.has("Contact"));
    bench.stack().sent().back()->answer(answer);
    bench.settle();
  };
  notify("active;expires=600", 200);
  CHECK(session->valid());
  SUBCASE("terminated") { notify("terminated;reason=timeout", 200); }
  SUBCASE("481") { notify("active;expires=500", 481); }
  CHECK_FALSE(session->valid());
  CHECK(bench.status().dialogs == 0);
}
