// Which of a user's devices get a push: any, one, all; and which never do.
#include <doctest/doctest.h>

#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kPhone = "sip:alice@ims.lab;gr=urn:uuid:phone";
constexpr const char* kTablet = "sip:alice@ims.lab;gr=urn:uuid:tablet";

std::string device(const std::string& port, const std::string& gruu, const std::string& apps = "news.ua") {
  return "<sip:ue@127.0.0.1:" + port + ">;expires=600;+g.oma.pusheventapp=\"" + apps + "\"" +
         (gruu.empty() ? "" : ";pub-gruu=\"" + gruu + "\"");
}

// The S-CSCF tells of several contacts at once.
void registered(PushLab& lab, const std::string& contacts) {
  const auto inner = "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bKue\r\nFrom: <" +
                     std::string(kAlice) + ">;tag=ue\r\nTo: <" + kAlice +
                     ">\r\nCall-ID: ue\r\nCSeq: 1 REGISTER\r\nContact: " + contacts + "\r\nContent-Length: 0\r\n\r\n";
  const auto call = lab.stack().receive(sip_request("REGISTER", "sip:127.0.0.1:5065",
                                                    {{"From", "<sip:127.0.0.1:6060>;tag=scscf"},
                                                     {"To", "<" + std::string(kAlice) + ">"},
                                                     {"Contact", "<sip:127.0.0.1:6060>"},
                                                     {"Expires", "600"},
                                                     {"Content-Type", "message/sip"}},
                                                    inner));
  lab.settle();
  REQUIRE(call->final() == 200);
}

}  // namespace

TEST_CASE("PS-15: all devices: a MESSAGE to each GRUU that serves the application, each with its own status") {
  PushLab lab;
  registered(lab, device("6101", kPhone) + ", " + device("6102", kTablet) + ", " +
                      device("6103", "sip:alice@ims.lab;gr=urn:uuid:tv", "mms.ua"));
  const auto id = lab.push(kAlice, {{"devices", "all"}});
  const auto answer = lab.call("GET", "/v1/pushes/" + id);
  REQUIRE(answer.body["recipients"].size() == 2);
  CHECK(answer.body["recipients"][0]["address"] == kPhone);
  CHECK(answer.body["recipients"][1]["address"] == kTablet);
  REQUIRE(lab.messages().size() == 1);  // PS-11: one at a time to a user
  CHECK(lab.last()->request.uri() == kPhone);
  lab.answer(lab.last(), 200);
  REQUIRE(lab.messages().size() == 2);
  CHECK(lab.last()->request.uri() == kTablet);
  lab.answer(lab.last(), 603);
  CHECK(lab.delivery(id, 0)["status"] == "delivered");
  CHECK(lab.delivery(id, 1)["status"] == "rejected");
}

TEST_CASE("PS-15: what one device refuses is not held against the other") {
  PushLab lab;
  registered(lab, device("6101", kPhone) + ", " + device("6102", kTablet));
  const json picture{{"content", {{"type", "image/png"}, {"text", "p"}}}, {"devices", "all"}};
  const auto id = lab.push(kAlice, picture);
  lab.advance(3s);  // neither says what it takes
  lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
  CHECK(lab.delivery(id, 0)["status"] == "undeliverable");
  lab.advance(3s);
  CHECK(lab.last()->request.uri() == kTablet);
  lab.answer(lab.last(), 200);
  CHECK(lab.delivery(id, 1)["status"] == "delivered");
}

TEST_CASE("PS-15: a user without known devices stays one recipient") {
  PushLab lab;
  const auto absent = lab.push(kAlice, {{"devices", "all"}});
  CHECK(lab.call("GET", "/v1/pushes/" + absent).body["recipients"].size() == 1);
  CHECK(lab.status(absent) == "waiting_reachable");
  registered(lab, device("6101", ""));
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.uri() == kAlice);
}

TEST_CASE("PS-13, PS-14: excluded device classes and exactly one device") {
  PushLab lab;
  lab.registered(kAlice);
  lab.push(kAlice, {{"devices", "one"}, {"excluded", json::array({"automata"})}});
  CHECK(lab.last()->request.headers.get("Request-Disposition") == "no-fork");
  CHECK(lab.last()->request.headers.get("Reject-Contact") == "*;automata");
  lab.answer(lab.last(), 200);
  lab.push(kAlice);
  CHECK_FALSE(lab.last()->request.headers.has("Request-Disposition"));
  CHECK_FALSE(lab.last()->request.headers.has("Reject-Contact"));
}

