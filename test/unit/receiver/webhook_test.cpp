// Hosted on ISC: pushes for things, kept durably and handed to their webhooks.
#include "phone.h"
#include "webhook_record.h"

using namespace herald;
using namespace herald::receiver;
using namespace herald::receiver::test_support;
using namespace std::chrono_literals;

namespace {

constexpr const char* kMeter = "sip:meter1@ims.lab";

ConfigNode things(std::vector<std::pair<std::string, ConfigNode>> webhook = {}, bool subscribe = false) {
  auto thing = config_map({{"identity", config_scalar(kMeter)},
                           {"apps", config_items({config_scalar("news.ua")})},
                           {"webhook", config_scalar("https://hooks.example/meter1")},
                           {"subscribe", config_scalar(subscribe ? "true" : "false")}});
  return config_map({{"things", config_items({std::move(thing)})}, {"webhook", config_map(std::move(webhook))}});
}

std::shared_ptr<FakeSipStack::Call> deliver(Phone& phone, const std::string& id, std::string body = "valve open") {
  return phone.receive("MESSAGE",
                       {{"Content-ID", "<" + id + ">"},
                        {"P-Asserted-Identity", "<sip:push-news@ims.lab>"},
                        {"Content-Type", "text/plain"},
                        {"Accept-Contact", "*;+g.oma.pusheventapp=\"news.ua\""}},
                       std::move(body), kMeter);
}

}  // namespace

TEST_CASE("PR-7 on ISC: a push for a thing is answered 200 and POSTed to its webhook") {
  Phone phone(things(), nullptr);
  CHECK(phone.sent("REGISTER") == 0);
  CHECK(deliver(phone, "p1")->final() == 200);
  REQUIRE(phone.web.asked.size() == 1);
  const auto& call = phone.web.asked[0]->call;
  CHECK(call.method == "POST");
  CHECK(call.url == "https://hooks.example/meter1");
  const auto json = nlohmann::json::parse(call.body);
  CHECK(json["app"] == "news.ua");
  CHECK(json["type"] == "text/plain");
  CHECK(json["from"] == "sip:push-news@ims.lab");
  CHECK(json["id"] == "p1");
  CHECK(json["user"] == kMeter);
  CHECK(json["text"] == "valve open");
  phone.web.asked[0]->answer(204);
  phone.executor.advance(1h);
  CHECK(phone.web.asked.size() == 1);
}

TEST_CASE("PR-9 on ISC: a repeated push is answered 200 and not POSTed again, for 24 hours") {
  Phone phone(things(), nullptr);
  CHECK(deliver(phone, "p1")->final() == 200);
  CHECK(deliver(phone, "p1")->final() == 200);
  REQUIRE(phone.web.asked.size() == 1);
  phone.web.asked[0]->answer(200);
  phone.executor.run_ready();
  CHECK(deliver(phone, "p1")->final() == 200);
  phone.executor.advance(23h);
  CHECK(deliver(phone, "p1")->final() == 200);
  CHECK(phone.web.asked.size() == 1);
  phone.executor.advance(2h);
  CHECK(deliver(phone, "p1")->final() == 200);
  CHECK(phone.web.asked.size() == 2);
}

TEST_CASE("webhook: tried again, later each time, until it takes the push") {
  Phone phone(things({{"first_delay", config_scalar("10s")}, {"max_delay", config_scalar("30s")}}), nullptr);
  CHECK(deliver(phone, "p1")->final() == 200);
  phone.web.asked[0]->answer(503);
  phone.executor.advance(9s);
  CHECK(phone.web.asked.size() == 1);
  phone.executor.advance(4s);  // 10 s and up to a quarter
  REQUIRE(phone.web.asked.size() == 2);
  phone.web.asked[1]->promise.set(fail(ErrorCode::unavailable, "nobody is there"));
  phone.executor.advance(19s);
  CHECK(phone.web.asked.size() == 2);
  phone.executor.advance(7s);
  REQUIRE(phone.web.asked.size() == 3);
  CHECK(phone.web.asked[2]->call.body == phone.web.asked[0]->call.body);
  phone.web.asked[2]->answer(429, "", {{"Retry-After", "25"}});
  phone.executor.advance(24s);
  CHECK(phone.web.asked.size() == 3);
  phone.executor.advance(15s);
  REQUIRE(phone.web.asked.size() == 4);
  phone.web.asked[3]->answer(200);
  phone.executor.advance(1h);
  CHECK(phone.web.asked.size() == 4);
}

TEST_CASE("webhook: given up after the attempts allowed, after its lifetime, and at once when the content is refused") {
  Phone attempts(things({{"max_attempts", config_scalar("2")}, {"first_delay", config_scalar("1s")}}), nullptr);
  CHECK(deliver(attempts, "p1")->final() == 200);
  attempts.web.asked[0]->answer(500);
  attempts.executor.advance(2s);
  REQUIRE(attempts.web.asked.size() == 2);
  attempts.web.asked[1]->answer(500);
  attempts.executor.advance(2h);
  CHECK(attempts.web.asked.size() == 2);

  Phone refused(things(), nullptr);
  CHECK(deliver(refused, "p1")->final() == 200);
  refused.web.asked[0]->answer(422);
  refused.executor.advance(2h);
  CHECK(refused.web.asked.size() == 1);
}

