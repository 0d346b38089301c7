// Consent by REFER and SUBSCRIBE, and the border of the trust domain, on the daemon's own wiring. sip-push.md 3, 4.10, 9.
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kConsent = "/v1/consent/sip:alice@ims.lab/ask.ua";  // not named in the profile: `ask`

// The UE's SUBSCRIBE as the S-CSCF brings it: to the URI of Refer-To, with what its headers say (RFC 3261 19.1.5).
std::string subscribe(const SipActor& from, std::uint16_t as_port, const std::string& uri, const std::string& event,
                      const std::string& asserted = "P-Asserted-Identity: <sip:alice@ims.lab>\r\n") {
  static int number = 0;
  const auto id = std::to_string(++number);
  return "SUBSCRIBE " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + from.socket.host_port() + ";branch=z9hG4bKsub" + id +
         "\r\nMax-Forwards: 70\r\nRoute: <sip:127.0.0.1:" + std::to_string(as_port) + ";lr>\r\nRecord-Route: <" + from.uri() +
         ";lr>\r\nFrom: <sip:alice@ims.lab>;tag=ue" + id + "\r\nTo: <" + uri + ">\r\nCall-ID: sub" + id + "@" +
         from.socket.host_port() + "\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:ue@" + from.socket.host_port() +
         ">\r\nEvent: " + event + "\r\nExpires: 3600\r\nAccept: text/plain\r\n" + asserted + "Content-Length: 0\r\n\r\n";
}

std::string unescaped(std::string text) {
  for (auto at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1)) {
    text.replace(at, 3, 1, static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16)));
  }
  return text;
}

struct Referred {
  std::string uri, event;
};
// What a UE makes of Refer-To.
Referred read_refer_to(const std::string& value) {
  const auto address = NameAddr::parse(value);
  REQUIRE(address.has_value());
  auto uri = SipUri::parse(address->uri);
  REQUIRE(uri.has_value());
  CHECK(uri->params.get("method") == "SUBSCRIBE");
  REQUIRE(uri->headers.starts_with("Event="));
  const auto event = unescaped(uri->headers.substr(6, uri->headers.find('&') - 6));
  uri->headers.clear();
  uri->params.remove("method");
  return {uri->text(), event};
}

}  // namespace

TEST_CASE(
    "REFER -> SUBSCRIBE -> consent granted -> the waiting push is delivered (PS-90, PS-91, PS-95, PS-97, PA-1, PA-2, F-4, F-7)") {
  Lab lab;
  lab.registers(kAlice, 7200, "news.ua,ask.ua");
  const auto id = lab.push(kAlice, {{"app", "ask.ua"}});
  CHECK(lab.status(id) == "waiting_consent");
  REQUIRE(lab.scscf.transactions("REFER").size() == 1);
  const auto refer = lab.scscf.last("REFER");
  CHECK(refer.start_line() == "REFER sip:alice@ims.lab SIP/2.0");
  CHECK(refer.headers("Refer-To").size() == 1);
  CHECK(refer.header("Referred-By") == "<sip:push-news@ims.lab>");
  CHECK(refer.header("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(refer.header("Contact").find("sip:") != std::string::npos);
  CHECK(refer.header("Accept-Contact") == "*;+g.oma.pusheventapp=\"ask.ua\";require;explicit");
  CHECK(lab.scscf.transactions("MESSAGE").empty());

  const auto referred = read_refer_to(refer.header("Refer-To"));
  CHECK(referred.event == "oma-push;appid=ask.ua");
  lab.send(lab.scscf, subscribe(lab.scscf, lab.sip_port(), referred.uri, referred.event));
  lab.advance(3s);
  REQUIRE_FALSE(lab.scscf.transactions("NOTIFY").empty());
  const auto consent = lab.call("GET", kConsent);
  CHECK(consent.body["state"] == "granted");
  CHECK(consent.body["means"] == "subscribe");
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["mode"] == "notify");

  // The next one goes without a question; and after a restart too.
  lab.restart();
  const auto next = lab.push(kAlice, {{"app", "ask.ua"}});
  lab.advance(3s);
  CHECK(lab.status(next) == "delivered");
  CHECK(lab.scscf.transactions("REFER").size() == 1);
}

TEST_CASE("the user declines the REFER: consent is denied, the push rejected, nobody is asked again (PS-97, PR-13)") {
  Lab lab;
  lab.registers(kAlice, 7200, "news.ua,ask.ua");
  lab.scscf.answers(603);
  const auto id = lab.push(kAlice, {{"app", "ask.ua"}});
  CHECK(lab.status(id) == "rejected");
  CHECK(lab.delivery(id)["code"] == 2001);
  CHECK(lab.call("GET", kConsent).body["state"] == "denied");
  lab.scscf.answers(200);
  const auto next = lab.push(kAlice, {{"app", "ask.ua"}});
  CHECK(lab.status(next) == "rejected");
  lab.restart();
  CHECK(lab.status(lab.push(kAlice, {{"app", "ask.ua"}})) == "rejected");
  CHECK(lab.scscf.transactions("REFER").size() == 1);
}

TEST_CASE("an invitation by REST that nobody answers has failed when Timer F ends (RFC 3261 17.1.2.2)") {
  Lab lab;
  lab.registers(kAlice, 7200);
  lab.scscf.rule = nullptr;
  const auto made = lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "news.ua"}});
  REQUIRE(made.status == 202);
  const auto path = "/v1/invitations/" + made.body["id"].get<std::string>();
  lab.advance(31s);
  CHECK(lab.call("GET", path).body["status"] == "pending");
  lab.advance(10s);
  CHECK(lab.call("GET", path).body["status"] == "failed");
  CHECK(lab.scscf.transactions("REFER").size() == 1);
}

