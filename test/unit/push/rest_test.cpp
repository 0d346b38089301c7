// The REST interface: accounts, validation, idempotency, lists, cancellation.
#include <doctest/doctest.h>

#include "herald/metrics.h"
#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
const std::vector<HttpField> kNews{{"Authorization", "Bearer news-token"}};
const std::vector<HttpField> kMail{{"Authorization", "Bearer mail-token"}};

json plain() {
  return {{"to", json::array({kAlice})}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "Goal!"}}}};
}
json with(const std::string& member, json value) {
  auto body = plain();
  body[member] = std::move(value);
  return body;
}
json without(const std::string& member) {
  auto body = plain();
  body.erase(member);
  return body;
}

}  // namespace

TEST_CASE("the 202 names the push, is durable, and shows it") {
  PushLab lab;
  const auto answer = lab.call("POST", "/v1/pushes", plain());
  REQUIRE(answer.status == 202);
  const std::string id = answer.body["id"];
  CHECK(id.size() == 26);
  CHECK(answer.headers.at("Location") == "/v1/pushes/" + id);
  CHECK(answer.body["recipients"][0]["status"] == "accepted");
  CHECK(answer.body["recipients"][0]["code"] == 1001);
  CHECK(lab.memory.records() >= 2);
}

TEST_CASE("accounts: 401 without the right token, 403 beyond what it may, 429 beyond its rate") {
  PushLab lab;
  const auto status = [&](std::vector<HttpField> headers) {
    return lab.call("POST", "/v1/pushes", plain(), std::move(headers)).status;
  };
  CHECK(status({}) == 401);
  CHECK(status({{"Authorization", "Bearer"}}) == 401);
  CHECK(status({{"Authorization", "Bearer "}}) == 401);
  CHECK(status({{"Authorization", "Bearer news-tokem"}}) == 401);
  CHECK(status({{"Authorization", "Bearer news-token "}}) == 401);
  CHECK(status({{"Authorization", "Digest news-token"}}) == 401);
  CHECK(status({{"Authorization", "bearer news-token"}}) == 202);
  CHECK(status({{"Authorization", "Basic bmV3czpuZXdzLXRva2Vu"}}) == 202);  // news:news-token
  CHECK(status({{"Authorization", "Basic bWFpbDpuZXdzLXRva2Vu"}}) == 401);  // mail:news-token
  CHECK(status({{"Authorization", "Basic !!!!"}}) == 401);
  CHECK(lab.call("POST", "/v1/pushes", plain(), {}).headers.contains("WWW-Authenticate"));

  auto answer = lab.call("POST", "/v1/pushes", with("from", "sip:push-mail@ims.lab"), kNews);  // S-4
  CHECK(answer.status == 403);
  CHECK(answer.body["code"] == 2001);
  CHECK(lab.call("POST", "/v1/pushes", with("from", "sip:push-sport@IMS.lab"), kNews).status == 202);
  CHECK(lab.call("POST", "/v1/pushes", plain(), kMail).status == 403);  // not its application
  lab.advance(1s);
  CHECK(lab.call("POST", "/v1/pushes", with("app", "mail.new"), kMail).status == 202);
  CHECK(lab.call("POST", "/v1/pushes", with("app", "mms.ua"), kMail).status == 202);
  answer = lab.call("POST", "/v1/pushes", with("app", "mms.ua"), kMail);
  CHECK(answer.status == 429);
  CHECK(answer.headers.at("Retry-After") == "1");
  // Operators need no token and may send as anybody.
  CHECK(lab.call("POST", "/v1/pushes", with("from", "sip:other@ims.lab"), {}, /*admin=*/true).status == 202);
}

