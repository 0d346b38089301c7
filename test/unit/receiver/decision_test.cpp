#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "doubles/fake_sip_stack.h"
#include "duplicates.h"
#include "events.h"
#include "push_decision.h"
#include "registration_rules.h"

using namespace herald;
using namespace herald::receiver;
using namespace std::chrono_literals;

namespace {

SipMessage message(std::vector<SipHeaderField> headers, std::string body = "hello") {
  return test::sip_request("MESSAGE", "sip:alice@127.0.0.1:5070", std::move(headers), std::move(body));
}

PushPolicy policy() {
  PushPolicy made;
  made.apps = {"news.ua", "mms.ua"};
  return made;
}

Push read(std::vector<SipHeaderField> headers) { return read_push(message(std::move(headers)), policy(), WallTime{}); }

Verdict verdict_of(std::vector<SipHeaderField> headers, const PushPolicy& rules, std::size_t bytes = 5) {
  const auto request = message(std::move(headers));
  return decide(read_push(request, rules, WallTime{}), bytes, rules);
}

PushContent content(std::string bytes) {
  PushContent made;
  made.bytes = std::move(bytes);
  return made;
}

}  // namespace

TEST_CASE("PR-7: a push goes to the application that Accept-Contact names") {
  struct Row {
    const char* accept_contact;
    const char* app;
    bool known;
  };
  for (const auto& row : {Row{R"(*;+g.oma.pusheventapp="news.ua";require;explicit)", "news.ua", true},
                          Row{R"(*;+g.oma.pusheventapp="other.ua, mms.ua")", "mms.ua", true},
                          Row{R"(*;+g.oma.pusheventapp="<news.ua>")", "news.ua", true},
                          Row{R"(*;mobility="fixed", *;+G.OMA.PushEventApp="mms.ua")", "mms.ua", true},
                          Row{R"(*;+g.oma.pusheventapp="other.ua")", "other.ua", false}, Row{R"(*;mobility="fixed")", "", true},
                          Row{"*", "", true}}) {
    CAPTURE(std::string(row.accept_contact));
    const auto push = read({{"Accept-Contact", row.accept_contact}});
    CHECK(push.app == row.app);
    CHECK(push.known_app == row.known);
  }
}

TEST_CASE("sender, id and type of a push") {
  const auto full = read({{"P-Asserted-Identity", "\"News\" <sip:push-news@ims.lab>, <tel:+1>"},
                          {"Content-ID", "<0001@ims.lab>"},
                          {"Content-Type", "Text/HTML; charset=utf-8"}});
  CHECK(full.from == "sip:push-news@ims.lab");
  CHECK(full.id == "0001@ims.lab");
  CHECK(full.type == "text/html");
  const auto bare = read({{"From", "<sip:bob@ims.lab>;tag=1"}, {"Call-ID", "call-1"}});
  CHECK(bare.from == "sip:bob@ims.lab");
  CHECK(bare.id == "call-1");
  CHECK(bare.type == "text/plain");
}

TEST_CASE("PR-8: a push is expired when Date and Expires say so, and only then") {
  const auto at = [](const char* text) { return *parse_sip_date(text); };
  const auto expired = [&](std::vector<SipHeaderField> headers) {
    return read_push(message(std::move(headers)), policy(), at("Sat, 13 Nov 2010 23:30:00 GMT")).expired;
  };
  CHECK(expired({{"Date", "Sat, 13 Nov 2010 23:29:00 GMT"}, {"Expires", "59"}}));
  CHECK_FALSE(expired({{"Date", "Sat, 13 Nov 2010 23:29:00 GMT"}, {"Expires", "60"}}));
  CHECK_FALSE(expired({{"Expires", "0"}}));
  CHECK_FALSE(expired({{"Date", "yesterday"}, {"Expires", "0"}}));
  CHECK_FALSE(expired({{"Date", "Sat, 13 Nov 2010 23:29:00 GMT"}, {"Expires", "soon"}}));
  CHECK(at("Thu, 01 Jan 1970 00:00:01 GMT") == WallTime(1s));
}