TEST_CASE("S-2, S-5: a stranger's SUBSCRIBE grants nothing, whatever it asserts") {
  Lab lab;
  lab.send(lab.stranger, subscribe(lab.stranger, lab.sip_port(), "sip:push@ims.lab", "oma-push;appid=ask.ua"));
  lab.advance(1s);
  REQUIRE_FALSE(lab.stranger.responses.empty());
  CHECK(lab.stranger.responses.back().status() >= 400);
  CHECK(lab.call("GET", kConsent).body["state"] == "none");
}

TEST_CASE("S-1, S-5: a trusted peer's SUBSCRIBE without asserted identity is refused, not challenged") {
  Lab lab;
  lab.send(lab.scscf, subscribe(lab.scscf, lab.sip_port(), "sip:push@ims.lab", "oma-push;appid=ask.ua", ""));
  lab.advance(1s);
  REQUIRE_FALSE(lab.scscf.responses.empty());
  CHECK(lab.scscf.responses.back().status() == 403);
  CHECK(lab.scscf.responses.back().header("WWW-Authenticate").empty());
}

TEST_CASE(
    "S-2, S-5, AS-11, AS-30: a SUBSCRIBE may be here before the REGISTER that the S-CSCF sends beside its 200 to the user") {
  const std::string served = "P-Served-User: <sip:alice@ims.lab>;sescase=orig;regstate=reg\r\n";
  const std::string alice = "P-Asserted-Identity: <sip:alice@ims.lab>\r\n";
  struct Way {
    std::string uri, headers;
  };
  // By her name, and by one that is hers only as the asserted identity says as yet.
  const Way ways[] = {{kAlice, alice + served},
                      {"tel:+15551000001", "P-Asserted-Identity: <sip:alice@ims.lab>, <tel:+15551000001>\r\n" + served},
                      {kAlice, "P-Asserted-Identity: <tel:+15551000001>\r\nP-Asserted-Identity: <sip:alice@ims.lab>\r\n"}};
  for (const auto& way : ways) {
    CAPTURE(way.uri);
    CAPTURE(way.headers);
    Lab lab;
    lab.send(lab.scscf, subscribe(lab.scscf, lab.sip_port(), way.uri, "oma-push;appid=ask.ua", way.headers));
    lab.advance(1s);
    REQUIRE_FALSE(lab.scscf.responses.empty());
    CHECK(lab.scscf.responses.back().status() == 200);
    REQUIRE(lab.scscf.transactions("NOTIFY").size() == 1);
    CHECK(lab.scscf.last("NOTIFY").header("Subscription-State").starts_with("active"));
    lab.registers(kAlice, 7200, "news.ua,ask.ua");
    const auto id = lab.push(way.uri, {{"app", "ask.ua"}});
    lab.advance(3s);
    CHECK(lab.status(id) == "delivered");
    CHECK(lab.delivery(id)["mode"] == "notify");
  }
  // Another user stays another user, registered or not and whomever he is served as.
  Lab lab;
  for (const auto* const user : {"bob", "alice"}) {
    lab.send(lab.scscf, subscribe(lab.scscf, lab.sip_port(), kAlice, "oma-push;appid=ask.ua",
                                  std::string("P-Asserted-Identity: <sip:bob@ims.lab>\r\nP-Served-User: <sip:") + user +
                                      "@ims.lab>;sescase=orig;regstate=reg\r\n"));
    lab.advance(1s);
    REQUIRE_FALSE(lab.scscf.responses.empty());
    CHECK(lab.scscf.responses.back().status() == 403);
  }
  CHECK(lab.call("GET", kConsent).body["state"] == "none");
}

TEST_CASE("S-10: a stranger over sip.peer_rate is answered 503; users of the S-CSCF notice nothing") {
  Lab lab;
  int refused = 0;
  for (int i = 0; i < 260; ++i) {
    lab.send(lab.stranger, subscribe(lab.stranger, lab.sip_port(), "sip:push@ims.lab", "oma-push;appid=ask.ua"));
  }
  for (const auto& response : lab.stranger.responses) {
    if (response.status() != 503) continue;
    ++refused;
    CHECK(response.header("Retry-After") == "1");
  }
  CHECK(refused == 60);  // 200/s unless configured
  CHECK(lab.metric("herald_container_border_refused_total") >= 60);
  lab.registers(kAlice);
  const auto id = lab.push(kAlice);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("S-7: what we assert does not go to a next hop outside the trust domain") {
  Lab lab;
  lab.stranger.answers(200);
  // A user whose S-CSCF is at an address that is not trusted: the home network was configured wrongly.
  lab.send(lab.scscf, ThirdPartyRegister{kAlice, 600, "news.ua"}.text(lab.stranger, lab.sip_port(), 77));
  lab.advance(1s);
  const auto id = lab.push(kAlice);
  REQUIRE(lab.stranger.transactions("MESSAGE").size() == 1);
  const auto message = lab.stranger.last();
  CHECK(message.header("P-Asserted-Identity").empty());
  CHECK(message.header("P-Charging-Vector").empty());
  CHECK(message.header("From").starts_with("<sip:push-news@ims.lab>"));
}
