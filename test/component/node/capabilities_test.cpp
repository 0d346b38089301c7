// What receivers tell of themselves, and what it does to the next delivery: PUBLISH, OPTIONS, refusals, presence. sip-push.md 8.
#include <algorithm>
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

std::string pidf(const std::vector<std::string>& types, const std::string& more = {}) {
  std::string list;
  for (const auto& type : types) list += "<c:t>" + type + "</c:t>";
  return R"(<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:c="urn:ietf:params:xml:ns:pidf:caps" )"
         R"(entity="sip:alice@ims.lab"><tuple id="t1"><status><basic>open</basic></status><c:servcaps>)" +
         more + "<c:type><c:supported>" + list + "</c:supported></c:type></c:servcaps></tuple></presence>";
}

// PUBLISH as the S-CSCF's originating iFC sends it here.
struct Publisher {
  Lab& lab;
  std::string headers = "P-Asserted-Identity: <sip:alice@ims.lab>\r\n";
  std::string uri = "sip:alice@ims.lab";
  unsigned number = 0;

  Heard send(SipActor& from, const std::string& body, const std::string& more = {},
             const std::string& type = "application/pidf+xml") {
    const auto id = std::to_string(from.socket.port()) + "-pub-" + std::to_string(++number);
    const auto as = "127.0.0.1:" + std::to_string(lab.sip_port());
    from.responses.clear();
    lab.send(from, "PUBLISH " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP " + from.socket.host_port() + ";branch=z9hG4bK" + id +
                       "\r\nMax-Forwards: 70\r\nRoute: <sip:" + as + ";lr;app=push;sess=pub>, <sip:odi@" +
                       from.socket.host_port() + ";lr>\r\nFrom: <sip:alice@ims.lab>;tag=" + id +
                       "\r\nTo: <sip:alice@ims.lab>\r\nCall-ID: " + id +
                       "\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\n"
                       "P-Served-User: <sip:alice@ims.lab>;sescase=orig;regstate=reg\r\n" +
                       headers + more + (body.empty() ? "" : "Content-Type: " + type + "\r\n") +
                       "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    lab.settle();
    REQUIRE_FALSE(from.responses.empty());
    return from.responses.back();
  }
  Heard operator()(const std::string& body, const std::string& more = {}) { return send(lab.scscf, body, more); }
};

// A picture, or words instead.
const json kPicture = {{"content", {{"type", "image/png"}, {"base64", "iVBORw0KGgo="}}},
                       {"alternatives", {{{"type", "text/plain"}, {"text", "Goal!"}}}}};

// The type of the MESSAGE that a picture came in.
std::string pushed_as(Lab& lab) {
  const auto id = lab.push(kAlice, kPicture);
  REQUIRE(lab.status(id) == "delivered");
  return lab.scscf.last().header("Content-Type");
}

json capabilities(Lab& lab, const std::string& query = {}) {
  const auto reply = lab.call("GET", "/v1/capabilities/sip%3Aalice%40ims.lab" + query);
  REQUIRE_MESSAGE(reply.status == 200, reply.text);
  return reply.body;
}

json facts_from(Lab& lab, const std::string& source) {
  json out = json::array();
  const auto all = capabilities(lab);
  for (const auto& fact : all["facts"]) {
    if (fact["source"] == source) out.push_back(fact);
  }
  return out;
}

// A receiver that takes only text: it says so in its 415.
void takes_text_only(Lab& lab) {
  lab.scscf.rule = [](const std::string& request) {
    const bool text = SipPeer::method(request) != "MESSAGE" || SipPeer::header(request, "Content-Type") == "text/plain";
    return text ? SipPeer::response(request, 200) : SipPeer::response(request, 415, "No", "Accept: text/plain\r\n");
  };
}

void answers_options(Lab& lab, const std::string& headers) {
  lab.scscf.rule = [headers](const std::string& request) {
    return SipPeer::response(request, 200, "OK", SipPeer::method(request) == "OPTIONS" ? headers : "");
  };
}

Lab::Options with(std::string push_lines) {
  Lab::Options options;
  options.push = std::move(push_lines);
  return options;
}

}  // namespace

