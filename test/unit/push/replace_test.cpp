// A push takes the place of another; some recipients are cancelled. PAP-34, PAP-35, PS-76.
#include <set>

#include "subscriber_device.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kBob = "sip:bob@ims.lab";
constexpr const char* kCarol = "sip:carol@ims.lab";
const std::vector<HttpField> kMail{{"Authorization", "Bearer mail-token"}};

json to(std::initializer_list<const char*> users) {
  json list = json::array();
  for (const auto* user : users) list.push_back(user);
  return list;
}

std::string body_of(const std::shared_ptr<FakeSipStack::Sent>& sent) { return sent->request.body; }

json text(const std::string& words, json more) {
  json body{{"content", {{"type", "text/plain"}, {"text", words}}}};
  body.update(more);
  return body;
}

}  // namespace

TEST_CASE("PAP-34: replace all: what waits is cancelled, everybody named gets the new one") {
  PushLab lab;
  lab.registered(kAlice);
  const auto old = lab.push(kAlice, text("old", {{"to", to({kAlice, kBob})}}));
  lab.answer(lab.last(), 200);
  REQUIRE(lab.status(old, 0) == "delivered");
  const auto fresh = lab.push(kAlice, text("new", {{"to", to({kAlice, kBob})}, {"replace", old}}));
  CHECK(lab.status(old, 0) == "delivered");
  CHECK(lab.status(old, 1) == "cancelled");
  CHECK(lab.delivery(old, 1)["cause"] == "replaced:" + fresh);
  REQUIRE(lab.messages().size() == 2);
  CHECK(body_of(lab.last()) == "new");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(fresh, 0) == "delivered");
  lab.registered(kBob);
  REQUIRE(lab.messages().size() == 3);
  CHECK(body_of(lab.last()) == "new");
}

TEST_CASE("PAP-34: replace pending_only: who has the old one does not get the new one, and the push says so") {
  PushLab lab;
  lab.registered(kAlice);
  const auto old = lab.push(kAlice, text("old", {{"to", to({kAlice, kBob})}}));
  lab.answer(lab.last(), 200);
  const json replace{{"id", old}, {"method", "pending_only"}};
  const auto fresh = lab.push(kAlice, text("new", {{"to", to({kAlice, kBob, kCarol})}, {"replace", replace}}));
  CHECK(lab.messages().size() == 1);
  CHECK(lab.status(fresh, 0) == "cancelled");
  CHECK(lab.delivery(fresh, 0)["cause"] == "replace:not_pending");
  CHECK(lab.delivery(fresh, 0)["code"] == 3003);
  CHECK(lab.status(fresh, 1) == "waiting_reachable");
  CHECK(lab.status(fresh, 2) == "waiting_reachable");  // was not among the old one's: has not got it
  lab.registered(kBob);
  REQUIRE(lab.messages().size() == 2);
  CHECK(body_of(lab.last()) == "new");
}

TEST_CASE("PAP-34: an old push that is out just now is not repeated, and the new one follows it") {
  PushLab lab;
  lab.registered(kAlice);
  const auto old = lab.push(kAlice, text("old", json::object()));
  const auto fresh = lab.push(kAlice, text("new", {{"replace", {{"id", old}, {"method", "pending_only"}}}}));
  CHECK(lab.messages().size() == 1);  // PS-11
  lab.answer(lab.last(), 486);
  CHECK(lab.status(old) == "cancelled");
  REQUIRE(lab.messages().size() == 2);
  CHECK(body_of(lab.last()) == "new");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(fresh) == "delivered");
  lab.advance(1min);
  CHECK(lab.messages().size() == 2);
}

