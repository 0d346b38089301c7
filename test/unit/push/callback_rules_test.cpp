// Where an initiator may be called, how the call is signed and when it is repeated: PAP-37, SM-3, PAP-36.
#include "result/callback_rules.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "result/callback_message.h"
#include "result/callback_url.h"

namespace herald::push {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Initiator account(std::vector<std::string> patterns) {
  Initiator initiator;
  initiator.name = "news";
  initiator.callbacks = std::move(patterns);
  return initiator;
}

WallTime at(std::int64_t second) { return WallTime(seconds(second)); }

Expected<HttpResponse> answer(int status, std::vector<HttpField> headers = {}, std::string body = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return response;
}

TEST_CASE("PAP-37 a callback URL that two parsers could read differently is refused") {
  const char* const bad[] = {
      "",
      "hook.example/x",
      "//hook.example/x",
      "ftp://hook.example/",
      "file:///etc/passwd",
      "gopher://hook.example/",
      "javascript:alert(1)",
      "https:///x",
      "https://user@hook.example/",
      "https://hook.example@evil.example/",
      "https://hook.example:80@evil.example/",
      "https://hook.example\\@evil.example/",
      "https://hook.example\\.evil.example/",
      "https://hook.example#@evil.example/",
      "https://hook.example/x#fragment",
      "https://hook.example:0/",
      "https://hook.example:65536/",
      "https://hook.example:/",
      "https://hook.example:8o/",
      "https://hook..example/",
      "https://.hook.example/",
      "https://hook.example./",
      "https://-hook.example/",
      "https://hook.exa%6dple/",
      "https://hook.ex\xc3\xa4mple/",
      "https://2130706433/",        // 127.0.0.1 as one number
      "https://0x7f000001/",        // and in hex
      "https://0x7f.1/",            //
      "https://127.1/",             // and short
      "https://0177.0.0.1/",        // octal
      "https://127.0.0.01/",        //
      "https://[::1/",              //
      "https://[fe80::1%25eth0]/",  // a zone
      "https://hook.example/a/../b",
      "https://hook.example/a/./b",
      "https://hook.example/a/%2e%2e/b",
      "https://hook.example/a%2Fb",
      "https://hook.example/a%5cb",
      "https://hook.example/a%00b",
      "https://hook.example/a%2",
      "https://hook.example/a b",
      "https://hook.example/a\r\nHost: evil",
      "https://hook.example/\x7f",
  };
  for (const auto* text : bad) {
    CAPTURE(text);
    CHECK_FALSE(CallbackUrl::parse(text).has_value());
  }
  CHECK_FALSE(CallbackUrl::parse("https://hook.example/" + std::string(2100, 'a')).has_value());
}

TEST_CASE("PAP-37 what is called is what was parsed") {
  const std::pair<const char*, const char*> good[] = {
      {"HTTPS://Hook.Example", "https://hook.example/"},
      {"https://hook.example:443/x", "https://hook.example/x"},
      {"http://hook.example:8080/x?y=1&z=%20", "http://hook.example:8080/x?y=1&z=%20"},
      {"http://hook.example?y", "http://hook.example/?y"},
      {"https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"},
      {"http://127.0.0.1:8080/", "http://127.0.0.1:8080/"},
      {"https://4you.example/", "https://4you.example/"},
      {"https://x.7eleven/", "https://x.7eleven/"},
  };
  for (const auto& [text, canonical] : good) {
    CAPTURE(text);
    const auto url = CallbackUrl::parse(text);
    REQUIRE(url.has_value());
    CHECK(url->text() == canonical);
  }
}

TEST_CASE("PAP-37 the account's patterns decide by scheme, host, port and path, not by text") {
  struct Row {
    const char* pattern;
    const char* url;
    bool allowed;
  };
  const Row rows[] = {
      {"https://hook.example/herald/", "https://hook.example/herald/x", true},
      {"https://hook.example/herald/", "https://hook.example/herald/?x", true},
      {"https://hook.example/herald/", "https://hook.example/herald", false},
      {"https://hook.example/herald", "https://hook.example/herald", true},
      {"https://hook.example/herald", "https://hook.example/herald/x", true},
      {"https://hook.example/herald", "https://hook.example/herald?x", true},
      {"https://hook.example/herald", "https://hook.example/heraldry", false},
      {"https://hook.example/herald*", "https://hook.example/heraldry", true},
      {"https://hook.example/*", "https://hook.example/any/thing", true},
      {"https://hook.example/", "http://hook.example/", false},
      {"https://hook.example/", "https://hook.example:8443/", false},
      {"https://hook.example:8443/", "https://hook.example:8443/", true},
      {"https://hook.example", "https://hook.example.evil.example/", false},
      {"https://hook.example", "https://evil-hook.example/", false},
      {"https://hook.example", "https://sub.hook.example/", false},
      {"https://*.hook.example/", "https://sub.hook.example/", true},
      {"https://*.hook.example/", "https://a.b.hook.example/", true},
      {"https://*.hook.example/", "https://hook.example/", false},
      {"https://*.hook.example/", "https://evilhook.example/", false},
      {"https://HOOK.example/", "https://hook.EXAMPLE/", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.url);
    CHECK(permit_callback(account({row.pattern}), row.url).has_value() == row.allowed);
  }
  for (const auto* pattern :
       {"https://*/", "*", "https://hook.example*", "https://a*b.example/", "https://hook.example/?x", "hook"}) {
    CAPTURE(pattern);
    CHECK_FALSE(CallbackPattern::parse(pattern).has_value());
  }
  CHECK(permit_callback(account({}), "https://hook.example/").error().code == 2001);
  CHECK(permit_callback(account({"https://hook.example/"}), "hook").error().code == 2000);
}

TEST_CASE("PAP-37 private addresses only where a pattern names that host, or the account may") {
  CHECK_FALSE(permit_callback(account({"http://127.0.0.1:8080/"}), "http://127.0.0.1:8080/x")->public_only);
  CHECK_FALSE(permit_callback(account({"https://hook.example/"}), "https://hook.example/")->public_only);
  CHECK(permit_callback(account({"https://*.hook.example/"}), "https://intern.hook.example/")->public_only);
  auto trusted = account({"https://*.hook.example/"});
  trusted.callbacks_private = true;
  CHECK_FALSE(permit_callback(trusted, "https://intern.hook.example/")->public_only);
}

TEST_CASE("SM-3 the signature is HMAC-SHA256 over time and body") {
  // RFC 4231, test case 2.
  CHECK(hmac_hex("Jefe", "what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(callback_signature("secret", "{}", at(1700000000)) == "t=1700000000,v1=" + hmac_hex("secret", "1700000000.{}"));
  CHECK(callback_signature("secret", "{}", at(1700000000)) != callback_signature("secret", "{} ", at(1700000000)));
}

TEST_CASE("SM-3 SM-6 the notification says which push, which event and how the recipient stands") {
  PushJob job;
  job.id = "01abc";
  job.external_id = "mine \"1\"";
  job.callback_form = CallbackForm::json;
  job.trace = "0123456789abcdef0123456789abcdef";
  Delivery delivery;
  delivery.push = job.id;
  delivery.index = 3;
  delivery.address = "sip:alice@ims.lab";
  delivery.move_to(Status::delivered, 1000, "sip:200", at(100));
  auto notice = first_notice(job, delivery);
  notice.attempts = 2;
  CallbackPermit permit{*CallbackUrl::parse("https://hook.example/x"), true};
  const auto call = callback_call(job, delivery, notice, permit, Secret{"0123456789abcdef"}, at(200));
  CHECK(call.method == "POST");
  CHECK(call.url == "https://hook.example/x");
  CHECK(call.public_only);
  const auto body = json::parse(call.body);
  CHECK(body["id"] == "01abc");
  CHECK(body["external_id"] == "mine \"1\"");
  CHECK(body["event"] == "01abc-3");
  CHECK(body["attempt"] == 2);
  CHECK(body["recipient"]["address"] == "sip:alice@ims.lab");
  CHECK(body["recipient"]["status"] == "delivered");
  CHECK(body["recipient"]["code"] == 1000);
  std::map<std::string, std::string> headers;
  for (const auto& field : call.headers) headers[field.name] = field.value;
  CHECK(headers["Herald-Event-Id"] == "01abc-3");
  CHECK(headers["Content-Type"] == "application/json");
  CHECK(headers["Herald-Signature"] == callback_signature("0123456789abcdef", call.body, at(200)));
  CHECK(headers["traceparent"].substr(0, 36) == "00-0123456789abcdef0123456789abcdef-");
  CHECK(headers["traceparent"].size() == 55);
}

TEST_CASE("SM-3 a display that came after the notification began changes none of its repeats") {
  PushJob job;
  job.id = "01abc";
  Delivery delivery;
  delivery.push = job.id;
  delivery.move_to(Status::delivered, 1000, "sip:200", at(100));
  const auto notice = first_notice(job, delivery);
  delivery.move_to(Status::displayed, 1000, "imdn:displayed", at(200));
  const auto then = told(notice, delivery);
  CHECK(then.status == Status::delivered);
  CHECK(then.cause == "sip:200");
  CHECK(then.updated == at(100));
  CHECK(then.history.size() == 1);
}

TEST_CASE("SM-3 PAP-36 what an answer to a notification means") {
  using Kind = CallbackReading::Kind;
  const auto now = at(1000);
  const auto reads = [&](int status) { return read_callback_answer(CallbackForm::json, answer(status), now).kind; };
  for (const int status : {200, 201, 202, 204, 299}) CHECK(reads(status) == Kind::taken);
  for (const int status : {301, 302, 307, 400, 401, 403, 404, 409, 422, 500, 501}) CHECK(reads(status) == Kind::failed);
  for (const int status : {429, 502, 503, 504}) CHECK(reads(status) == Kind::host_down);
  CHECK(reads(410) == Kind::refused);
  for (const auto code : {ErrorCode::timeout, ErrorCode::unavailable, ErrorCode::gone, ErrorCode::corrupt}) {
    CHECK(read_callback_answer(CallbackForm::json, fail(code, ""), now).kind == Kind::host_down);
  }
  for (const auto code : {ErrorCode::forbidden, ErrorCode::invalid, ErrorCode::busy}) {
    CHECK(read_callback_answer(CallbackForm::json, fail(code, ""), now).kind == Kind::failed);
  }
}

TEST_CASE("PAP-36 a PAP answer stops the repeats with 1000 or 2000 and asks for one with a service failure") {
  using Kind = CallbackReading::Kind;
  const auto with = [](int code) {
    return read_callback_answer(CallbackForm::pap,
                                answer(200, {},
                                       "<?xml version=\"1.0\"?><!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 2.1//EN\" \"x\"><pap>"
                                       "<resultnotification-response push-id=\"1\" code=\"" +
                                           std::to_string(code) + "\"/></pap>"),
                                at(0))
        .kind;
  };
  CHECK(with(1000) == Kind::taken);
  CHECK(with(2000) == Kind::taken);
  CHECK(with(4001) == Kind::failed);
  CHECK(read_callback_answer(CallbackForm::pap, answer(500), at(0)).kind == Kind::failed);
}

TEST_CASE("SM-3 the pauses are 1, 5 and 30 minutes, then hours, 24 hours long") {
  const CallbackConfig config;
  ResultNotice notice;
  notice.created = at(0);
  auto now = at(0);
  std::vector<std::int64_t> after;
  for (;;) {
    ++notice.attempts;
    const auto next = next_attempt(notice, {}, config, now);
    if (!next) break;
    after.push_back(std::chrono::duration_cast<minutes>(*next - now).count());
    now = *next;
  }
  REQUIRE(after.size() > 20);
  CHECK(after[0] == 1);
  CHECK(after[1] == 5);
  CHECK(after[2] == 30);
  for (std::size_t i = 3; i < after.size(); ++i) CHECK(after[i] == 60);
  CHECK(now - at(0) <= hours(24));
  CHECK(now - at(0) > hours(22));
}

TEST_CASE("SM-3 Retry-After makes a pause longer, never shorter") {
  const CallbackConfig config;
  ResultNotice notice;
  notice.created = at(0);
  notice.attempts = 1;
  const auto next = [&](const char* value) {
    const auto reading = read_callback_answer(CallbackForm::json, answer(503, {{"retry-after", value}}), at(0));
    return next_attempt(notice, reading, config, at(0));
  };
  CHECK(next("7200") == at(7200));
  CHECK(next("1") == at(60));
  CHECK(next("soon") == at(60));
  CHECK(next("Thu, 01 Jan 1970 02:00:00 GMT") == at(7200));
  CHECK_FALSE(next("90000").has_value());  // beyond 24 hours: given up
}

TEST_CASE("SM-3 a host that is down gets one attempt at a time until it answers") {
  using Kind = CallbackReading::Kind;
  const CallbackConfig config;
  HostState host;
  CHECK(host.room(config, at(0)) == config.max_per_host);
  const CallbackReading down{Kind::host_down, "timeout", {}};
  host.judge(down, at(0), config, at(10));
  host.judge(down, at(0), config, at(11));  // of the same wave
  CHECK(host.failures == 1);
  CHECK(host.room(config, at(69)) == 0);
  CHECK(host.room(config, at(70)) == 1);
  host.in_flight = 1;
  CHECK(host.room(config, at(70)) == 0);
  host.in_flight = 0;
  host.judge(down, at(70), config, at(80));
  CHECK(host.failures == 2);
  CHECK(host.room(config, at(80 + 299)) == 0);
  const CallbackReading well{Kind::taken, "http:200", {}};
  host.judge(well, at(80 + 300), config, at(80 + 301));
  CHECK(host.room(config, at(80 + 301)) == config.max_per_host);
}

TEST_CASE("SM-3 three server errors in a row make a host that is down, a client error none") {
  using Kind = CallbackReading::Kind;
  const CallbackConfig config;
  HostState host;
  for (int i = 0; i < 10; ++i) host.judge({Kind::failed, "http:404", {}}, at(i), config, at(i));
  CHECK(host.failures == 0);
  for (int i = 0; i < 2; ++i) host.judge({Kind::failed, "http:500", {}}, at(i), config, at(i));
  CHECK(host.failures == 0);
  host.judge({Kind::failed, "http:500", {}}, at(3), config, at(3));
  CHECK(host.failures == 1);
}

}  // namespace
}  // namespace herald::push