TEST_CASE(
    "PUBLISH tells what the receiver takes, and the next delivery goes by it; so does its change and its end (PS-102, PS-103, "
    "PS-106, F-9)") {
  Lab lab;
  lab.registers(kAlice);
  Publisher publish{lab};
  const auto created = publish(pidf({"text/plain"}));
  CHECK(created.status() == 200);
  CHECK(created.header("Expires") == "3600");
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("OPTIONS").empty());  // it is known

  const auto changed = publish(pidf({"text/plain", "image/png"}), "SIP-If-Match: " + created.header("SIP-ETag") + "\r\n");
  CHECK(changed.status() == 200);
  CHECK(pushed_as(lab) == "image/png");

  const auto shown = facts_from(lab, "published");
  REQUIRE_FALSE(shown.empty());
  for (const auto& fact : shown) CHECK(fact["valid_until"] == "2026-01-01T01:00:00.000Z");
  CHECK(std::any_of(shown.begin(), shown.end(), [](const auto& fact) {
    return fact["kind"] == "type" && fact["value"] == "image/png" && fact["supported"] == true && fact["wins"] == true;
  }));

  const auto removed = publish("", "Expires: 0\r\nSIP-If-Match: " + changed.header("SIP-ETag") + "\r\n");
  CHECK(removed.status() == 200);
  CHECK(facts_from(lab, "published").empty());
}

TEST_CASE("published facts end with the publication, to the second (PS-106)") {
  Lab lab;
  lab.registers(kAlice, 7200);
  Publisher publish{lab};
  CHECK(publish(pidf({"text/plain"}), "Expires: 120\r\n").header("Expires") == "120");
  lab.advance(119s);
  CHECK_FALSE(facts_from(lab, "published").empty());
  CHECK(pushed_as(lab) == "text/plain");
  lab.advance(1s);
  CHECK(facts_from(lab, "published").empty());
  CHECK(pushed_as(lab) == "image/png");
}

TEST_CASE("published facts come back after a restart (PS-103, AS-65)") {
  Lab lab;
  lab.registers(kAlice);
  Publisher publish{lab};
  REQUIRE(publish(pidf({"text/plain"})).status() == 200);
  lab.restart();
  CHECK_FALSE(facts_from(lab, "published").empty());
  CHECK(pushed_as(lab) == "text/plain");
}

TEST_CASE("only the user himself, asserted by a trusted peer, publishes his presence (S-5, PS-103)") {
  Lab lab;
  lab.registers(kAlice);
  Publisher publish{lab};
  publish.headers = "P-Asserted-Identity: <sip:eve@ims.lab>\r\n";
  CHECK(publish(pidf({"text/plain"})).status() == 403);
  publish.headers.clear();
  CHECK(publish(pidf({"text/plain"})).status() == 403);
  publish.headers = "P-Asserted-Identity: <sip:alice@ims.lab>\r\n";
  const auto strange = publish.send(lab.stranger, pidf({"text/plain"}));
  CHECK(strange.status() >= 400);
  CHECK(facts_from(lab, "published").empty());
  publish.headers = "P-Asserted-Identity: \"Alice\" <sip:alice@IMS.LAB>, <tel:+15551000001>\r\n";
  CHECK(publish(pidf({"text/plain"})).status() == 200);
  // PA-5: by any name of the implicit set for any other, of which one is registered.
  publish.uri = "tel:+15551000002";
  CHECK(publish(pidf({"text/plain"})).status() == 403);
  auto registers = ThirdPartyRegister{kAlice}.text(lab.scscf, lab.sip_port(), 77);
  registers.insert(registers.find("Contact:"), "P-Associated-URI: <sip:alice@ims.lab>, <tel:+15551000002>\r\n");
  lab.send(lab.scscf, registers);
  lab.settle();
  CHECK(publish(pidf({"text/plain"})).status() == 200);
}

TEST_CASE("what is no presence document is refused and changes nothing (PS-103, S-10)") {
  Lab lab;
  lab.registers(kAlice);
  Publisher publish{lab};
  CHECK(publish("<presence/>").status() == 400);
  CHECK(publish("<!DOCTYPE a [<!ENTITY b \"c\">]>" + pidf({"text/plain"})).status() == 400);
  const auto other = publish.send(lab.scscf, "{}", {}, "application/json");
  CHECK(other.status() == 415);
  CHECK(other.header("Accept") == "application/pidf+xml");
  CHECK(facts_from(lab, "published").empty());
}

