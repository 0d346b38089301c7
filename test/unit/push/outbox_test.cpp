// Result notifications on the whole module: SM-3, PAP-36, PAP-37.
#include <doctest/doctest.h>
#include <set>

#include "push_lab.h"

namespace herald::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kHook = "https://hook.example/herald/x";

json with_hook(const std::string& url = kHook) { return {{"callback", url}}; }

Expected<HttpResponse> http(int status, std::vector<HttpField> headers = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  return response;
}

// A push that alice's device takes or refuses.
std::string sent_push(PushLab& lab, int answer = 200, const json& more = with_hook(),
                      const std::string& to = "sip:alice@ims.lab") {
  const auto before = lab.messages().size();
  const auto id = lab.push(to, more);
  REQUIRE(lab.messages().size() > before);
  lab.answer(lab.last(), answer);
  return id;
}

json body(const ScriptedHttp::Call& call) { return json::parse(call.call.body); }

json notification(PushLab& lab, const std::string& id) { return lab.delivery(id)["notification"]; }

struct Reachable : PushLab {
  static Options with(const std::string& config) {
    Options options;
    options.config = config;
    return options;
  }
  explicit Reachable(const std::string& config = {}) : PushLab(with(config)) { registered("sip:alice@ims.lab", 7 * 86400); }
};

TEST_CASE("SM-3 the initiator is told each final state once, with its event id and signature") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(204); };
  const auto id = sent_push(lab);
  REQUIRE(lab.http.calls.size() == 1);
  const auto& call = *lab.http.calls[0];
  CHECK(call.call.url == kHook);
  CHECK(call.call.method == "POST");
  CHECK(body(call)["id"] == id);
  CHECK(body(call)["attempt"] == 1);
  CHECK(body(call)["recipient"]["status"] == "delivered");
  CHECK(call.header("Herald-Event-Id") == id + "-0");
  CHECK(call.header("Herald-Signature").substr(0, 2) == "t=");
  lab.advance(hours(30));
  CHECK(lab.http.calls.size() == 1);
  CHECK(notification(lab, id)["state"] == "sent");
  CHECK(notification(lab, id)["attempts"] == 1);
  CHECK(notification(lab, id)["last"] == "http:204");
}

TEST_CASE("SM-3 SM-6 every kind of end is told with its code") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(200); };
  sent_push(lab, 404);
  sent_push(lab, 603);
  const auto waiting = lab.push("sip:bob@ims.lab", with_hook());
  lab.call("DELETE", "/v1/pushes/" + waiting);
  lab.push("sip:bob@ims.lab", {{"callback", kHook}, {"deliver_before", "1980-01-01T00:00:00Z"}});
  std::map<std::string, int> told;
  for (const auto& call : lab.http.calls) told[body(*call)["recipient"]["status"]] = body(*call)["recipient"]["code"];
  CHECK(told["undeliverable"] == 2003);
  CHECK(told["rejected"] == 2001);
  CHECK(told["cancelled"] == 1000);
  CHECK(lab.http.calls.size() >= 3);
}

TEST_CASE("SM-3 SM-4 each recipient of a push has a notification of its own") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(200); };
  const auto id = lab.push("sip:alice@ims.lab", {{"callback", kHook}, {"to", {"sip:alice@ims.lab", "sip:bob@ims.lab"}}});
  lab.answer(lab.last(), 200);
  REQUIRE(lab.http.calls.size() == 1);
  lab.call("DELETE", "/v1/pushes/" + id);
  REQUIRE(lab.http.calls.size() == 2);
  CHECK(lab.http.calls[0]->header("Herald-Event-Id") == id + "-0");
  CHECK(lab.http.calls[1]->header("Herald-Event-Id") == id + "-1");
}

TEST_CASE("SM-3 an initiator that fails is asked again after 1, 5 and 30 minutes and then every hour, with the same event id") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(500); };
  const auto id = sent_push(lab);
  CHECK(lab.http.calls.size() == 1);
  lab.advance(seconds(59));
  CHECK(lab.http.calls.size() == 1);
  lab.advance(seconds(2));
  CHECK(lab.http.calls.size() == 2);
  CHECK(notification(lab, id)["state"] == "pending");
  CHECK(notification(lab, id)["last"] == "http:500");
  lab.advance(minutes(5) + seconds(1));
  CHECK(lab.http.calls.size() == 3);
  lab.advance(minutes(30) + seconds(1));
  CHECK(lab.http.calls.size() == 4);
  lab.advance(hours(1) + seconds(1));
  CHECK(lab.http.calls.size() == 5);
  lab.advance(hours(1) + seconds(1));
  CHECK(lab.http.calls.size() == 6);
  std::set<std::string> events;
  for (const auto& call : lab.http.calls) events.insert(call->header("Herald-Event-Id"));
  CHECK(events.size() == 1);
  CHECK(body(*lab.http.calls.back())["attempt"] == 6);
  lab.http.rule = [](const HttpCall&) { return http(200); };
  lab.advance(hours(1) + seconds(1));
  CHECK(notification(lab, id)["state"] == "sent");
}

