// Session mode through the whole module: INVITE, MSRP, BYE; on virtual time, with a scripted MSRP peer.
#include <doctest/doctest.h>

#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

ServiceApplication with_modes(std::vector<DeliveryMode> modes) {
  auto made = application("news.ua", ConsentDefault::open);
  made.modes = std::move(modes);
  return made;
}

PushLab::Options sessions(std::string config = {}, std::vector<DeliveryMode> modes = {DeliveryMode::pager, DeliveryMode::msrp,
                                                                                      DeliveryMode::indirection}) {
  PushLab::Options options;
  options.config = std::move(config);
  options.apps = {with_modes(std::move(modes))};
  return options;
}

MsrpDescription recipient() {
  MsrpDescription peer;
  peer.address = "127.0.0.1";
  peer.port = 7001;
  peer.path = "msrp://127.0.0.1:7001/ue;tcp";
  peer.accept_types = {"*"};
  peer.setup = MsrpSetup::passive;
  peer.direction = MsrpDirection::recvonly;
  return peer;
}

// One push that goes by a session, and both ends of it.
struct Call {
  explicit Call(PushLab& node, json more = json::object()) : lab(node) {
    json body{{"mode", "msrp"}};
    body.update(more);
    id = lab.push(kAlice, std::move(body));
    if (!lab.messages("INVITE").empty()) invite = lab.messages("INVITE").back();
  }
  [[nodiscard]] FakeMsrpSession& msrp() const { return *lab.msrp.sessions().back(); }
  void accept(const MsrpDescription& answer = recipient()) {
    lab.answer(invite, 200, {{"Contact", "<sip:ue@127.0.0.1:6101>"}, {"Content-Type", "application/sdp"}}, to_sdp(answer, 1, 1));
  }
  void connect() {
    auto& session = msrp();
    lab.inside([&] { session.connect(); });
  }
  void ends(MsrpSent outcome) {
    auto& session = msrp();
    lab.inside([&] { session.answer(session.sent.size() - 1, outcome); });
  }
  void all_acknowledged(bool reported = false) {
    MsrpSent sent;
    sent.acknowledged = msrp().sent.back().size();
    sent.reported = reported ? sent.acknowledged : 0;
    ends(sent);
  }
  // The receiver hangs up.
  int bye(const std::string& reason = {}) {
    std::vector<SipHeaderField> fields{{"From", "<sip:alice@ims.lab>;tag=" + invite->remote_tag},
                                       {"To", std::string(invite->request.headers.get("From").value_or(""))},
                                       {"Call-ID", std::string(invite->request.headers.get("Call-ID").value_or(""))},
                                       {"CSeq", "9 BYE"}};
    if (!reason.empty()) fields.push_back({"Reason", reason});
    const auto call = lab.stack().receive(sip_request("BYE", "sip:push@127.0.0.1:5065", std::move(fields)));
    lab.settle();
    return call->final();
  }
  [[nodiscard]] std::size_t byes() const { return lab.messages("BYE").size(); }
  [[nodiscard]] json state() const { return lab.delivery(id); }

  PushLab& lab;
  std::string id;
  std::shared_ptr<FakeSipStack::Sent> invite;
};

}  // namespace