TEST_CASE(
    "a 415 is remembered: the next push picks the alternative at once, until the device registers anew (section 7, 8.3 a, F-9)") {
  Lab lab;
  lab.registers(kAlice);
  takes_text_only(lab);
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 2);
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 3);
  const auto learned = facts_from(lab, "failure");
  REQUIRE_FALSE(learned.empty());
  for (const auto& fact : learned) CHECK(fact["application"] == "news.ua");

  lab.advance(5min);
  lab.registers(kAlice);  // the same device, perhaps with a new version
  CHECK(facts_from(lab, "failure").empty());
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 5);
}

TEST_CASE("what a refusal taught is forgotten after 24 h (8.3 a)") {
  Lab lab;
  lab.registers(kAlice, 200000);
  takes_text_only(lab);
  CHECK(pushed_as(lab) == "text/plain");
  lab.advance(24h - 1s);
  CHECK_FALSE(facts_from(lab, "failure").empty());
  lab.advance(1s);
  CHECK(facts_from(lab, "failure").empty());
}

TEST_CASE(
    "a receiver of whom nothing is known is asked by OPTIONS, once in a registration, and gets what it takes (PS-104, 8.6, "
    "F-9)") {
  Lab lab;
  lab.registers(kAlice);
  answers_options(lab, "Accept: text/plain, text/html\r\nAllow: MESSAGE, OPTIONS\r\n");
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  REQUIRE(lab.scscf.transactions("OPTIONS").size() == 1);
  const auto question = lab.scscf.last("OPTIONS");
  CHECK(question.start_line() == "OPTIONS sip:alice@ims.lab SIP/2.0");
  CHECK(question.header("Route") == "<" + lab.scscf.uri() + ";lr>");
  CHECK(question.header("P-Asserted-Identity") == "<sip:push@ims.lab>");   // S-3
  CHECK(question.header("P-Charging-Vector").starts_with("icid-value="));  // PS-3
  CHECK(question.header("Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("OPTIONS").size() == 1);

  const auto shown = facts_from(lab, "options");
  REQUIRE_FALSE(shown.empty());
  for (const auto& fact : shown) CHECK(fact["contact"] == "sip:ue@127.0.0.1:6101");
  const auto all = capabilities(lab, "?app=news.ua");
  CHECK(all["contacts"][0]["asked"] == true);
  CHECK(all["contacts"][0]["modes"]["pager"] == "yes");
  CHECK(all["contacts"][0]["modes"]["indirection"] == "no");

  lab.advance(5min);
  lab.registers(kAlice);
  answers_options(lab, "Accept: image/png\r\n");
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("OPTIONS").size() == 2);
}

TEST_CASE("short text needs no question (8.6)") {
  Lab lab;
  lab.registers(kAlice);
  CHECK(lab.status(lab.push(kAlice)) == "delivered");
  CHECK(lab.scscf.transactions("OPTIONS").empty());
}

TEST_CASE("nobody is asked when asking is off (8.6)") {
  Lab lab(with("capabilities: {ask_options: false}\n"));
  lab.registers(kAlice);
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("OPTIONS").empty());
}

TEST_CASE("a receiver that does not answer OPTIONS holds a push up for options_wait and is not asked again (PS-104)") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.rule = [](const std::string& request) {
    return SipPeer::method(request) == "OPTIONS" ? std::string() : SipPeer::response(request, 200);
  };
  const auto id = lab.push(kAlice, kPicture);
  lab.advance(2s - 1ms);
  CHECK(lab.scscf.transactions("MESSAGE").empty());
  lab.advance(1ms);
  CHECK(lab.scscf.last().header("Content-Type") == "image/png");
  CHECK(lab.status(id) == "delivered");
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("OPTIONS").size() == 1);
  lab.advance(40s);
}

TEST_CASE("an OPTIONS that is refused teaches nothing and counts as asked (PS-104)") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.rule = [](const std::string& request) {
    return SipPeer::response(request, SipPeer::method(request) == "OPTIONS" ? 405 : 200);
  };
  CHECK(pushed_as(lab) == "image/png");
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("OPTIONS").size() == 1);
  CHECK(facts_from(lab, "options").empty());
}