TEST_CASE("PR-7: what a push is answered") {
  auto rules = policy();
  CHECK(verdict_of({}, rules).status == 200);
  CHECK(verdict_of({{"Accept-Contact", R"(*;+g.oma.pusheventapp="other.ua")"}}, rules).status == 488);
  rules.accept = {"text/html", "image/*"};
  CHECK(verdict_of({{"Content-Type", "text/plain"}}, rules).status == 200);
  CHECK(verdict_of({{"Content-Type", "image/png"}}, rules).status == 200);
  const auto refused = verdict_of({{"Content-Type", "application/pdf"}}, rules);
  CHECK(refused.status == 415);
  REQUIRE(refused.headers.size() == 1);
  CHECK(refused.headers[0].name == "Accept");
  CHECK(refused.headers[0].value == "text/plain, text/html, image/*");
  const auto packed = verdict_of({{"Content-Encoding", "br"}}, rules);
  CHECK(verdict_of({{"Content-Encoding", "gzip"}}, rules).status == 200);
  CHECK(packed.status == 415);
  CHECK(packed.headers.at(0).name == "Accept-Encoding");
  rules.max_bytes = 5;
  CHECK(verdict_of({}, rules, 5).status == 200);
  CHECK(verdict_of({}, rules, 6).status == 413);
}