TEST_CASE("PS-40, PS-41, PS-43: the INVITE offers one MSRP line to send on, for devices of the application") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  const Call call(lab, {{"priority", "high"}, {"excluded", json::array({"automata", "mobility=\"fixed\""})}, {"devices", "one"}});
  REQUIRE(call.invite);
  CHECK(lab.status(call.id) == "sending");
  CHECK(lab.delivery(call.id)["mode"] == "msrp");
  const auto& request = call.invite->request;
  CHECK(request.uri() == kAlice);
  CHECK(request.headers.get("Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");
  CHECK(request.headers.get("Reject-Contact") == "*;automata, *;mobility=\"fixed\"");  // PS-13
  CHECK(request.headers.get("Request-Disposition") == "no-fork");                      // PS-14
  CHECK(request.headers.get("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(request.headers.get("P-Charging-Vector").value_or("").starts_with("icid-value="));
  CHECK(request.headers.get("Priority") == "urgent");
  CHECK(request.headers.get("Expires") == "60");
  CHECK(request.headers.get("Contact").has_value());
  CHECK(request.headers.get("Content-Type") == "application/sdp");
  CHECK_FALSE(request.headers.has("Require"));
  const auto offer = parse_msrp_sdp(request.body);
  REQUIRE(offer.has_value());
  CHECK(offer->direction == MsrpDirection::sendonly);
  CHECK(offer->setup == MsrpSetup::actpass);
  CHECK(offer->accept_types == std::vector<std::string>{"text/plain"});
  CHECK(offer->path == "msrp://127.0.0.1:2855/s" + std::to_string(lab.msrp.sessions().size()) + ";tcp");
  CHECK_FALSE(offer->tls);
  CHECK(lab.msrp.sessions().back()->policy.max_size == 0);  // nothing may come in
}

TEST_CASE("PS-48, SM-16, F-3: accepted, sent, acknowledged: delivered by what the hop proves, and BYE") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  call.accept();
  REQUIRE(lab.stack().acks().size() == 1);
  CHECK(lab.stack().acks()[0].uri() == "sip:ue@127.0.0.1:6101");
  CHECK(call.msrp().role == MsrpSetup::active);  // the answer is passive
  CHECK(call.msrp().sent.empty());
  call.connect();
  REQUIRE(call.msrp().sent.size() == 1);
  const auto& message = call.msrp().sent[0];
  CHECK(message.type == "text/plain");
  CHECK(message.bytes == "Goal!");
  CHECK_FALSE(message.success_report);  // PS-46
  CHECK(std::find(message.headers.begin(), message.headers.end(),
                  std::pair<std::string, std::string>{"Content-ID", "<" + call.id + "@ims.lab>"}) !=
        message.headers.end());  // PS-6
  CHECK(lab.status(call.id) == "sending");
  call.all_acknowledged();
  CHECK(call.state()["status"] == "delivered");
  CHECK(call.state()["cause"] == "msrp:200");
  CHECK(call.state()["evidence"] == "hop");
  CHECK(call.state()["code"] == 1000);
  CHECK(call.state()["attempts"] == 1);
  REQUIRE(call.byes() == 1);
  CHECK(lab.messages("BYE")[0]->request.uri() == "sip:ue@127.0.0.1:6101");
  CHECK(call.msrp().closed);
  lab.answer(lab.messages("BYE")[0], 200);
}

TEST_CASE("PS-41: who connects is said by the answer's setup; without one it is the offerer") {
  for (const auto& [setup, ours] : {std::pair<std::optional<MsrpSetup>, MsrpSetup>{MsrpSetup::active, MsrpSetup::passive},
                                    {MsrpSetup::passive, MsrpSetup::active},
                                    {std::nullopt, MsrpSetup::active}}) {
    PushLab lab(sessions());
    lab.registered(kAlice);
    Call call(lab);
    auto answer = recipient();
    answer.setup = setup;
    call.accept(answer);
    CHECK(call.msrp().role == ours);
  }
}

TEST_CASE("PS-46, PS-55, SM-16, SM-17: success reports are asked for when the initiator wants delivery proven") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab, {{"report", "delivery"}});
  auto answer = recipient();
  answer.accept_types = {"text/plain"};  // no message/cpim: MSRP's own reports are the proof
  call.accept(answer);
  call.connect();
  CHECK(call.msrp().sent.at(0).success_report);
  SUBCASE("they cover every byte") {
    call.all_acknowledged(/*reported=*/true);
    CHECK(call.state()["status"] == "delivered");
    CHECK(call.state()["evidence"] == "receiver");
  }
  SUBCASE("none came in time: the hop's word") {
    call.all_acknowledged();
    CHECK(call.state()["status"] == "delivered");
    CHECK(call.state()["evidence"] == "hop");
  }
}