TEST_CASE("registration tags show until the user is gone, and everything learned goes with him (PS-100, PS-106)") {
  Lab lab;
  lab.registers(kAlice);
  takes_text_only(lab);
  CHECK(pushed_as(lab) == "text/plain");
  const auto tags = facts_from(lab, "registration");
  CHECK(std::any_of(tags.begin(), tags.end(), [](const auto& fact) {
    return fact["kind"] == "application" && fact["value"] == "news.ua" && fact["contact"] == "sip:ue@127.0.0.1:6101";
  }));
  lab.registers(kAlice, 0);
  const auto after = capabilities(lab);
  CHECK(after["registered"] == false);
  CHECK(after["contacts"].empty());
  for (const auto& fact : after["facts"]) CHECK(fact["source"] == "default");
}

TEST_CASE("GET /v1/capabilities is answered on both doors, for users of every shard; without a token by operators only (F-9)") {
  Lab::Options options;
  options.shards = 3;
  Lab lab(options);
  for (int i = 0; i < 6; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    lab.registers(user);
    const auto path = "/v1/capabilities/sip%3Auser" + std::to_string(i) + "%40ims.lab";
    for (const auto& reply : {lab.call("GET", path), lab.admin("GET", path)}) {
      REQUIRE(reply.status == 200);
      CHECK(reply.body["user"] == user);
      CHECK(reply.body["registered"] == true);
      CHECK(reply.body["contacts"].size() == 1);
    }
    CHECK(lab.call("GET", path, {}, {}, "").status == 401);
  }
  CHECK(lab.call("GET", "/v1/capabilities/nobody").status == 400);
  CHECK(lab.call("GET", "/v1/capabilities/sip%3Aa%40ims.lab?app=no%20app").status == 400);
  CHECK(lab.call("GET", "/v1/capabilities/sip%3Aa%40ims.lab?colour=red").status == 400);
}

TEST_CASE("presence is watched when that is configured: NOTIFYs tell what the receiver takes (PS-102)") {
  Lab lab(with("capabilities: {watch_presence: unknown, ask_options: false}\n"));
  lab.registers(kAlice);
  CHECK(pushed_as(lab) == "image/png");
  REQUIRE(lab.scscf.transactions("SUBSCRIBE").size() == 1);
  const auto subscribe = lab.scscf.last("SUBSCRIBE");
  CHECK(subscribe.start_line() == "SUBSCRIBE sip:alice@ims.lab SIP/2.0");
  CHECK(subscribe.header("Event") == "presence");
  CHECK(subscribe.header("Accept") == "application/pidf+xml");
  CHECK(subscribe.header("P-Asserted-Identity") == "<sip:push@ims.lab>");
  unsigned cseq = 0;
  const auto notify = [&](const std::string& state, const std::string& body) {
    auto from = subscribe.header("To");
    if (from.find(";tag=") == std::string::npos) from += ";tag=peer";
    auto contact = subscribe.header("Contact");
    contact = contact.substr(contact.find('<') + 1);
    contact = contact.substr(0, contact.find('>'));
    lab.scscf.responses.clear();
    ++cseq;
    lab.send(lab.scscf, "NOTIFY " + contact + " SIP/2.0\r\nVia: SIP/2.0/UDP " + lab.scscf.socket.host_port() +
                            ";branch=z9hG4bKnotify" + std::to_string(cseq) + "\r\nMax-Forwards: 70\r\nFrom: " + from +
                            "\r\nTo: " + subscribe.header("From") + "\r\nCall-ID: " + subscribe.header("Call-ID") +
                            "\r\nCSeq: " + std::to_string(cseq) + " NOTIFY\r\nContact: <" + lab.scscf.uri() +
                            ">\r\nEvent: presence\r\nSubscription-State: " + state + "\r\n" +
                            (body.empty() ? "" : "Content-Type: application/pidf+xml\r\n") +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    lab.settle();
    REQUIRE_FALSE(lab.scscf.responses.empty());
    return lab.scscf.responses.back().status();
  };
  CHECK(notify("active;expires=3600", pidf({"text/plain"})) == 200);
  CHECK_FALSE(facts_from(lab, "published").empty());
  CHECK(pushed_as(lab) == "text/plain");
  CHECK(lab.scscf.transactions("SUBSCRIBE").size() == 1);
  CHECK(notify("terminated;reason=noresource", "") == 200);
  CHECK(facts_from(lab, "published").empty());  // PS-106
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("SUBSCRIBE").size() == 1);  // he does not want it
}

TEST_CASE("presence is not watched unless that is configured (PS-102)") {
  Lab lab;
  lab.registers(kAlice);
  CHECK(pushed_as(lab) == "image/png");
  CHECK(lab.scscf.transactions("SUBSCRIBE").empty());
}
