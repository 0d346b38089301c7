// The node as an application server on ISC: what comes back, what strangers assert.
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

// What the S-CSCF makes of a request that its iFC sends to an application server: our Route first, then its own with a mark.
std::string over_isc(const Lab& lab, const std::string& request, std::uint16_t as_port, const std::string& mark) {
  std::string out;
  std::size_t at = 0;
  for (auto end = request.find("\r\n"); end != std::string::npos; end = request.find("\r\n", at)) {
    const auto line = request.substr(at, end - at);
    at = end + 2;
    if (line.empty()) break;
    if (line.starts_with("Route:")) continue;
    out += line + "\r\n";
    if (out.ends_with("SIP/2.0\r\n") && out.find("\r\n") == out.size() - 2) {
      out += "Via: SIP/2.0/UDP " + lab.scscf.socket.host_port() + ";branch=z9hG4bKisc\r\n";
      out += "Route: <sip:127.0.0.1:" + std::to_string(as_port) + ";lr>," + mark + "\r\n";
    }
  }
  return out + "\r\n" + request.substr(at);
}

std::string message_from(const SipActor& actor, std::uint16_t as_port, const std::string& extra) {
  return "MESSAGE sip:alice@ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP " + actor.socket.host_port() +
         ";branch=z9hG4bKforeign\r\nMax-Forwards: 70\r\nRoute: <sip:127.0.0.1:" + std::to_string(as_port) + ";lr>, <" +
         "sip:odi-7@" + actor.socket.host_port() + ";lr>\r\nFrom: <sip:eve@ims.lab>;tag=e\r\nTo: <sip:alice@ims.lab>\r\n" +
         "Call-ID: foreign@" + actor.socket.host_port() + "\r\nCSeq: 1 MESSAGE\r\n" + extra +
         "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
}

}  // namespace

TEST_CASE(
    "our own MESSAGE that comes back over ISC goes on with the S-CSCF's mark byte for byte, and the push is delivered (AS-47)") {
  Lab lab;
  lab.registers(kAlice);
  // An original dialog identifier as an S-CSCF may write it: whatever is in it must come back as it is (AS-40).
  const auto mark = "<sip:iscmark@" + lab.scscf.socket.host_port() + ";lr;s=2;h=0;d=0;odi=%41b>;x=\"a,  b\"";
  // Over ISC once, then on to the UE; a branch of our own second hop tells the two apart.
  lab.scscf.rule = nullptr;
  const auto id = lab.push(kAlice);
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 1);
  const auto original = lab.scscf.last();
  lab.send(lab.scscf, over_isc(lab, original.text, lab.sip_port(), mark));
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 2);
  const auto returned = lab.scscf.last();
  CHECK(returned.header("Route") == mark);
  CHECK(returned.header("Call-ID") == original.header("Call-ID"));
  CHECK(returned.header("Content-ID") == original.header("Content-ID"));
  CHECK(returned.header("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(returned.header("Max-Forwards") == "69");
  CHECK(returned.headers("Via").size() == 3);
  CHECK(returned.body() == "Goal!");
  CHECK(lab.status(id) == "sending");

  // The UE's 200 travels the way back, through us, to the S-CSCF and so to the transaction of the push.
  lab.scscf.responses.clear();
  REQUIRE(lab.scscf.socket.answer(returned.text, 200));
  lab.settle();
  REQUIRE(lab.scscf.responses.size() == 1);
  CHECK(lab.scscf.responses[0].status() == 200);
  CHECK(lab.scscf.responses[0].headers("Via").size() == 2);
  REQUIRE(lab.scscf.socket.answer(original.text, 200));
  lab.settle();
  CHECK(lab.status(id) == "delivered");
  lab.advance(1min);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 2);  // no loop
}

TEST_CASE("what a stranger asserts is not believed: its P- headers do not leave the node (S-2)") {
  Lab lab;
  lab.send(lab.stranger,
           message_from(lab.stranger, lab.sip_port(),
                        "P-Asserted-Identity: <sip:push-news@ims.lab>\r\nP-Charging-Vector: icid-value=forged\r\n"));
  for (auto* actor : {&lab.scscf, &lab.stranger})
    for (const auto& request : actor->requests) {
      CHECK(request.header("P-Asserted-Identity").empty());
      CHECK(request.text.find("forged") == std::string::npos);
    }
  // Refused or sent on without it, but answered.
  lab.advance(40s);
  REQUIRE_FALSE(lab.stranger.responses.empty());
  CHECK(lab.stranger.responses.back().status() >= 200);
}

TEST_CASE("a stranger registers nobody (AS-11)") {
  Lab lab;
  lab.send(lab.stranger, ThirdPartyRegister{kAlice, 600, "news.ua"}.text(lab.stranger, lab.sip_port(), 1));
  REQUIRE(lab.stranger.responses.size() == 1);
  CHECK(lab.stranger.responses[0].status() >= 400);
  CHECK(lab.call("GET", "/v1/registrations/sip:alice@ims.lab").status == 404);
}

TEST_CASE("a MESSAGE that no service wants passes transparently, with the mark untouched (AS-40)") {
  Lab lab;
  lab.scscf.answers(200);
  const std::string asserted = "P-Asserted-Identity: <sip:eve@ims.lab>\r\n";
  lab.send(lab.scscf, message_from(lab.scscf, lab.sip_port(), asserted));
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 1);
  const auto passed = lab.scscf.last();
  CHECK(passed.header("Route") == "<sip:odi-7@" + lab.scscf.socket.host_port() + ";lr>");
  CHECK(passed.header("P-Asserted-Identity") == "<sip:eve@ims.lab>");
  REQUIRE_FALSE(lab.scscf.responses.empty());
  CHECK(lab.scscf.responses.back().status() == 200);
}

TEST_CASE("a disposition notification to the sender's identity is taken with 200 and counted, also over ISC (PS-52)") {
  Lab lab;
  const auto report = [&](const std::string& branch, const std::string& onward, const std::string& type,
                          const std::string& body) {
    return "MESSAGE sip:push@ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP " + lab.scscf.socket.host_port() + ";branch=z9hG4bK" + branch +
           "\r\nMax-Forwards: 70\r\nRoute: <sip:127.0.0.1:" + std::to_string(lab.sip_port()) + ";lr>" + onward +
           "\r\nFrom: <sip:alice@ims.lab>;tag=r\r\nTo: <sip:push@ims.lab>\r\nCall-ID: " + branch +
           "@ims.lab\r\nCSeq: 1 MESSAGE\r\nP-Asserted-Identity: <sip:alice@ims.lab>\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  const std::string imdn =
      "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>never-asked</message-id>"
      "<delivery-notification><status><delivered/></status></delivery-notification></imdn>";
  lab.send(lab.scscf, report("plain", "", "message/imdn+xml", imdn));
  lab.send(lab.scscf, report("cpim", ", <sip:odi-9@" + lab.scscf.socket.host_port() + ";lr>", "message/cpim",
                             "From: <sip:alice@ims.lab>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n" + imdn));
  REQUIRE(lab.scscf.responses.size() == 2);
  CHECK(lab.scscf.responses[0].status() == 200);
  CHECK(lab.scscf.responses[1].status() == 200);
  CHECK(lab.scscf.transactions("MESSAGE").empty());  // not passed on
  CHECK(lab.metric("herald_push_unknown_reports_total") == 2);
}