TEST_CASE("SM-17, PS-49: through a relay the 200s are the relay's") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  auto answer = recipient();
  answer.accept_types = {"text/plain"};
  answer.path = "msrp://relay.ims.lab:2855/r;tcp " + answer.path;
  SUBCASE("network_accepted while a report is wanted and missing") {
    Call call(lab, {{"report", "delivery"}});
    call.accept(answer);
    call.connect();
    call.all_acknowledged();
    CHECK(call.state()["status"] == "network_accepted");
    CHECK(call.state()["evidence"] == "network");
    CHECK(call.byes() == 1);
  }
  SUBCASE("PS-48: without reports the session lingers for a failure report") {
    Call call(lab);
    call.accept(answer);
    call.connect();
    call.all_acknowledged();
    CHECK(call.state()["status"] == "delivered");
    CHECK(call.byes() == 0);
    lab.advance(10s + 1ms);
    CHECK(call.byes() == 1);
  }
}

TEST_CASE("PS-51, PS-55: in a session, too, a display report is asked for by message/cpim if the answer takes it") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab, {{"report", "display"}});
  const auto offer = parse_msrp_sdp(call.invite->request.body);
  REQUIRE(offer.has_value());
  CHECK(offer->accept_types == std::vector<std::string>{"message/cpim", "text/plain"});
  CHECK(offer->accept_wrapped_types == std::vector<std::string>{"text/plain"});
  call.accept();
  call.connect();
  const auto& message = call.msrp().sent.at(0);
  CHECK(message.type == "message/cpim");
  CHECK(message.bytes.find("imdn.Disposition-Notification: positive-delivery, negative-delivery, display") != std::string::npos);
  CHECK(message.bytes.ends_with("Goal!"));
  call.all_acknowledged(/*reported=*/true);
  CHECK(call.state()["status"] == "network_accepted");
}

TEST_CASE("RFC 4975 8.6: an answer that takes message/cpim alone gets the content wrapped") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  auto answer = recipient();
  answer.accept_types = {"message/cpim"};
  answer.accept_wrapped_types = {"text/plain", "image/*"};
  call.accept(answer);
  call.connect();
  const auto& message = call.msrp().sent.at(0);
  CHECK(message.type == "message/cpim");
  CHECK(message.bytes.find("Disposition-Notification") == std::string::npos);
  CHECK(message.bytes.ends_with("Goal!"));
}

TEST_CASE("PS-42: an answer of no use is ended by BYE, and the push falls back") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  auto answer = recipient();
  json more{{"mode", "auto"}, {"content", {{"type", "text/plain"}, {"text", std::string(5000, 'x')}}}};
  SUBCASE("max-size: the same content as a reference, and the next one does not try again") {
    answer.max_size = 4999;
    Call call(lab, more);
    lab.advance(3s);  // OPTIONS is not answered
    call.invite = lab.messages("INVITE").at(0);
    call.accept(answer);
    CHECK(call.byes() == 1);
    CHECK(call.msrp().closed);
    CHECK(call.msrp().sent.empty());
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.last()->request.headers.get("Content-Type").value_or("").starts_with("message/external-body"));
    lab.answer(lab.last(), 200);
    CHECK(call.state()["status"] == "delivered");
    CHECK(call.state()["attempts"] == 2);
    CHECK(call.state()["mode"] == "indirection");
    lab.push(kAlice, more);
    CHECK(lab.messages("INVITE").size() == 1);
    CHECK(lab.messages().size() == 2);
    lab.answer(lab.last(), 200);
    more["content"]["text"] = std::string(4999, 'x');  // that much it takes
    lab.push(kAlice, more);
    CHECK(lab.messages("INVITE").size() == 2);
  }
  SUBCASE("accept-types: an alternative that it takes") {
    answer.accept_types = {"text/html"};
    Call call(
        lab, {{"alternatives", json::array({{{"type", "image/png"}, {"text", "p"}}, {{"type", "text/html"}, {"text", "<p>"}}})}});
    call.accept(answer);
    CHECK(call.byes() == 1);
    lab.advance(3s);  // OPTIONS: nobody knows whether it takes HTML
    REQUIRE(lab.messages("INVITE").size() == 2);
    call.invite = lab.messages("INVITE")[1];
    call.accept(answer);
    call.connect();
    CHECK(call.msrp().sent.at(0).type == "text/html");
  }
  SUBCASE("nothing else is left: 2005") {
    answer.max_size = 3;
    Call call(lab);
    call.accept(answer);
    CHECK(call.byes() == 1);
    CHECK(call.state()["status"] == "undeliverable");
    CHECK(call.state()["code"] == 2005);
    CHECK(call.state()["cause"] == "msrp:max-size");
  }
  SUBCASE("no MSRP in it, or nobody who would listen") {
    Call call(lab);
    answer.direction = MsrpDirection::sendonly;
    call.accept(answer);
    CHECK(call.byes() == 1);
    CHECK(call.state()["code"] == 2005);
  }
}