TEST_CASE("SM-3 after 24 hours a notification is given up, and the push says so") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return fail(ErrorCode::timeout, "scripted"); };
  const auto id = sent_push(lab);
  lab.advance(hours(23));
  CHECK(notification(lab, id)["state"] == "pending");
  lab.advance(hours(2));
  CHECK(notification(lab, id)["state"] == "dead");
  const auto attempts = lab.http.calls.size();
  lab.advance(hours(24));
  CHECK(lab.http.calls.size() == attempts);
}

TEST_CASE("SM-3 410 ends a notification for good") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(410); };
  const auto id = sent_push(lab);
  lab.advance(hours(25));
  CHECK(lab.http.calls.size() == 1);
  CHECK(notification(lab, id)["state"] == "refused");
}

TEST_CASE("SM-3 Retry-After of the initiator is kept") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return http(503, {{"Retry-After", "600"}}); };
  sent_push(lab);
  lab.advance(seconds(599));
  CHECK(lab.http.calls.size() == 1);
  lab.advance(seconds(2));
  CHECK(lab.http.calls.size() == 2);
}

TEST_CASE("SM-3 an attempt without answer ends at its deadline") {
  Reachable lab("callbacks: {timeout: 3s}\n");
  const auto id = sent_push(lab);
  lab.advance(seconds(4));
  CHECK(lab.http.open() == 0);
  CHECK(notification(lab, id)["last"] == "timeout");
}

TEST_CASE("SM-3 a notification outlives the process: once its delivery ended it is sent, by the same id") {
  Reachable lab;
  const auto id = sent_push(lab);  // the POST stays open
  REQUIRE(lab.http.open() == 1);
  lab.restart();
  lab.http.rule = [](const HttpCall&) { return http(200); };
  lab.advance(minutes(2));
  REQUIRE(lab.http.calls.size() == 2);
  CHECK(lab.http.calls[1]->header("Herald-Event-Id") == id + "-0");
  CHECK(body(*lab.http.calls[1])["attempt"] == 2);
  CHECK(notification(lab, id)["state"] == "sent");
  lab.advance(hours(2));
  CHECK(lab.http.calls.size() == 2);
}

TEST_CASE("SM-3 wherever the process dies around the end of a delivery, the initiator hears of it") {
  for (std::size_t commits = 0; commits < 8; ++commits) {
    CAPTURE(commits);
    Reachable lab;
    std::set<std::string> told;
    lab.http.rule = [&told](const HttpCall& call) {
      told.insert(json::parse(call.body)["event"]);
      return http(200);
    };
    const auto id = lab.push("sip:alice@ims.lab", with_hook());
    lab.store.fail_after(commits);
    lab.answer(lab.last(), 200);
    lab.restart();
    lab.registered("sip:alice@ims.lab", 7 * 86400);
    for (int i = 0; i < 10; ++i) {
      lab.advance(minutes(1));
      for (const auto& sent : lab.messages()) {
        if (!sent->done) lab.answer(sent, 200);
      }
    }
    CHECK(lab.status(id) == "delivered");
    CHECK(told == std::set<std::string>{id + "-0"});
  }
}