TEST_CASE("webhook: when to try again, as a table") {
  WebhookRules rules;
  rules.first_delay = 1s;
  rules.max_delay = 8s;
  rules.max_attempts = 10;
  rules.lifetime = 1h;
  WebhookEntry entry;
  const auto at = [&](unsigned attempts, std::optional<Duration> told = {}, double random = 0) {
    entry.attempts = attempts;
    const auto due = next_attempt(entry, rules, WallTime{}, told, random);
    return due ? std::optional(due->time_since_epoch()) : std::nullopt;
  };
  CHECK(at(1) == 1s);
  CHECK(at(2) == 2s);
  CHECK(at(4) == 8s);
  CHECK(at(9) == 8s);
  CHECK(at(9, {}, 1.0) == 10s);
  CHECK(at(1, 5s) == 5s);
  CHECK(at(1, 5min) == 8s);
  CHECK_FALSE(at(10).has_value());
  rules.lifetime = 8s;
  CHECK_FALSE(at(4).has_value());
  CHECK(verdict_of(204) == WebhookVerdict::delivered);
  CHECK(verdict_of(503) == WebhookVerdict::again);
  CHECK(verdict_of(429) == WebhookVerdict::again);
  CHECK(verdict_of(404) == WebhookVerdict::again);
  CHECK(verdict_of(302) == WebhookVerdict::again);
  CHECK(verdict_of(400) == WebhookVerdict::refused);
  CHECK(verdict_of(422) == WebhookVerdict::refused);
}

TEST_CASE("webhook: the record holds all that is needed, and nothing of the content once it is done") {
  WebhookEntry entry;
  entry.thing = kMeter;
  entry.attempts = 3;
  entry.created = WallTime(5s);
  entry.due = WallTime(9s);
  entry.item.push.id = "p1";
  entry.item.push.app = "news.ua";
  entry.item.push.type = "image/png";
  entry.item.push.from = "sip:push-news@ims.lab";
  entry.item.push.mode = "notify";
  entry.item.body = std::string("a\0b", 3);
  entry.item.report = {"m1", "sip:f@h", "sip:t@h", true, false, true};
  entry.item.reference = ExternalBody{"https://cdn.example/p", 7, "abc", WallTime(99s), "image/png", ""};
  const auto put = put_of(entry, 0);
  CHECK(put.expected == Version{0});
  const auto read = decode_webhook(Record{put.key, put.value, 4, put.due});
  REQUIRE(read);
  CHECK(read->version == 4);
  CHECK(read->attempts == 3);
  CHECK(read->created == entry.created);
  CHECK(read->due == entry.due);
  CHECK(read->item.body == entry.item.body);
  CHECK(read->item.push.mode == "notify");
  CHECK(read->item.report == entry.item.report);
  CHECK(read->item.reference == entry.item.reference);
  entry.state = WebhookEntry::State::done;
  const auto done = put_of(entry, 4);
  CHECK(done.key == put.key);
  CHECK(done.value.find("news.ua") == std::string::npos);
  CHECK(done.terms.empty());
  CHECK_FALSE(decode_webhook(Record{put.key, "garbage", 1, {}}).has_value());
}

TEST_CASE("webhook: what was answered 200 is POSTed after a restart") {
  VirtualClock clock;
  store::MemoryStore kept(memory_on(clock));
  {
    Phone before(things(), &kept);
    CHECK(deliver(before, "p1")->final() == 200);
    CHECK(before.web.asked.size() == 1);  // and no answer ever came
  }
  Phone after(things(), &kept);
  REQUIRE(after.web.asked.size() == 1);
  CHECK(nlohmann::json::parse(after.web.asked[0]->call.body)["id"] == "p1");
  after.web.asked[0]->answer(200);
  after.executor.run_ready();
  CHECK(deliver(after, "p1")->final() == 200);
  CHECK(after.web.asked.size() == 1);
}

TEST_CASE("webhook: more than may wait is refused with Retry-After, not lost") {
  Phone phone(things({{"max_waiting", config_scalar("2")}}), nullptr);
  CHECK(deliver(phone, "p1")->final() == 200);
  CHECK(deliver(phone, "p2")->final() == 200);
  const auto refused = deliver(phone, "p3");
  CHECK(refused->final() >= 480);
  CHECK(refused->last().headers.has("Retry-After"));
  phone.web.asked[0]->answer(200);
  phone.executor.run_ready();
  CHECK(deliver(phone, "p3")->final() == 200);
}

TEST_CASE("PR-2, PR-4 on ISC: the module subscribes for the thing, and a NOTIFY is answered when its push is safe") {
  Phone phone(things({}, true), nullptr);
  phone.executor.advance(10ms);
  auto& subscribe = phone.last("SUBSCRIBE");
  CHECK(subscribe.request.uri() == kMeter);
  CHECK(subscribe.request.headers.get("Event") == "oma-push;appid=news.ua");
  CHECK(subscribe.request.headers.get("P-Asserted-Identity") == "<sip:meter1@ims.lab>");
  CHECK(subscribe.request.headers.get("Route") == "<sip:127.0.0.1:6060;lr>");
  phone.reply(subscribe, 200, {{"Expires", "3600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  CHECK(phone.notify("active", {{"Content-Type", "text/plain"}, {"Content-ID", "<n1>"}}, "by notify")->final() == 200);
  REQUIRE(phone.web.asked.size() == 1);
  CHECK(nlohmann::json::parse(phone.web.asked[0]->call.body)["text"] == "by notify");
}

TEST_CASE("a thing without a webhook, and a registrar that is needed but missing, are wrong configuration") {
  const auto issues_of = [](ConfigNode section) {
    ConfigIssues issues;
    (void)read_agent_options(section, issues);
    return issues.error_count();
  };
  CHECK(issues_of(things()) == 0);
  CHECK(issues_of(config_map({{"things", config_items({config_map({{"identity", config_scalar(kMeter)}})})}})) == 1);
  CHECK(issues_of(config_map({{"users", config_items({config_map({{"identity", config_scalar("sip:a@b")}})})}})) == 1);
  CHECK(issues_of(config_map({})) == 1);
}