TEST_CASE("section 7: a refused INVITE (405, 415, 488, 606, 501) falls back to a MESSAGE, and is remembered") {
  for (const int status : {405, 415, 488, 501, 580, 606}) {
    CAPTURE(status);
    PushLab lab(sessions("mode_order: [msrp, pager]\n"));
    lab.registered(kAlice);
    lab.sh.rule = [](const ShQuery&) {
      return ScriptedSh::profile(
          "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"1\"><consent state=\"granted\"/>"
          "<application id=\"news.ua\" modes=\"pager session\"/></push-profile>");
    };
    Call call(lab, {{"mode", "auto"}});
    REQUIRE(call.invite);
    lab.answer(call.invite, status);
    CHECK(call.msrp().closed);
    CHECK(call.byes() == 0);
    REQUIRE(lab.messages().size() == 1);
    lab.answer(lab.last(), 200);
    CHECK(call.state()["status"] == "delivered");
    CHECK(call.state()["attempts"] == 2);
    lab.push();
    CHECK(lab.messages().size() == (status == 580 ? 1 : 2));
    CHECK(lab.messages("INVITE").size() == (status == 580 ? 2 : 1));
  }
}

TEST_CASE("status-mapping.md 8: MSRP failures of an insisted session") {
  struct Row {
    int code;
    const char* status;
    int pap;
  };
  for (const auto& row : {Row{400, "undeliverable", 3000}, Row{403, "rejected", 2001}, Row{408, "retrying", 1001},
                          Row{413, "aborted", 5000}, Row{415, "undeliverable", 2005}, Row{481, "retrying", 1001},
                          Row{501, "undeliverable", 2006}, Row{506, "retrying", 1001}, Row{499, "undeliverable", 3000}}) {
    CAPTURE(row.code);
    PushLab lab(sessions());
    lab.registered(kAlice);
    Call call(lab);
    call.accept();
    call.connect();
    MsrpSent sent;
    sent.status = row.code;
    sent.comment = "as the test says";
    call.ends(sent);
    CHECK(call.state()["status"] == row.status);
    CHECK(call.state()["code"] == row.pap);
    CHECK(call.state()["cause"] == "msrp:" + std::to_string(row.code));
    CHECK(call.state()["detail"] == "MSRP: as the test says");
    CHECK(call.byes() == 1);
  }
}