TEST_CASE("every wrong submission is refused with the member's name, and nothing is stored") {
  PushLab lab;
  const json content{{"type", "text/plain"}, {"text", "x"}};
  struct Row {
    json body;
    int http;
    int code;
    const char* says;
  };
  const Row rows[] = {
      {json::array(), 400, 2000, "object"},
      {json("text"), 400, 2000, "object"},
      {json::object(), 400, 2000, "to: required"},
      {without("to"), 400, 2000, "to: required"},
      {without("app"), 400, 2000, "app: required"},
      {without("content"), 400, 2000, "content: required"},
      {with("surprise", 1), 400, 2000, "surprise: no such member"},
      {with("to", kAlice), 400, 2000, "to:"},
      {with("to", json::array()), 400, 2000, "to:"},
      {with("to", json::array({1})), 400, 2000, "to[0]:"},
      {with("to", json::array({""})), 400, 2002, "to[0]:"},
      {with("to", json::array({"alice"})), 400, 2002, "to[0]:"},
      {with("to", json::array({"mailto:alice@ims.lab"})), 400, 2002, "to[0]:"},
      {with("to", json::array({"sip:ims.lab"})), 400, 2002, "to[0]:"},
      {with("to", json::array({kAlice, "sip:bob@ims.lab>"})), 400, 2002, "to[1]:"},
      {with("to", json::array({"sip:a@ims.lab\r\nRoute: <sip:evil>"})), 400, 2002, "to[0]:"},
      {with("to", json::array({"sip:a@ims.lab?Route=evil"})), 400, 2002, "to[0]:"},
      {with("to", json::array({"sip:a:secret@ims.lab"})), 400, 2002, "to[0]:"},
      {with("to", json::array({"sip:a@ims.lab;method=INVITE"})), 400, 2002, "to[0]:"},
      {with("to", json::array({kAlice, "sip:alice@IMS.LAB:5060"})), 400, 2002, "to[1]:"},
      {with("to", json::array({"sip:" + std::string(300, 'a') + "@ims.lab"})), 400, 2002, "to[0]:"},
      {with("app", 7), 400, 2000, "app:"},
      {with("app", ""), 400, 2000, "app:"},
      {with("app", "news ua"), 400, 2000, "app:"},
      {with("app", "a\",b"), 400, 2000, "app:"},
      {with("app", std::string(65, 'a')), 400, 2000, "app:"},
      {with("from", 1), 400, 2000, "from:"},
      {with("from", "<sip:push@ims.lab>"), 400, 2002, "from:"},
      {with("content", "text"), 400, 2000, "content:"},
      {with("content", {{"text", "x"}}), 400, 2000, "content.type: required"},
      {with("content", {{"type", "plain"}, {"text", "x"}}), 400, 2000, "content.type:"},
      {with("content", {{"type", "text/plain\r\nX: y"}, {"text", "x"}}), 400, 2000, "content.type:"},
      {with("content", {{"type", "multipart/mixed"}, {"text", "x"}}), 400, 2000, "content.type:"},
      {with("content", {{"type", "text/plain"}}), 400, 2000, "content:"},
      {with("content", {{"type", "text/plain"}, {"text", "x"}, {"base64", "eA=="}}), 400, 2000, "content:"},
      {with("content", {{"type", "text/plain"}, {"text", 1}}), 400, 2000, "content.text:"},
      {with("content", {{"type", "text/plain"}, {"base64", "e"}}), 400, 2000, "content.base64:"},
      {with("content", {{"type", "text/plain"}, {"text", "x"}, {"lang", "fi"}}), 400, 2000, "content.lang:"},
      {with("alternatives", content), 400, 2000, "alternatives:"},
      {with("alternatives", json::array({content, 1})), 400, 2000, "alternatives[1]:"},
      {with("alternatives", json(9, content)), 400, 2000, "alternatives:"},
      {with("report", "maybe"), 400, 2000, "report:"},
      {with("mode", "post"), 400, 2000, "mode:"},
      {with("priority", "urgent"), 400, 2000, "priority:"},
      {with("priority", json()), 400, 2000, "priority:"},
      {with("deliver_before", "tomorrow"), 400, 2000, "deliver_before:"},
      {with("deliver_before", 1700000000), 400, 2000, "deliver_before:"},
      {with("deliver_after", "2026-02-30T00:00:00Z"), 400, 2000, "deliver_after:"},
      {with("replace", "01ABC"), 404, 2004, "replace:"},
      {with("replace", 1), 400, 2000, "replace:"},
      {with("replace", json::object()), 400, 2000, "replace.id: required"},
      {with("replace", {{"id", "01ABC"}, {"method", "some"}}), 400, 2000, "replace.method:"},
      {with("replace", {{"id", "01ABC"}, {"when", "now"}}), 400, 2000, "replace.when:"},
      {with("callback", "https://news.example/report"), 403, 2001, "callback:"},
      {with("callback", "file:///etc/passwd"), 400, 2000, "callback:"},
      {with("devices", "some"), 400, 2000, "devices:"},
      {with("excluded", "audio"), 400, 2000, "excluded:"},
      {with("excluded", json::array({"audio;video"})), 400, 2000, "excluded[0]:"},
      {with("excluded", json::array({"audio", "a=\"b\r\nX: y\""})), 400, 2000, "excluded[1]:"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body.dump().substr(0, 300));
    const auto answer = lab.call("POST", "/v1/pushes", row.body);
    CHECK(answer.status == row.http);
    CHECK(answer.body["code"] == row.code);
    CHECK_MESSAGE(answer.body["detail"].get<std::string>().find(row.says) != std::string::npos, answer.body.dump());
    CHECK(answer.headers.at("Content-Type") == "application/problem+json");
  }
  auto both = with("deliver_after", "2026-01-02T00:00:00Z");
  both["deliver_before"] = "2026-01-01T00:00:00Z";
  CHECK(lab.call("POST", "/v1/pushes", both).body["detail"].get<std::string>().starts_with("deliver_after:"));

  const auto raw = [&](std::string body, std::string type = "application/json") {
    auto headers = kNews;
    headers.push_back({"Content-Type", std::move(type)});
    return lab.call_raw("POST", "/v1/pushes", std::move(body), headers);
  };
  for (const auto* body : {"", "{", "nonsense", "{\"to\":[\"sip:\xff@ims.lab\"]}", "null", "{\"a\":1,}", "[[[[[[[[[[[[[[["}) {
    CAPTURE(body);
    CHECK(raw(body).status == 400);
  }
  CHECK(raw(std::string(100000, '[')).status == 400);
  CHECK(raw("{\"app\":\"a\",\"app\":\"b\"}").body["detail"] == "app: given twice");
  CHECK(raw("{\"content\":{\"type\":\"a/b\",\"type\":\"a/b\"}}").body["detail"] == "type: given twice");
  CHECK(raw(plain().dump(), "text/plain").status == 415);
  CHECK(raw(plain().dump(), "application/json; charset=utf-8").status == 202);
  CHECK(lab.memory.records() == 2);  // the one that was right
}