TEST_CASE("answers are a final status, a time to wait, or nothing") {
  CHECK(Answer::parse("200")->accepts());
  CHECK(Answer::parse("202")->accepts());
  CHECK(Answer::parse("none")->status == 0);
  const auto busy = Answer::parse("486;retry-after=30");
  REQUIRE(busy);
  CHECK(busy->status == 486);
  CHECK(busy->retry_after == 30U);
  for (const auto* wrong :
       {"", "199", "700", "ok", "200;", "486;retry-after=", "486;retry-after=x", "none;retry-after=1", "486;q=1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(Answer::parse(wrong).has_value());
  }
}

TEST_CASE("PR-9: a push is known again for 24 hours, and the memory is bounded") {
  Duplicates seen(24h, 3);
  const TimePoint start{};
  CHECK_FALSE(seen.seen("a", start));
  CHECK(seen.seen("a", start + 23h));
  CHECK_FALSE(seen.seen("a", start + 24h));
  for (const auto* id : {"b", "c", "d", "e"}) CHECK_FALSE(seen.seen(id, start + 25h));
  CHECK(seen.size() == 3);
  CHECK_FALSE(seen.knows("b"));
  CHECK(seen.knows("e"));
}

TEST_CASE("a push is one line of JSON, text as text and the rest as base64") {
  Push push;
  push.app = "news.ua";
  push.type = "text/plain";
  push.from = "sip:news@\xff";
  push.id = "1";
  const auto text =
      nlohmann::json::parse(push_line(WallTime(1ms), "sip:alice@ims.lab", push, content("Goal!\n\"1:0\" \xc3\xa4"), false));
  CHECK(text["event"] == "push");
  CHECK(text["time"] == "1970-01-01T00:00:00.001Z");
  CHECK(text["mode"] == "pager");
  CHECK(text["text"] == "Goal!\n\"1:0\" \xc3\xa4");
  CHECK_FALSE(text.contains("duplicate"));
  CHECK_FALSE(text.contains("expired"));
  const auto broken = nlohmann::json::parse(push_line(WallTime{}, "u", push, content("\xff\xfe"), true));
  CHECK(broken["base64"] == "//4=");
  CHECK(broken["duplicate"] == true);
  push.type = "image/png";
  push.expired = true;
  const auto image = push_line(WallTime{}, "u", push, content("abc"), false);
  CHECK(nlohmann::json::parse(image)["base64"] == "YWJj");
  CHECK(nlohmann::json::parse(image)["expired"] == true);
  CHECK(image.find('\n') == std::string::npos);
}

TEST_CASE("PR-1: the contact names applications, instance and methods") {
  AgentOptions options;
  options.contact = "127.0.0.1:5070";
  options.policy.apps = {"news.ua", "mms.ua"};
  UserAccount alice;
  alice.identity = "sip:alice@ims.lab";
  alice.contact_user = "alice";
  const auto contact = contact_header(options, alice);
  const auto parsed = NameAddr::parse(contact);
  REQUIRE(parsed);
  CHECK(parsed->uri == "sip:alice@127.0.0.1:5070");
  CHECK(parsed->params.get("+g.oma.pusheventapp") == "\"news.ua,mms.ua\"");
  CHECK(parsed->params.get("methods") == "\"MESSAGE,OPTIONS,NOTIFY\"");
  CHECK(parsed->params.get("+sip.instance") == "\"<" + instance_urn(alice.identity) + ">\"");
  CHECK(instance_urn("a") == instance_urn("a"));
  CHECK(instance_urn("a") != instance_urn("b"));
  CHECK(instance_urn("a").size() == 45);
}

TEST_CASE("the registrar's word on the lifetime: our contact's, else the header's, else ours") {
  const auto granted = [](std::vector<SipHeaderField> headers) {
    SipMessage response;
    response.start = SipStatusLine{200, "OK"};
    for (auto& header : headers) response.headers.add(header.name, header.value);
    return granted_expires(response, "sip:alice@127.0.0.1:5070", 600s);
  };
  CHECK(granted({}) == 600s);
  CHECK(granted({{"Expires", "500"}}) == 500s);
  CHECK(granted({{"Expires", "500"}, {"Contact", "<sip:alice@127.0.0.1:9>;expires=1, <sip:alice@127.0.0.1:5070>;expires=540"}}) ==
        540s);
  CHECK(granted({{"Contact", "<sip:alice@127.0.0.1:5070>;expires=many"}}) == 600s);
}

TEST_CASE("refresh and retry times") {
  CHECK(refresh_after(3600s) == 3000s);
  CHECK(refresh_after(600s) == 300s);
  CHECK(refresh_after(1s) == 1s);
  CHECK(refresh_after(0s) == 1s);
  CHECK(retry_after_failure(1, {}) == 1s);
  CHECK(retry_after_failure(3, {}) == 4s);
  CHECK(retry_after_failure(100, {}) == 60s);
  CHECK(retry_after_failure(1, 30s) == 30s);
  CHECK(retry_after_failure(1, 48h) == 1h);
}

TEST_CASE("the command line says what is wrong") {
  const auto parse = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "herald-receiver");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  };
  const auto good = parse({"--user", "sip:alice@ims.lab", "--password", "x", "--registrar", "sip:127.0.0.1:6060", "--apps",
                           "news.ua,mms.ua", "--listen", "[::1]:5070", "--duration", "90s", "--answer", "486;retry-after=2,200"});
  REQUIRE(good.run);
  CHECK(good.run->host == "[::1]");
  CHECK(good.run->port == 5070);
  CHECK(good.run->duration == Duration(90s));
  ConfigIssues issues;
  const auto options = read_agent_options(good.run->section, issues);
  CHECK(issues.ok());
  CHECK(options->policy.apps == std::vector<std::string>{"news.ua", "mms.ua"});
  CHECK(options->users.at(0).private_identity == "alice@ims.lab");
  CHECK(options->answers.size() == 2);
  CHECK(options->registrar == "sip:127.0.0.1:6060;lr");

  CHECK(parse({"--help"}).exit_code == kEnded);
  for (const auto& wrong :
       std::vector<std::vector<const char*>>{{"--user", "sip:a@b"},
                                             {"--registrar", "sip:h"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--listen", "h"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--duration", "soon"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--subscribe", "no app"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--subscribe-to", "nowhere"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--refer", "perhaps"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--imdn", "perhaps"},
                                             {"--user", "sip:a@b", "--registrar", "sip:h", "--answer", "100"},
                                             {"--users", "/no/such/file", "--registrar", "sip:h"},
                                             {"--user", "sip:a@b", "--user", "sip:c@b", "--user", "sip:d@b", "--password", "x",
                                              "--password", "y", "--registrar", "sip:h"}}) {
    const auto parsed = parse(wrong);
    CHECK_FALSE(parsed.run.has_value());
    CHECK(parsed.exit_code == kUsage);
  }
}

TEST_CASE("a section that makes no sense is reported whole") {
  ConfigNode section;
  section.kind = ConfigNode::Kind::map;
  config_set(section, "registrar", config_scalar("nowhere"));
  config_set(section, "expires", config_scalar("-1"));
  config_set(section, "typo", config_scalar(""));
  ConfigIssues issues;
  (void)read_agent_options(section, issues);
  CHECK_FALSE(issues.ok());
  CHECK(issues.all().size() >= 3);
}