TEST_CASE("status-mapping.md 8: MSRP 413 stops it; another way if there is one") {
  PushLab lab(sessions("mode_order: [msrp, indirection]\n"));
  lab.registered(kAlice);
  Call call(lab, {{"mode", "auto"}});
  lab.advance(3s);
  call.invite = lab.messages("INVITE").at(0);
  call.accept();
  call.connect();
  MsrpSent sent;
  sent.status = 413;
  sent.acknowledged = 2;
  call.ends(sent);
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.delivery(call.id)["mode"] == "indirection");
}

TEST_CASE("status-mapping.md 8: a session that breaks is tried again with a new INVITE") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  call.accept();
  auto& session = call.msrp();
  std::string cause;
  SUBCASE("no connection") {
    lab.inside([&] { session.refuse(ErrorCode::unavailable); });
    cause = "msrp:unreachable";
  }
  SUBCASE("nobody connects to us") {
    lab.advance(60s + 1ms);
    CHECK(session.closed);
    lab.inside([&] { session.refuse(ErrorCode::gone); });
    cause = "msrp:unreachable";
  }
  SUBCASE("lost in the middle") {
    call.connect();
    MsrpSent sent;
    sent.acknowledged = 3;
    sent.interrupted = true;
    call.ends(sent);
    cause = "msrp:lost";
  }
  SUBCASE("no 200 within 30 s (PS-46)") {
    call.connect();
    lab.inside([&] { session.fail_sending(0, ErrorCode::timeout); });
    cause = "msrp:timeout";
  }
  CHECK(call.state()["status"] == "retrying");
  CHECK(call.state()["cause"] == cause);
  CHECK(call.byes() == 1);
  lab.advance(7s);
  CHECK(lab.messages("INVITE").size() == 2);
  CHECK(lab.status(call.id) == "sending");
  call.invite = lab.messages("INVITE")[1];
  CHECK(call.invite->request.headers.get("Call-ID") != lab.messages("INVITE")[0]->request.headers.get("Call-ID"));
}

TEST_CASE("PS-48: the peer's BYE before the last byte was acknowledged is an abort; with 503 it may be tried again") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  call.accept();
  call.connect();
  MsrpSent sent;
  sent.acknowledged = 2;
  sent.interrupted = true;
  SUBCASE("abort") {
    CHECK(call.bye() == 200);
    CHECK(call.msrp().aborted);
    call.ends(sent);
    CHECK(call.state()["status"] == "aborted");
    CHECK(call.state()["code"] == 5000);
    CHECK(call.state()["cause"] == "msrp:bye");
  }
  SUBCASE("overload") {
    CHECK(call.bye("SIP;cause=503;text=\"busy\"") == 200);
    call.ends(sent);
    CHECK(call.state()["status"] == "retrying");
  }
  SUBCASE("everything had come: delivered") {
    CHECK(call.bye() == 200);
    call.all_acknowledged();
    CHECK(call.state()["status"] == "delivered");
  }
  SUBCASE("the MSRP side does not notice: ended all the same") {
    CHECK(call.bye() == 200);
    lab.advance(2s + 1ms);
    CHECK(call.msrp().closed);
  }
  CHECK(call.byes() == 0);  // theirs was enough
}

TEST_CASE("status-mapping.md 9: a cancelled push ends its session, by CANCEL or BYE") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  const auto cancel = [&] { return lab.call("DELETE", "/v1/pushes/" + call.id).status; };
  SUBCASE("while it rings") {
    lab.answer(call.invite, 180);
    cancel();
    CHECK(call.invite->cancelled);
    lab.answer(call.invite, 487);
    CHECK(call.byes() == 0);
  }
  SUBCASE("a 200 overtakes the CANCEL (RFC 3261 9.1)") {
    lab.answer(call.invite, 180);
    cancel();
    call.accept();
    CHECK(lab.stack().acks().size() == 1);
    CHECK(call.byes() == 1);
    CHECK(call.msrp().sent.empty());
  }
  SUBCASE("no answer to the CANCEL") {
    lab.answer(call.invite, 180);
    cancel();
    lab.advance(32s + 1ms);
  }
  SUBCASE("in the middle of the content") {
    call.accept();
    call.connect();
    cancel();
    CHECK(call.msrp().aborted);
    MsrpSent sent;
    sent.acknowledged = 1;
    sent.interrupted = true;
    call.ends(sent);
    CHECK(call.byes() == 1);
  }
  CHECK(call.state()["status"] == "cancelled");
  CHECK(call.state()["cause"] == "initiator");
}