TEST_CASE("PAP-34: an unknown push, and somebody else's, cannot be replaced: 2004, and nothing is accepted") {
  PushLab lab;
  const auto old = lab.push(kBob);
  const auto records = lab.memory.records();
  json body{{"to", to({kBob})}, {"app", "mms.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}, {"replace", old}};
  const auto stolen = lab.call("POST", "/v1/pushes", body, kMail);
  CHECK(stolen.status == 404);
  CHECK(stolen.body["code"] == 2004);
  body["replace"] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  CHECK(lab.call("POST", "/v1/pushes", body).body["code"] == 2004);
  CHECK(lab.memory.records() == records);
  CHECK(lab.status(old) == "waiting_reachable");
}

TEST_CASE("PS-76: a replaced push in a throttled subscription is overwritten: the NOTIFY has the new one alone") {
  PushLab lab;
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  lab.push(kAlice, text("first", json::object()));
  device.answer();  // the next one only at the package's rate
  const auto old = lab.push(kAlice, text("old", json::object()));
  REQUIRE(lab.status(old) == "accepted");
  const auto fresh = lab.push(kAlice, text("new", {{"replace", old}}));
  CHECK(lab.status(old) == "cancelled");
  lab.advance(1s);
  CHECK(device.last()->request.body.find("new") != std::string::npos);
  for (const auto& notify : device.notifies()) CHECK(notify->request.body.find("old") == std::string::npos);
  device.answer();
  CHECK(lab.status(fresh) == "delivered");
}

TEST_CASE(
    "PAP-34: whatever a crash interrupts, the old push is never cancelled without the new one accepted, and only one goes") {
  // The process dies with the store at the n-th commit of the replacement.
  for (std::size_t step = 0; step < 4; ++step) {
    CAPTURE(step);
    PushLab lab;
    const auto old = lab.push(kBob, text("old", json::object()));
    auto body = text("new", {{"to", to({kBob})}, {"app", "news.ua"}, {"replace", old}});
    lab.store.fail_after(step);
    const auto answer = lab.call("POST", "/v1/pushes", body);
    lab.restart();
    lab.advance(31s);
    const auto list = lab.call("GET", "/v1/pushes", {}, {}, /*admin=*/true).body["pushes"];
    const bool replaced = list.size() == 2;
    if (answer.status == 202) CHECK(replaced);
    CHECK(lab.status(old) == (replaced ? "cancelled" : "waiting_reachable"));
    lab.registered(kBob);
    REQUIRE(lab.messages().size() == 1);
    CHECK(body_of(lab.last()) == (replaced ? "new" : "old"));
    lab.answer(lab.last(), 200);
    lab.advance(1min);
    CHECK(lab.messages().size() == 1);
  }
}

TEST_CASE("PAP-35: DELETE with an address cancels that recipient and no other") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"to", to({kAlice, kBob, kCarol})}});
  lab.answer(lab.last(), 200);
  auto answer = lab.call("DELETE", "/v1/pushes/" + id + "?address=sip:bob@IMS.lab:5060");  // the same in other words
  CHECK(answer.status == 200);
  REQUIRE(answer.body["recipients"].size() == 1);
  CHECK(answer.body["recipients"][0]["address"] == kBob);
  CHECK(lab.status(id, 1) == "cancelled");
  CHECK(lab.status(id, 2) == "waiting_reachable");
  answer = lab.call("DELETE", "/v1/pushes/" + id + "?address=" + kAlice);
  CHECK(answer.status == 409);
  CHECK(answer.body["code"] == 2008);
  answer = lab.call("DELETE", "/v1/pushes/" + id + "?address=sip:dave@ims.lab");
  CHECK(answer.status == 404);
  CHECK(answer.body["code"] == 2003);
  CHECK(lab.call("DELETE", "/v1/pushes/" + id + "?address=bob").status == 400);
  CHECK(lab.call("DELETE", "/v1/pushes/" + id + "?user=bob").status == 400);
  CHECK(lab.call("DELETE", "/v1/pushes/01ARZ3NDEKTSV4RRFFQ69G5FAV?address=" + std::string(kBob)).body["code"] == 2004);
}

namespace {

json crowd(std::size_t count) {
  json list = json::array();
  for (std::size_t i = 0; i < count; ++i) list.push_back("sip:u" + std::to_string(i) + "@ims.lab");
  return list;
}
json to_crowd(std::size_t count) {
  return {{"to", crowd(count)}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "all"}}}};
}
std::string user(std::size_t i) { return "sip:u" + std::to_string(i) + "@ims.lab"; }

}  // namespace