TEST_CASE("SM-3 a host that is down does not hold up the others, and what waits for it stays out of memory") {
  Reachable lab("max_in_flight: 1000\n");
  lab.http.rule = [](const HttpCall& call) -> std::optional<Expected<HttpResponse>> {
    if (call.url.find("dead") != std::string::npos) return fail(ErrorCode::unavailable, "scripted");
    return http(200);
  };
  std::vector<std::string> to;
  for (int i = 0; i < 300; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  const auto dead = lab.push("sip:x@ims.lab", {{"to", to}, {"callback", "https://dead.hook.example/"}});
  lab.call("DELETE", "/v1/pushes/" + dead);
  const auto asked = lab.http.calls.size();
  CHECK(asked <= 8);  // one wave
  const auto id = sent_push(lab);
  CHECK(notification(lab, id)["state"] == "sent");
  CHECK(lab.http.calls.size() == asked + 1);
  // It comes back: everybody is told, each once.
  std::multiset<std::string> told;
  lab.http.rule = [&told](const HttpCall& call) {
    told.insert(json::parse(call.body)["event"]);
    return http(200);
  };
  lab.advance(minutes(3));
  CHECK(told.size() == 300);
  CHECK(std::set<std::string>(told.begin(), told.end()).size() == 300);
  CHECK(notification(lab, dead)["state"] == "sent");
}

TEST_CASE("SM-3 what is parked for a host that is down survives the process") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return fail(ErrorCode::unavailable, "scripted"); };
  std::vector<std::string> to;
  for (int i = 0; i < 50; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  const auto id = lab.push("sip:x@ims.lab", {{"to", to}, {"callback", kHook}});
  lab.call("DELETE", "/v1/pushes/" + id);
  lab.restart();
  std::multiset<std::string> told;
  lab.http.rule = [&told](const HttpCall& call) {
    told.insert(json::parse(call.body)["event"]);
    return http(200);
  };
  lab.advance(hours(1));
  CHECK(told.size() == 50);
  CHECK(std::set<std::string>(told.begin(), told.end()).size() == 50);
}

TEST_CASE("SM-3 no more attempts at a time than allowed, in all and for one host") {
  Reachable lab("callbacks: {max_parallel: 5, max_per_host: 3}\n");
  std::vector<std::string> to;
  for (int i = 0; i < 40; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  for (const auto* host : {"one", "two", "three"}) {
    const auto url = "https://" + std::string(host) + ".hook.example/";
    const auto id = lab.push("sip:x@ims.lab", {{"to", to}, {"callback", url}});
    lab.call("DELETE", "/v1/pushes/" + id);
  }
  std::size_t answered = 0;
  while (lab.http.open() > 0) {
    CHECK(lab.http.open() <= 5);
    std::map<std::string, int> by_host;
    for (const auto& call : lab.http.calls) {
      if (!call->answered) ++by_host[call->call.url];
    }
    for (const auto& [host, number] : by_host) CHECK(number <= 3);
    const auto calls = lab.http.calls;
    for (const auto& call : calls) {
      if (call->answered) continue;
      lab.inside([&] { call->respond(200); });
      ++answered;
      break;
    }
    REQUIRE(answered <= 120);
  }
  lab.advance(minutes(2));
  CHECK(answered == 120);
}

TEST_CASE("PAP-37 the account's patterns are asked again before a notification goes out") {
  Reachable lab;
  lab.http.rule = [](const HttpCall&) { return fail(ErrorCode::unavailable, "scripted"); };
  const auto id = sent_push(lab);
  const auto asked = lab.http.calls.size();
  lab.callbacks = R"(["https://other.example/"])";
  lab.restart();
  lab.advance(hours(2));
  CHECK(lab.http.calls.size() == asked);
  CHECK(notification(lab, id)["last"] == "not-permitted");
}

TEST_CASE("PAP-37 a host that only a wildcard allows must not lead to a private address") {
  Reachable lab;
  sent_push(lab, 200, with_hook("https://intern.hook.example/"));
  sent_push(lab, 200, with_hook());
  REQUIRE(lab.http.calls.size() == 2);
  CHECK(lab.http.calls[0]->call.public_only);
  CHECK_FALSE(lab.http.calls[1]->call.public_only);
}

TEST_CASE("PAP-37 a callback that the account may not name is refused at submission") {
  PushLab lab;
  json submission{{"to", {"sip:a@ims.lab"}}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
  submission["callback"] = "https://hook.example@evil.example/herald/";
  CHECK(lab.call("POST", "/v1/pushes", submission).status == 400);
  submission["callback"] = "https://hook.example.evil.example/herald/";
  CHECK(lab.call("POST", "/v1/pushes", submission).status == 403);
  submission["callback"] = "http://127.0.0.1/herald/";
  CHECK(lab.call("POST", "/v1/pushes", submission).status == 403);
}

TEST_CASE("SM-3 a push is purged with its notifications, once they were sent") {
  Reachable lab("retention: 1h\n");
  lab.http.rule = [](const HttpCall&) { return http(500); };
  const auto id = sent_push(lab, 200, {{"callback", kHook}, {"deliver_before", "2100-01-01T00:00:00Z"}});
  lab.advance(hours(24 * 7 + 3));
  // Given up after a day; a week after its acceptance it is gone with everything of it.
  CHECK(lab.call("GET", "/v1/pushes/" + id).status == 404);
}

}  // namespace
}  // namespace herald::test