TEST_CASE("status-mapping.md 9: too late to cancel when every byte was taken") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  call.accept();
  call.connect();
  lab.call("DELETE", "/v1/pushes/" + call.id);
  call.all_acknowledged();
  CHECK(call.state()["status"] == "delivered");
}

TEST_CASE("status-mapping.md 6: an INVITE without final answer is cancelled and tried again") {
  PushLab lab(sessions("msrp: {answer_wait: 20s}\n"));
  lab.registered(kAlice);
  Call call(lab);
  lab.answer(call.invite, 180);
  lab.advance(20s + 1ms);
  CHECK(call.invite->cancelled);
  lab.answer(call.invite, 487);
  CHECK(call.state()["status"] == "retrying");
  CHECK(call.state()["cause"] == "timer:invite");
  CHECK(call.msrp().closed);
}

TEST_CASE("PS-11: a session does not keep MESSAGEs to the same user waiting; sessions have a limit of their own") {
  PushLab lab(sessions("msrp: {max_sessions: 2}\n"));
  lab.registered(kAlice);
  Call first(lab);
  Call second(lab);
  const auto third = lab.push(kAlice, {{"mode", "msrp"}});
  CHECK(lab.messages("INVITE").size() == 2);
  CHECK(lab.status(third) == "accepted");
  const auto message = lab.push(kAlice, {{"mode", "pager"}});
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(message) == "delivered");
  lab.answer(first.invite, 404);
  CHECK(lab.status(first.id) == "undeliverable");
  CHECK(lab.messages("INVITE").size() == 3);
  CHECK(lab.status(third) == "sending");
}

TEST_CASE("a push that waits for a session expires on time") {
  PushLab lab(sessions("msrp: {max_sessions: 1}\n"));
  lab.registered(kAlice, 7200);
  Call first(lab);
  lab.answer(first.invite, 180);
  const auto id = lab.push(kAlice, {{"mode", "msrp"}, {"deliver_before", "2026-01-01T00:00:30Z"}});
  lab.advance(31s);
  CHECK(lab.status(id) == "expired");
  CHECK(lab.messages("INVITE").size() == 1);
}

TEST_CASE("found in `sending` after a restart: a new INVITE, the same Content-ID (ST-48, PS-6)") {
  PushLab lab(sessions());
  lab.registered(kAlice);
  Call call(lab);
  call.accept();
  call.connect();
  lab.restart();
  lab.registered(kAlice);
  lab.advance(2s);
  REQUIRE(lab.messages("INVITE").size() == 1);
  call.invite = lab.messages("INVITE").back();
  call.accept();
  call.connect();
  call.all_acknowledged();
  CHECK(call.state()["status"] == "delivered");
  CHECK(call.state()["attempts"] == 2);
}

TEST_CASE("S-8: sessions over TLS when that is configured") {
  PushLab lab(sessions("msrp: {tls: true}\n"));
  lab.registered(kAlice);
  SUBCASE("offered") {
    lab.msrp.tls = true;
    const Call call(lab);
    REQUIRE(call.invite);
    const auto offer = parse_msrp_sdp(call.invite->request.body);
    REQUIRE(offer.has_value());
    CHECK(offer->tls);
    CHECK(offer->path.starts_with("msrps://"));
  }
  SUBCASE("never in the clear instead") {
    const Call call(lab);
    CHECK_FALSE(call.invite);
    CHECK(call.state()["status"] == "undeliverable");
    CHECK(call.state()["code"] == 2006);
  }
}