TEST_CASE("PAP-35, PS-15: a cancellation by address ends each of the user's devices; by a device's address that one alone") {
  PushLab lab;
  registered(lab, device("6101", kPhone) + ", " + device("6102", kTablet));
  const std::string later = "2026-01-01T00:05:00Z";
  const json body{{"to", json::array({kAlice, "sip:bob@ims.lab"})},
                  {"app", "news.ua"},
                  {"devices", "all"},
                  {"deliver_after", later},
                  {"content", {{"type", "text/plain"}, {"text", "x"}}}};
  const std::string id = lab.call("POST", "/v1/pushes", body).body["id"];
  REQUIRE(lab.call("GET", "/v1/pushes/" + id).body["recipients"].size() == 3);
  SUBCASE("the user") {
    const auto answer = lab.call("DELETE", "/v1/pushes/" + id + "?address=" + kAlice);
    CHECK(answer.status == 200);
    REQUIRE(answer.body["recipients"].size() == 2);
    CHECK(lab.status(id, 0) == "cancelled");
    CHECK(lab.status(id, 1) == "cancelled");
    CHECK(lab.status(id, 2) == "scheduled");
  }
  SUBCASE("one device") {
    CHECK(lab.call("DELETE", "/v1/pushes/" + id + "?address=" + kTablet).status == 200);
    CHECK(lab.status(id, 0) == "scheduled");
    CHECK(lab.status(id, 1) == "cancelled");
    lab.advance(5min + 1s);
    REQUIRE(lab.messages().size() == 1);
    CHECK(lab.last()->request.uri() == kPhone);
  }
}

TEST_CASE("PAP-34, PS-15: pending_only is decided for each device") {
  PushLab lab;
  registered(lab, device("6101", kPhone) + ", " + device("6102", kTablet));
  const auto old = lab.push(kAlice, {{"devices", "all"}});
  lab.answer(lab.last(), 200);  // the phone has it; the tablet's turn comes
  lab.answer(lab.last(), 503, {{"Retry-After", "60"}});
  const auto fresh = lab.push(kAlice, {{"devices", "all"}, {"replace", {{"id", old}, {"method", "pending_only"}}}});
  CHECK(lab.status(old, 0) == "delivered");
  CHECK(lab.status(old, 1) == "cancelled");
  CHECK(lab.status(fresh, 0) == "cancelled");
  CHECK(lab.delivery(fresh, 0)["cause"] == "replace:not_pending");
  CHECK(lab.status(fresh, 1) != "cancelled");
}

TEST_CASE("PS-15, PAP-41: all devices of the users of a long list, looked up as it is written") {
  PushLab::Options options;
  options.config = "max_recipients: 1000\n";
  PushLab lab(std::move(options));
  registered(lab, device("6101", kPhone) + ", " + device("6102", kTablet));
  json to = json::array();
  const auto fill = [&](std::size_t count) {
    while (to.size() < count) to.push_back("sip:u" + std::to_string(to.size()) + "@ims.lab");
    to[450] = kAlice;  // in the second batch
    return json{{"to", to}, {"app", "news.ua"}, {"devices", "all"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
  };
  const auto answer = lab.call("POST", "/v1/pushes", fill(900));
  REQUIRE(answer.status == 202);
  const std::string id = answer.body["id"];
  CHECK(answer.body["recipient_count"] == 901);
  const auto all = lab.call("GET", "/v1/pushes/" + id + "?limit=1000").body["recipients"];
  REQUIRE(all.size() == 901);
  CHECK(all[449]["address"] == "sip:u449@ims.lab");
  CHECK(all[450]["address"] == kPhone);
  CHECK(all[451]["address"] == kTablet);
  CHECK(all[900]["address"] == "sip:u899@ims.lab");
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 1);  // PS-11
  lab.answer(lab.last(), 200);
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 2);
  CHECK(lab.messages()[0]->request.uri() == kPhone);
  CHECK(lab.messages()[1]->request.uri() == kTablet);
  // The devices count against the same limit as addresses do.
  const auto records = lab.memory.records();
  const auto refused = lab.call("POST", "/v1/pushes", fill(1000));
  CHECK(refused.status == 400);
  CHECK(refused.body["detail"].get<std::string>().find("devices") != std::string::npos);
  lab.restart();
  lab.advance(31s);
  CHECK(lab.memory.records() == records);
}