TEST_CASE("PAP-41: a push to thousands is one push with a status for each, paged; some of them can be cancelled") {
  PushLab::Options options;
  options.shards = 2;
  PushLab lab(options);
  constexpr std::size_t kMany = 2500;
  lab.registered(user(1));
  const auto answer = lab.call("POST", "/v1/pushes", to_crowd(kMany));
  REQUIRE(answer.status == 202);
  const std::string id = answer.body["id"];
  CHECK(answer.body["recipient_count"] == kMany);
  CHECK(answer.body["recipients"].size() == 100);
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);

  std::set<std::string> seen;
  std::string cursor;
  do {
    const auto page = lab.call("GET", "/v1/pushes/" + id + "?limit=1000" + (cursor.empty() ? "" : "&cursor=" + cursor));
    REQUIRE(page.status == 200);
    for (const auto& recipient : page.body["recipients"]) {
      const std::string address = recipient["address"];
      CHECK(recipient["status"] == (address == user(1) ? "delivered" : "waiting_reachable"));
      CHECK(seen.insert(address).second);
    }
    cursor = page.body.value("next", "");
  } while (!cursor.empty());
  CHECK(seen.size() == kMany);

  CHECK(lab.call("DELETE", "/v1/pushes/" + id + "?address=" + user(2400)).status == 200);
  lab.registered(user(2400));
  CHECK(lab.messages().size() == 1);
  lab.registered(user(2401));
  CHECK(lab.messages().size() == 2);
  lab.restart();
  lab.registered(user(2402));
  lab.advance(3s);
  CHECK(lab.messages().size() == 2);  // 2401 again: nobody knows whether it arrived
  CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 200);
  lab.registered(user(2403));
  CHECK(lab.messages().size() == 2);
}

TEST_CASE("SM-4: the list by status finds a push by a recipient far behind the first thousand") {
  PushLab lab;
  const std::string id = lab.call("POST", "/v1/pushes", to_crowd(2500)).body["id"];
  lab.advance(10ms);  // ids sort by time
  const auto small = lab.push(kAlice);
  lab.registered(user(2400));
  lab.answer(lab.last(), 200);
  const auto found = lab.call("GET", "/v1/pushes?status=delivered");
  REQUIRE(found.status == 200);
  REQUIRE(found.body["pushes"].size() == 1);
  CHECK(found.body["pushes"][0]["id"] == id);
  REQUIRE(found.body["pushes"][0]["recipients"].size() == 1);  // who it was found by
  CHECK(found.body["pushes"][0]["recipients"][0]["address"] == user(2400));
  CHECK(lab.call("GET", "/v1/pushes?status=displayed").body["pushes"].empty());
  // One at a time, by the cursor.
  auto page = lab.call("GET", "/v1/pushes?status=waiting_reachable&limit=1");
  REQUIRE(page.body["pushes"].size() == 1);
  CHECK(page.body["pushes"][0]["id"] == small);
  page = lab.call("GET", "/v1/pushes?status=waiting_reachable&limit=1&cursor=" + page.body["next"].get<std::string>());
  REQUIRE(page.body["pushes"].size() == 1);
  CHECK(page.body["pushes"][0]["id"] == id);
}

TEST_CASE("many recipients: one wrong or doubled address refuses all of them, by its place, and nothing is stored") {
  PushLab lab;
  auto body = to_crowd(1200);
  body["to"][1100] = "nobody";
  auto answer = lab.call("POST", "/v1/pushes", body);
  CHECK(answer.status == 400);
  CHECK(answer.body["code"] == 2002);
  CHECK(answer.body["detail"].get<std::string>().starts_with("to[1100]:"));
  body["to"][1100] = "sip:u3@IMS.lab";
  answer = lab.call("POST", "/v1/pushes", body);
  CHECK(answer.body["detail"] == "to[1100]: the same recipient twice");
  body["to"][1100] = 7;
  CHECK(lab.call("POST", "/v1/pushes", body).body["detail"] == "to[1100]: must be a string");
  CHECK(lab.memory.records() == 0);
  body["to"][1100] = "sip:\"\\@ims.lab";
  CHECK(lab.call("POST", "/v1/pushes", body).status == 400);
  // Escapes in the text are read as what they stand for.
  auto raw = to_crowd(1200).dump();
  raw.replace(raw.find("sip:u7@"), 4, "\\u0073ip:");
  auto headers = std::vector<HttpField>{{"Authorization", "Bearer news-token"}, {"Content-Type", "application/json"}};
  const auto accepted = lab.call_raw("POST", "/v1/pushes", raw, headers);
  REQUIRE(accepted.status == 202);
  CHECK(accepted.body["recipients"][7]["address"] == user(7));
}

TEST_CASE("many recipients: a crash before the last batch leaves nothing that is ever sent, and is cleaned up") {
  for (std::size_t step = 0; step < 5; ++step) {
    CAPTURE(step);
    PushLab lab;
    lab.store.fail_after(step);
    const auto answer = lab.call("POST", "/v1/pushes", to_crowd(1500));
    lab.restart();
    lab.advance(31s);
    if (answer.status != 202) CHECK(lab.memory.records() == 0);
    lab.registered(user(3));
    CHECK(lab.messages().size() == (answer.status == 202 ? 1 : 0));
    CHECK((answer.status == 202) == (step == 4));
  }
}
