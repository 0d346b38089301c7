// INVITEs of our own: what comes after their final response. RFC 3261 9.1, 13.2.2.4.
#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Answered {
  std::optional<Expected<SipServletResponse>> result;
  [[nodiscard]] int status() const { return result && *result ? (*result)->status() : 0; }
};

Task<void> await_answer(SipServletRequest request, Answered& answered) {
  auto sending = request.send();
  answered.result = co_await sending;
}

struct Caller {
  Bench bench;
  SipApplicationSession application = bench.containers[0]->sip_factory().create_application_session();
  SipServletRequest invite;
  Answered answered;

  Caller() : invite(make(bench, application)) { bench.spawn_here(await_answer(invite, answered)); }
  static SipServletRequest make(Bench& bench, SipApplicationSession application) {
    auto made =
        bench.containers[0]->sip_factory().create_request(application, "INVITE", "<sip:push@ims.lab>", "<sip:alice@ims.lab>");
    REQUIRE(made.has_value());
    return *made;
  }
  [[nodiscard]] FakeSipStack::Sent& sent(std::size_t index = 0) { return *bench.stack().sent().at(index); }
  [[nodiscard]] const std::vector<SipMessage>& acks() { return bench.stack().acks(); }
  static std::vector<SipHeaderField> contact(const std::string& uri) { return {{"Contact", "<" + uri + ">"}}; }
  void accept() {
    sent().answer(200, contact("sip:alice@127.0.0.1:6101"));
    bench.settle();
    REQUIRE(answered.status() == 200);
  }
  void acknowledge() {
    auto ack = (*answered.result)->create_ack();
    REQUIRE(ack.has_value());
    static Answered nothing;
    bench.spawn_here(await_answer(*ack, nothing));
  }
  void repeat(const std::string& tag = "peer-tag") {
    auto& original = sent();
    const auto kept = std::exchange(original.remote_tag, tag);
    auto response = original.response(200, contact("sip:" + tag + "@127.0.0.1:6102"));
    original.remote_tag = kept;
    bench.stack().receive_late_success(std::move(response));
    bench.settle();
  }
};

}  // namespace

TEST_CASE("a repeated 2xx to our INVITE gets the same ACK again, and no BYE (RFC 3261 13.2.2.4)") {
  Caller caller;
  caller.accept();
  caller.repeat();  // before the application has sent its ACK
  CHECK(caller.acks().empty());
  caller.acknowledge();
  REQUIRE(caller.acks().size() == 1);
  caller.repeat();
  REQUIRE(caller.acks().size() == 2);
  CHECK(caller.acks()[0].text() == caller.acks()[1].text());
  CHECK(caller.bench.stack().sent().size() == 1);

  SUBCASE("also when the dialog has ended meanwhile") {
    auto bye = caller.invite.session().create_request("BYE");
    REQUIRE(bye.has_value());
    Answered ended;
    caller.bench.spawn_here(await_answer(*bye, ended));
    caller.sent(1).answer(200);
    caller.bench.settle();
    CHECK(caller.bench.status().dialogs == 0);
    caller.repeat();
    CHECK(caller.acks().size() == 3);
  }
  SUBCASE("but not for ever, and not for what is none of ours") {
    caller.bench.advance(33s);
    caller.repeat();
    CHECK(caller.acks().size() == 2);
    auto response = caller.sent().response(200, Caller::contact("sip:mallory@10.0.0.1"));
    response.headers.set("Call-ID", "made-up@as1");
    caller.bench.stack().receive_late_success(response);
    CHECK(caller.acks().size() == 2);
    CHECK(caller.bench.stack().sent().size() == 1);
  }
}

TEST_CASE("a 2xx of another branch of our INVITE is acknowledged and ended by BYE (RFC 3261 13.2.2.4)") {
  Caller caller;
  caller.accept();
  caller.acknowledge();
  caller.repeat("other");
  REQUIRE(caller.acks().size() == 2);
  CHECK(caller.acks()[1].uri() == "sip:other@127.0.0.1:6102");
  CHECK(caller.acks()[1].headers.get("CSeq") == "1 ACK");
  REQUIRE(caller.bench.stack().sent().size() == 2);
  const auto& bye = caller.sent(1).request;
  CHECK(bye.method() == "BYE");
  CHECK(bye.headers.get("CSeq") == "2 BYE");
  CHECK(bye.headers.get("To")->find("tag=other") != std::string_view::npos);
  caller.repeat("other");  // again: the ACK alone
  CHECK(caller.acks().size() == 3);
  CHECK(caller.bench.stack().sent().size() == 2);
  caller.sent(1).answer(200);
  caller.bench.settle();
  CHECK(caller.bench.status().dialogs == 1);  // ours lives
}

TEST_CASE("CANCEL: 487 is the answer, and a 2xx that overtakes it makes a session that can be ended (RFC 3261 9.1)") {
  Caller caller;
  caller.sent().answer(180);
  REQUIRE(caller.invite.cancel().has_value());
  CHECK(caller.sent().cancelled);
  SUBCASE("487") {
    caller.sent().answer(487);
    caller.bench.settle();
    CHECK(caller.answered.status() == 487);
    CHECK(caller.invite.cancelled());
    CHECK_FALSE(caller.application.valid());
  }
  SUBCASE("200") {
    caller.accept();
    CHECK(caller.invite.session().state() == SipSession::State::confirmed);
    caller.acknowledge();
    CHECK(caller.acks().size() == 1);
    CHECK(caller.invite.session().create_request("BYE").has_value());
  }
}

TEST_CASE("a 2xx for an INVITE whose session was given up is acknowledged and ended by the container") {
  Caller caller;
  caller.sent().answer(180);
  auto late = caller.sent().response(200, Caller::contact("sip:alice@127.0.0.1:6101"));
  caller.bench.executors[0]->run([&] { caller.application.invalidate(); });
  caller.bench.settle();
  CHECK(caller.sent().abandoned);
  caller.bench.stack().receive_late_success(late);
  caller.bench.settle();
  REQUIRE(caller.acks().size() == 1);
  REQUIRE(caller.bench.stack().sent().size() == 2);
  CHECK(caller.sent(1).request.method() == "BYE");
}

TEST_CASE("the peer's BYE ends the dialog of our INVITE, and do_bye hears of it") {
  Caller caller;
  int heard = 0;
  caller.bench.script.hooks["BYE"] = [&](SipServletRequest request) -> Task<void> {
    ++heard;
    static_cast<void>(request.respond(200));
    co_return;
  };
  caller.accept();
  caller.acknowledge();
  const auto& invite = caller.sent().request;
  const auto call =
      caller.bench.stack().receive(sip_request("BYE", "sip:push@127.0.0.1:5065",
                                               {{"From", "<sip:alice@ims.lab>;tag=peer-tag"},
                                                {"To", std::string(invite.headers.get("From").value_or(""))},
                                                {"Call-ID", std::string(invite.headers.get("Call-ID").value_or(""))},
                                                {"CSeq", "7 BYE"}}));
  caller.bench.settle();
  CHECK(heard == 1);
  CHECK(call->final() == 200);
  CHECK(caller.bench.status().dialogs == 0);
  CHECK_FALSE(caller.invite.session().create_request("BYE").has_value());
}