TEST_CASE("Idempotency-Key: the same again gets the first answer, another body 409") {
  PushLab lab;
  auto headers = kNews;
  headers.push_back({"Idempotency-Key", "order-66"});
  const auto first = lab.call("POST", "/v1/pushes", plain(), headers);
  REQUIRE(first.status == 202);
  const auto again = lab.call("POST", "/v1/pushes", plain(), headers);
  CHECK(again.status == 202);
  CHECK(again.body["id"] == first.body["id"]);
  CHECK(again.headers.at("Location") == first.headers.at("Location"));
  const auto other = lab.call("POST", "/v1/pushes", with("priority", "high"), headers);
  CHECK(other.status == 409);
  CHECK(other.body["code"] == 2007);
  lab.restart();
  CHECK(lab.call("POST", "/v1/pushes", plain(), headers).body["id"] == first.body["id"]);
  // Keys belong to their account.
  auto mail = kMail;
  mail.push_back({"Idempotency-Key", "order-66"});
  CHECK(lab.call("POST", "/v1/pushes", with("app", "mms.ua"), mail).body["id"] != first.body["id"]);
  lab.advance(24h + 31s);
  CHECK(lab.call("POST", "/v1/pushes", plain(), headers).body["id"] != first.body["id"]);
  headers.back().value = std::string(256, 'k');
  CHECK(lab.call("POST", "/v1/pushes", plain(), headers).status == 400);
}

TEST_CASE("GET pages through recipients; another account's push does not exist") {
  PushLab lab;
  json to = json::array();
  for (int i = 0; i < 25; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  const auto id = lab.push(kAlice, {{"to", to}});
  auto page = lab.call("GET", "/v1/pushes/" + id + "?limit=10");
  REQUIRE(page.status == 200);
  CHECK(page.body["recipient_count"] == 25);
  CHECK(page.body["recipients"].size() == 10);
  CHECK(page.body["recipients"][0]["address"] == "sip:user0@ims.lab");
  page = lab.call("GET", "/v1/pushes/" + id + "?limit=20&cursor=" + page.body["next"].get<std::string>());
  CHECK(page.body["recipients"].size() == 15);
  CHECK(page.body["recipients"][0]["address"] == "sip:user10@ims.lab");
  CHECK(!page.body.contains("next"));

  CHECK(lab.call("GET", "/v1/pushes/" + id, {}, kMail).status == 404);
  CHECK(lab.call("DELETE", "/v1/pushes/" + id, {}, kMail).status == 404);
  CHECK(lab.call("GET", "/v1/pushes/" + id, {}, {}).status == 401);
  CHECK(lab.call("GET", "/v1/pushes/nothing").body["code"] == 2004);
  CHECK(lab.call("GET", "/v1/pushes/" + std::string(500, 'x')).status == 404);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "?limit=0").status == 400);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "?limit=x").status == 400);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "?cursor=stolen").status == 400);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "?depth=1").status == 400);
}

TEST_CASE("lists: newest first, own pushes only, by status and by address") {
  PushLab lab;
  lab.registered("sip:bob@ims.lab");
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(lab.push(i % 2 == 0 ? kAlice : "sip:bob@ims.lab"));
    lab.advance(10ms);
  }
  const std::string foreign = lab.call("POST", "/v1/pushes", with("app", "mms.ua"), kMail).body["id"];
  const auto list = [&](const std::string& query, bool admin = false) {
    const auto answer = lab.call("GET", "/v1/pushes" + query, {}, kNews, admin);
    REQUIRE(answer.status == 200);
    std::vector<std::string> found;
    for (const auto& push : answer.body["pushes"]) found.push_back(push["id"]);
    return std::pair(found, answer.body.value("next", ""));
  };
  auto [all, end] = list("");
  CHECK(all == std::vector<std::string>(ids.rbegin(), ids.rend()));
  CHECK(end.empty());
  CHECK(list("", true).first.size() == 7);
  CHECK(list("", true).first.front() == foreign);
  auto [two, next] = list("?limit=2");
  CHECK(two == std::vector{ids[5], ids[4]});
  CHECK(list("?limit=2&cursor=" + next).first == std::vector{ids[3], ids[2]});
  CHECK(list("?address=sip:bob@IMS.lab").first == std::vector{ids[5], ids[3], ids[1]});
  CHECK(list("?address=sip:alice@ims.lab&limit=2").first == std::vector{ids[4], ids[2]});
  CHECK(list("?status=waiting_reachable").first == std::vector{ids[4], ids[2], ids[0]});
  CHECK(list("?status=sending&address=sip:bob@ims.lab").first == std::vector{ids[1]});
  CHECK(list("?status=delivered").first.empty());
  CHECK(lab.call("GET", "/v1/pushes?status=lost").status == 400);
  CHECK(lab.call("GET", "/v1/pushes?address=bob").status == 400);
}

TEST_CASE("DELETE: in time, too late, twice, and while the request is out") {
  PushLab lab;
  SUBCASE("a waiting push is cancelled and never sent") {
    const auto id = lab.push();
    const auto answer = lab.call("DELETE", "/v1/pushes/" + id);
    CHECK(answer.status == 200);
    CHECK(answer.body["recipients"][0]["status"] == "cancelled");
    CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 200);
    lab.registered(kAlice);
    CHECK(lab.messages().empty());
    lab.restart();
    lab.registered(kAlice);
    CHECK(lab.messages().empty());
  }
  SUBCASE("a delivered one is not") {
    lab.registered(kAlice);
    const auto id = lab.push();
    lab.answer(lab.last(), 200);
    const auto answer = lab.call("DELETE", "/v1/pushes/" + id);
    CHECK(answer.status == 409);
    CHECK(answer.body["code"] == 2008);
    CHECK(lab.status(id) == "delivered");
  }
  SUBCASE("while sending it is too late to recall, but it is not repeated") {
    lab.registered(kAlice);
    const auto id = lab.push();
    CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 409);
    lab.answer(lab.last(), 486);
    CHECK(lab.status(id) == "cancelled");
    lab.advance(10s);
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("and a 200 that comes is the truth") {
    lab.registered(kAlice);
    const auto id = lab.push();
    CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 409);
    lab.answer(lab.last(), 200);
    CHECK(lab.status(id) == "delivered");
  }
  SUBCASE("one behind another in the user's queue") {
    lab.registered(kAlice);
    lab.push();
    const auto behind = lab.push();
    CHECK(lab.call("DELETE", "/v1/pushes/" + behind).status == 200);
    lab.answer(lab.last(), 200);
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("between two attempts") {
    lab.registered(kAlice);
    const auto id = lab.push();
    lab.answer(lab.last(), 486);
    CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 200);
    lab.advance(1min);
    CHECK(lab.messages().size() == 1);
  }
  SUBCASE("some of many") {
    lab.registered(kAlice);
    const auto id = lab.push(kAlice, {{"to", json::array({kAlice, "sip:bob@ims.lab"})}});
    const auto answer = lab.call("DELETE", "/v1/pushes/" + id);
    CHECK(answer.status == 200);
    CHECK(lab.status(id, 0) == "sending");
    CHECK(lab.status(id, 1) == "cancelled");
  }
}

TEST_CASE("metrics tell acceptance, attempts, outcomes and ends without any identity") {
  PushLab lab;
  lab.registered(kAlice);
  lab.push();
  lab.answer(lab.last(), 200);
  const auto text = metrics::text();
  for (const auto* name :
       {"herald_push_accepted_total", "herald_push_recipients_total", "herald_push_attempts_total{mode=\"pager\"}",
        "herald_push_outcomes_total{cause=\"sip:2xx\"}", "herald_push_waiting_deliveries", "herald_push_latency_seconds_count"}) {
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
  }
  CHECK(text.find("alice") == std::string::npos);
}
