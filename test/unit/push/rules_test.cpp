// The pure rules: status table, retry classes, plan, profile, quiet hours, times, queue, hop gate.
#include <algorithm>
#include <doctest/doctest.h>
#include <map>

#include "delivery/delivery_plan.h"
#include "delivery/delivery_queue.h"
#include "delivery/hop_gate.h"
#include "delivery/outcome_rules.h"
#include "delivery/retry_policy.h"
#include "delivery/status_table.h"
#include "herald/record.h"
#include "initiator/initiator_auth.h"
#include "job/push_records.h"
#include "text/base64.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

WallTime at(std::string_view text) {
  const auto time = parse_rfc3339(text);
  REQUIRE(time.has_value());
  return *time;
}

Outcome sip(int status, std::optional<Duration> retry_after = {}) {
  Outcome outcome;
  outcome.sip = status;
  outcome.retry_after = retry_after;
  return outcome;
}

Outcome local(ResponseOrigin origin) {
  Outcome outcome;
  outcome.origin = origin;
  outcome.sip = 503;
  return outcome;
}

// status-mapping.md 5 as text, independent of the table in the code: class, final state, PAP code.
struct Expectation {
  char retry;
  Status status;
  int code;
};
Expectation expected(int sip) {
  using S = Status;
  const auto is = [sip](std::initializer_list<int> list) { return std::find(list.begin(), list.end(), sip) != list.end(); };
  if (sip < 300) return {'-', sip == 202 ? S::network_accepted : S::delivered, 1000};
  if (is({305})) return {'N', S::undeliverable, 2003};
  if (is({380})) return {'N', S::undeliverable, 3003};
  if (sip < 400) return {'F', S::undeliverable, 2003};
  if (is({402, 403, 433})) return {'N', S::rejected, 2001};
  if (is({404, 410})) return {'N', S::undeliverable, 2003};
  if (is({401, 407, 417, 422, 423})) return {'F', S::undeliverable, 3000};
  if (is({405, 420, 421})) return {'F', S::undeliverable, 2006};
  if (is({406, 413, 415, 488})) return {'F', S::undeliverable, 2005};
  if (is({416})) return {'F', S::undeliverable, 2002};
  if (is({408})) return {'U', S::timeout, 4000};
  if (is({414, 484, 485})) return {'N', S::undeliverable, 2002};
  if (is({430, 480})) return {'R', S::undeliverable, 4000};
  if (is({440})) return {'T', S::undeliverable, 3000};
  if (is({469, 489})) return {'N', S::undeliverable, 2006};
  if (is({470})) return {'C', S::rejected, 2001};
  if (is({481})) return {'F', S::undeliverable, 4000};
  if (is({486, 491})) return {'T', S::undeliverable, 4000};
  if (is({487})) return {'-', S::cancelled, 3003};
  if (is({493})) return {'N', S::undeliverable, 3006};
  if (sip < 500) return {'N', S::undeliverable, 3000};
  if (is({501})) return {'F', S::undeliverable, 2006};
  if (is({503})) return {'A', S::undeliverable, 4001};
  if (is({505})) return {'N', S::undeliverable, 3002};
  if (is({513, 580})) return {'F', S::undeliverable, 2005};
  if (is({555})) return {'N', S::undeliverable, 3000};
  if (sip < 600) return {'T', S::undeliverable, 4000};
  if (is({600})) return {'T', S::rejected, 2001};
  if (is({604})) return {'N', S::undeliverable, 2003};
  if (is({606})) return {'F', S::undeliverable, 2005};
  return {'N', S::rejected, 2001};
}

char letter(RetryClass retry) { return retry == RetryClass::none ? '-' : to_string(retry).front(); }

}  // namespace

TEST_CASE("SM-18: every SIP final 200..699 has the class, state and code of the digest") {
  for (int status = 200; status <= 699; ++status) {
    CAPTURE(status);
    const auto reading = read_outcome(sip(status));
    const auto want = expected(status);
    CHECK(letter(reading.retry) == want.retry);
    CHECK(to_string(reading.final_status) == to_string(want.status));
    CHECK(reading.code == want.code);
    CHECK(reading.cause == "sip:" + std::to_string(status));
  }
  CHECK(std::is_sorted(status_rows().begin(), status_rows().end(), [](const auto& a, const auto& b) { return a.sip < b.sip; }));
}

TEST_CASE("status-mapping.md 6: what ends without an answer") {
  struct Row {
    ResponseOrigin origin;
    char retry;
    Status status;
    int code;
    std::string_view cause;
  };
  const Row rows[] = {{ResponseOrigin::not_resolved, 'T', Status::undeliverable, 4001, "transport:dns"},
                      {ResponseOrigin::connect_failed, 'T', Status::undeliverable, 4001, "transport:refused"},
                      {ResponseOrigin::connection_lost, 'U', Status::timeout, 4000, "transport:lost"},
                      {ResponseOrigin::unreachable, 'T', Status::undeliverable, 4001, "transport:unreachable"},
                      {ResponseOrigin::tls_failed, 'N', Status::undeliverable, 4000, "transport:tls"},
                      {ResponseOrigin::timer, 'U', Status::timeout, 4000, "timer:F"},
                      {ResponseOrigin::hop_blocked, 'T', Status::undeliverable, 4001, "transport:hop-blocked"},
                      {ResponseOrigin::cancelled, 'T', Status::undeliverable, 4001, "local:shutdown"}};
  for (const auto& row : rows) {
    const auto reading = read_outcome(local(row.origin));
    CAPTURE(row.cause);
    CHECK(letter(reading.retry) == row.retry);
    CHECK(reading.final_status == row.status);
    CHECK(reading.code == row.code);
    CHECK(reading.cause == row.cause);
    CHECK(reading.nothing_sent == (row.origin == ResponseOrigin::hop_blocked));
  }
}

TEST_CASE("SM-8: Retry-After upgrades N, T and R to A, except 603; SM-12: Q.850 refines the code") {
  for (const int status : {404, 480, 486, 500, 503, 600}) CHECK(letter(read_outcome(sip(status, 30s)).retry) == 'A');
  for (const int status : {403, 408, 603, 502, 415}) {
    CHECK(letter(read_outcome(sip(status, 30s)).retry) == letter(read_outcome(sip(status)).retry));
  }
  auto outcome = sip(480);
  outcome.reason_header = "Q.850 ;cause=1 ;text=\"Unallocated\"";
  CHECK(read_outcome(outcome).code == 2003);
  CHECK(read_outcome(outcome).detail.find("Unallocated") != std::string::npos);
  outcome.reason_header = "Q.850;cause=21";
  CHECK(read_outcome(outcome).code == 2001);
  outcome.reason_header = "SIP;cause=21";
  CHECK(read_outcome(outcome).code == 4000);
  outcome.warning = std::string(100000, 'x');
  CHECK(read_outcome(outcome).detail.size() <= 200);
}

TEST_CASE("class T: 5 s doubled up to 600 s, 20 % to either side, 8 attempts, never beyond the expiry") {
  const RetryRules rules;
  const std::int64_t plain[] = {5000, 10000, 20000, 40000, 80000, 160000, 320000, 600000, 600000};
  for (unsigned n = 1; n <= 9; ++n) {
    CHECK(retry_delay(rules, n, 0.5).count() == plain[n - 1]);
    CHECK(retry_delay(rules, n, 0.0).count() == plain[n - 1] * 8 / 10);
    CHECK(retry_delay(rules, n, 0.999999).count() >= plain[n - 1] * 119 / 100);
  }
  RetryState state;
  state.now = at("2026-01-01T00:00:00Z");
  state.expires = state.now + 24h;
  state.attempts = 1;
  const auto busy = read_outcome(sip(486));
  CHECK(decide_retry(busy, state, rules) == RetryDecision{RetryDecision::Kind::at_time, state.now + 5s});
  state.attempts = 8;
  CHECK(decide_retry(busy, state, rules).kind == RetryDecision::Kind::finish);
  state.attempts = 7;
  CHECK(decide_retry(busy, state, rules).kind == RetryDecision::Kind::at_time);
  state.expires = state.now + 320s;
  CHECK(decide_retry(busy, state, rules).kind == RetryDecision::Kind::finish);
}

TEST_CASE("classes A, R, C, U and F decide as the digest says") {
  const RetryRules rules;
  RetryState state;
  state.now = at("2026-01-01T00:00:00Z");
  state.expires = state.now + 1h;
  state.attempts = 1;
  SUBCASE("A: not before Retry-After, and final now if that is too late") {
    state.retry_after = 120s;
    CHECK(decide_retry(read_outcome(sip(503, 120s)), state, rules).at == state.now + 120s);
    state.retry_after = 2h;
    CHECK(decide_retry(read_outcome(sip(503, 2h)), state, rules).kind == RetryDecision::Kind::finish);
    state.retry_after = Duration::max();
    CHECK(decide_retry(read_outcome(sip(503, Duration::max())), state, rules).kind == RetryDecision::Kind::finish);
  }
  SUBCASE("R and C wait, whatever the number of attempts") {
    state.attempts = 50;
    CHECK(decide_retry(read_outcome(sip(480)), state, rules).kind == RetryDecision::Kind::on_registration);
    CHECK(decide_retry(read_outcome(sip(470)), state, rules).kind == RetryDecision::Kind::on_consent);
  }
  SUBCASE("U: one repeat after 60 s, and none without de-duplication") {
    const auto unknown = read_outcome(local(ResponseOrigin::timer));
    CHECK(decide_retry(unknown, state, rules) == RetryDecision{RetryDecision::Kind::at_time, state.now + 60s});
    state.unknown_outcomes = 1;
    CHECK(decide_retry(unknown, state, rules).kind == RetryDecision::Kind::finish);
    state.unknown_outcomes = 0;
    auto careful = rules;
    careful.receivers_deduplicate = false;
    CHECK(decide_retry(unknown, state, careful).kind == RetryDecision::Kind::finish);
  }
  SUBCASE("F: at once with a repair, final without; 413 waits for its Retry-After") {
    const auto large = read_outcome(sip(413));
    CHECK(decide_retry(large, state, rules).kind == RetryDecision::Kind::finish);
    state.fix_available = true;
    CHECK(decide_retry(large, state, rules).kind == RetryDecision::Kind::at_once);
    state.fix_available = false;
    state.retry_after = 30s;
    CHECK(decide_retry(large, state, rules).at == state.now + 30s);
    CHECK(decide_retry(read_outcome(sip(415)), state, rules).kind == RetryDecision::Kind::finish);
  }
}

TEST_CASE("SM-1: a final state never changes, except delivered to displayed") {
  for (int from = 0; from <= static_cast<int>(Status::unknown); ++from) {
    for (int to = 0; to <= static_cast<int>(Status::unknown); ++to) {
      Delivery delivery;
      delivery.status = static_cast<Status>(from);
      const bool moved = delivery.move_to(static_cast<Status>(to), 1000, "x", WallTime{});
      const bool allowed = !is_final(static_cast<Status>(from)) ||
                           (static_cast<Status>(from) == Status::delivered && static_cast<Status>(to) == Status::displayed);
      CHECK(moved == allowed);
    }
  }
  Delivery delivery;
  for (int i = 0; i < 500; ++i) delivery.move_to(Status::retrying, 1001, "sip:486", WallTime{});
  CHECK(delivery.history.size() <= 32);
}

TEST_CASE("PS-7: a redirection is followed once and within the domain") {
  Delivery delivery;
  delivery.address = "sip:alice@ims.lab";
  auto moved = sip(302);
  moved.contacts = {"sip:alice@evil.example", "tel:+1", "sip:alice@ims.lab", "sip:alice;ext=2@IMS.LAB"};
  CHECK(followable_redirect(delivery, moved) == "sip:alice;ext=2@IMS.LAB");
  delivery.mark_tried(Fix::redirect);
  CHECK(!followable_redirect(delivery, moved));
}

TEST_CASE("records come back as they were written, fields of a newer version included") {
  PushJob job;
  job.id = "01ABCDEFGHJKMNPQRSTVWXYZ00";
  job.initiator = "news";
  job.sender = "sip:push@ims.lab";
  job.application = "news.ua";
  job.contents = {{"text/plain", std::string("a\0b", 3)}, {"image/png", ""}};
  job.priority = Priority::high;
  job.deliver_before = at("2026-11-23T20:00:00Z");
  job.expires = *job.deliver_before;
  job.recipients = 3;
  RecordWriter newer(1);
  newer.text(40, "later");
  const auto newer_bytes = newer.take();
  job.unknown_fields = RecordReader::parse(newer_bytes)->unknown(30);
  Record record;
  record.key = push_key(job.id);
  record.value = encode(job);
  const auto back = decode_push(record);
  REQUIRE(back.has_value());
  CHECK(back->contents[0].bytes == job.contents[0].bytes);
  CHECK(back->contents.size() == 2);
  CHECK(back->deliver_before == job.deliver_before);
  CHECK(back->priority == Priority::high);
  CHECK(back->unknown_fields == job.unknown_fields);
  CHECK(encode(*back) == encode(job));

  Delivery delivery;
  delivery.push = job.id;
  delivery.index = 41;
  delivery.address = "sip:alice@ims.lab";
  delivery.expires = job.expires;
  delivery.move_to(Status::retrying, 1001, "sip:486 and more", at("2026-11-23T19:00:00Z"));
  delivery.retry_at = at("2026-11-23T19:00:05Z");
  record.key = delivery_key(job.id, 41);
  record.value = encode(delivery);
  record.version = 7;
  const auto again = decode_delivery(record);
  REQUIRE(again.has_value());
  CHECK(again->index == 41);
  CHECK(again->version == 7);
  CHECK(again->history.at(0).cause == "sip:486 and more");
  CHECK(again->retry_at == delivery.retry_at);
  for (std::size_t cut = 0; cut < record.value.size(); ++cut) {  // never a crash, at worst a record with less in it
    Record damaged = record;
    damaged.value.resize(cut);
    static_cast<void>(decode_delivery(damaged));
  }
}

TEST_CASE("times: RFC 3339 in, RFC 3339 and RFC 1123 out") {
  CHECK(to_rfc3339(at("2026-11-23T21:00:00.5+01:00")) == "2026-11-23T20:00:00.500Z");
  CHECK(to_rfc1123(at("2026-11-23T20:00:00Z")) == "Mon, 23 Nov 2026 20:00:00 GMT");
  for (const auto* wrong : {"", "2026-11-23", "2026-11-23T20:00:00", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
                            "2026-11-23T20:00:00Zx", "2026-11-23T20:60:00Z", "1969-12-31T00:00:00Z", "2026-11-23T20:00:00.Z",
                            "2026-1-23T20:00:00Z", "2026-11-23T20:00:00+25:00"}) {
    CAPTURE(wrong);
    CHECK(!parse_rfc3339(wrong));
  }
  CHECK(decode_base64("R29hbCE=") == "Goal!");
  for (const auto* wrong : {"R29hbCE", "R29hbC=E", "R29h bCE=", "====", "R29hbCE=\n", "R2*hbCE="}) CHECK(!decode_base64(wrong));
}

TEST_CASE("quiet hours hold until the window ends, over midnight and over the change of summer time") {
  QuietHours nights;
  nights.days = *parse_days("1-5");
  nights.from = *parse_time_of_day("22:00:00");
  nights.to = *parse_time_of_day("06:30:00");
  nights.zone = "Europe/Helsinki";
  // Monday 2026-11-23, 23:00 in Helsinki is 21:00 UTC.
  CHECK(end_of_quiet(nights, at("2026-11-23T21:00:00Z")) == at("2026-11-24T04:30:00Z"));
  CHECK(end_of_quiet(nights, at("2026-11-24T04:29:59Z")) == at("2026-11-24T04:30:00Z"));
  CHECK(!end_of_quiet(nights, at("2026-11-24T04:30:00Z")));
  CHECK(!end_of_quiet(nights, at("2026-11-23T19:59:59Z")));
  CHECK(!end_of_quiet(nights, at("2026-11-22T21:00:00Z")));                               // Sunday night is none of them
  CHECK(end_of_quiet(nights, at("2026-11-28T03:00:00Z")) == at("2026-11-28T04:30:00Z"));  // Friday's, on Saturday morning
  nights.days = *parse_days("1-7");
  CHECK(end_of_quiet(nights, at("2026-03-28T22:00:00Z")) == at("2026-03-29T03:30:00Z"));  // spring: UTC+3 by the morning
  for (const auto* wrong : {"", "0-5", "1-8", "5-1", "1,,2", "x", "1-"}) CHECK(!parse_days(wrong));
  for (const auto* wrong : {"", "25:00", "12:60", "12:00:60", "1200", "24:01", "-1:00"}) CHECK(!parse_time_of_day(wrong));
  CHECK(!known_zone("../../etc/passwd"));
  CHECK(!known_zone("/etc/localtime"));
  CHECK(!known_zone("Mars/Olympus"));
  CHECK(known_zone("Europe/Helsinki"));
}

namespace {
std::string profile_xml(std::string_view inner, std::string_view consent = "granted") {
  return "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"1\"><consent state=\"" + std::string(consent) +
         "\" since=\"2026-05-02T09:00:00Z\"/>" + std::string(inner) + "</push-profile>";
}
}  // namespace

TEST_CASE("a push profile is read as sh-interface.md 6 says") {
  const auto profile = parse_push_profile(
      profile_xml("<application id=\"news.ua\" max-bytes=\"1300\" modes=\"pager session\" store-offline=\"false\">"
                  "<content-type>text/*</content-type></application>"
                  "<initiators default=\"block\"><rule match=\"sip:bad@push.lab\" action=\"block\"/>"
                  "<rule match=\"sip:*@push.lab\" action=\"allow\"/></initiators>"
                  "<quiet-hours days=\"1-5\" from=\"22:00:00\" to=\"06:30:00\" tz=\"Europe/Helsinki\" min-priority=\"high\"/>"
                  "<x:other xmlns:x=\"urn:x\"><x:consent state=\"denied\"/></x:other>"));
  REQUIRE(profile.has_value());
  CHECK(profile->consent == ConsentState::granted);
  REQUIRE(profile->application("NEWS.UA") != nullptr);
  CHECK(!profile->application("news.ua")->store_offline);
  CHECK(profile->allows_initiator("sip:good@push.lab"));
  CHECK(!profile->allows_initiator("sip:bad@push.lab"));
  CHECK(!profile->allows_initiator("sip:good@push.lab.evil.example"));
  CHECK(!profile->allows_initiator("sip:x@evilpush.lab"));
  CHECK(profile->quiet_hours.size() == 1);
}

TEST_CASE("a hostile or broken push profile is an Error, quickly and without growth") {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "<a>";
  for (int i = 0; i < 2000; ++i) deep += "</a>";
  std::string many;
  for (int i = 0; i < 100; ++i) many += "<application id=\"a\"/>";
  std::string nodes;
  for (int i = 0; i < 5000; ++i) nodes += "<z/>";
  const std::string rows[] = {
      "",
      "<",
      "plain text",
      "<push-profile/>",
      "<push-profile xmlns=\"urn:other\" version=\"1\"><consent state=\"granted\"/></push-profile>",
      "<push-profile xmlns=\"urn:example:push-profile:1\"><consent state=\"granted\"/></push-profile>",
      "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"0\"><consent state=\"granted\"/></push-profile>",
      "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"1\"></push-profile>",
      "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" + profile_xml(""),
      profile_xml("", "perhaps"),
      profile_xml("<consent state=\"denied\"/>"),
      profile_xml("<application/>"),
      profile_xml("<application id=\"a\" max-bytes=\"-1\"/>"),
      profile_xml("<application id=\"a\" max-bytes=\"99999999999\"/>"),
      profile_xml("<application id=\"a\" store-offline=\"maybe\"/>"),
      profile_xml("<application id=\"a\"><content-type/></application>"),
      profile_xml("<initiators default=\"perhaps\"/>"),
      profile_xml("<initiators><rule match=\"sip:a@b\"/></initiators>"),
      profile_xml("<quiet-hours days=\"9\" from=\"22:00:00\" to=\"06:00:00\"/>"),
      profile_xml("<quiet-hours from=\"22:00:00\" to=\"06:00:00\" tz=\"../../etc/passwd\"/>"),
      profile_xml(deep),
      profile_xml(many),
      profile_xml(nodes),
      profile_xml("<application id=\"" + std::string(300, 'a') + "\"/>"),
      std::string(70000, ' ') + profile_xml("")};
  for (const auto& row : rows) {
    CAPTURE(row.substr(0, 200));
    CHECK(!parse_push_profile(row).has_value());
  }
  const auto newer = parse_push_profile(
      "<push-profile xmlns=\"urn:example:push-profile:1\" version=\"2\"><consent state=\"granted\"/></push-profile>");
  CHECK(newer.error().code == ErrorCode::unsupported);
}

namespace {

struct Case {
  Case() {
    job.application = "news.ua";
    job.sender = "sip:push-news@ims.lab";
    job.contents = {{"text/plain", "Goal!"}, {"text/html;charset=utf-8", "<b>"}};
    job.expires = at("2026-11-30T00:00:00Z");
    delivery.address = "sip:alice@ims.lab";
    application.id = "news.ua";
    application.consent = ConsentDefault::open;
    reach.state = Reachability::State::registered;
    reach.scscf = "sip:scscf.ims.lab:6060";
    now = at("2026-11-23T12:00:00Z");
    rules.next_hop = "sip:127.0.0.1:6060;lr";
  }
  [[nodiscard]] Plan decide() const { return plan(PlanInput{job, delivery, application, reach, hss, now}, rules); }
  void profile(std::string_view inner, std::string_view consent = "granted") {
    auto parsed = parse_push_profile(profile_xml(inner, consent));
    REQUIRE(parsed.has_value());
    hss.profile = *parsed;
  }
  void refused(Status status, int code, std::string_view cause) const {
    const auto decision = decide();
    const auto* refusal = std::get_if<Refuse>(&decision);
    REQUIRE(refusal != nullptr);
    CHECK(to_string(refusal->status) == to_string(status));
    CHECK(refusal->code == code);
    CHECK(refusal->cause == cause);
  }
  void waits(Status status, std::string_view cause, std::optional<WallTime> until = {}) const {
    const auto decision = decide();
    const auto* wish = std::get_if<Wait>(&decision);
    REQUIRE(wish != nullptr);
    CHECK(to_string(wish->status) == to_string(status));
    CHECK(wish->cause == cause);
    if (until) CHECK(wish->until == until);
  }
  [[nodiscard]] Attempt goes() const {
    const auto decision = decide();
    REQUIRE(std::holds_alternative<Attempt>(decision));
    return std::get<Attempt>(decision);
  }
  PushJob job;
  Delivery delivery;
  ServiceApplication application;
  Reachability reach;
  HssAnswer hss;
  WallTime now;
  PlanRules rules;
};

}  // namespace

TEST_CASE("plan: every rule of sip-push.md 8 and 9 is a row") {
  Case c;
  SUBCASE("nothing against it: the S-CSCF that the registration named, loose") {
    CHECK(c.goes().route == "sip:scscf.ims.lab:6060;lr");
    CHECK(c.goes().target == "sip:alice@ims.lab");
    c.reach.scscf.clear();
    CHECK(c.goes().route == "sip:127.0.0.1:6060;lr");
  }
  SUBCASE("too late") {
    c.now = c.job.expires;
    c.refused(Status::expired, 1001, "deliver-before");
  }
  SUBCASE("too early") {
    c.job.deliver_after = c.now + 1h;
    c.waits(Status::scheduled, "deliver-after", c.now + 1h);
  }
  SUBCASE("the HSS does not know the user") {
    c.hss.state = HssAnswer::State::user_unknown;
    c.refused(Status::undeliverable, 2003, "sh:5001");
  }
  SUBCASE("the HSS fails: by policy") {
    c.hss.state = HssAnswer::State::failed;
    CHECK(c.goes().mode == Mode::pager);
    c.rules.on_hss_failure = HssFailurePolicy::hold;
    c.waits(Status::retrying, "policy:hss", c.now + 30s);
    c.rules.on_hss_failure = HssFailurePolicy::reject;
    c.refused(Status::rejected, 4001, "policy:hss");
  }
  SUBCASE("the application's default consent") {
    c.application.consent = ConsentDefault::closed;
    c.refused(Status::rejected, 2001, "policy:consent");
    c.application.consent = ConsentDefault::ask;
    c.waits(Status::waiting_consent, "policy:consent");
  }
  SUBCASE("the subscriber's word goes before the default") {
    c.profile("", "denied");
    c.refused(Status::rejected, 2001, "policy:consent");
    c.profile("", "ask");
    c.waits(Status::waiting_consent, "policy:consent");
    c.application.consent = ConsentDefault::closed;
    c.profile("", "granted");
    CHECK(c.goes().content == 0);
    c.profile("<application id=\"mms.ua\"/>");  // PA-2: granted for others only
    c.refused(Status::rejected, 2001, "policy:consent");
  }
  SUBCASE("blocked initiators") {
    c.profile("<initiators><rule match=\"sip:*@ims.lab\" action=\"block\"/></initiators>");
    c.refused(Status::rejected, 2001, "policy:initiator");
  }
  SUBCASE("quiet hours, unless urgent enough") {
    c.profile("<quiet-hours days=\"1-7\" from=\"00:00:00\" to=\"23:59:00\" min-priority=\"high\"/>");
    c.waits(Status::scheduled, "policy:quiet-hours", at("2026-11-23T23:59:00Z"));
    c.job.priority = Priority::high;
    CHECK(c.goes().content == 0);
  }
  SUBCASE("not registered: hold or fail") {
    c.reach.state = Reachability::State::unregistered;
    c.waits(Status::waiting_reachable, "registration:none");
    c.profile("<application id=\"news.ua\" store-offline=\"false\"/>");
    c.refused(Status::undeliverable, 4000, "registration:none");
    c.hss.profile.reset();
    c.application.hold_unregistered = false;
    c.refused(Status::undeliverable, 4000, "registration:none");
  }
  SUBCASE("nobody knows: trying is the way to find out") {
    c.reach.state = Reachability::State::unknown;
    CHECK(c.goes().mode == Mode::pager);
  }
  SUBCASE("registered, but no contact has the application") {
    RegisteredContact contact;
    contact.applications = {"mms.ua"};
    c.reach.contacts = {contact};
    c.reach.contacts_known = true;
    c.waits(Status::waiting_reachable, "registration:application");
    c.reach.contacts.front().applications = {"mms.ua", "News.UA"};
    CHECK(c.goes().mode == Mode::pager);
    c.reach.contacts_known = false;
    c.reach.contacts.front().applications.clear();
    CHECK(c.goes().mode == Mode::pager);
  }
  SUBCASE("types and size of the profile choose the alternative") {
    c.profile("<application id=\"news.ua\"><content-type>text/html</content-type></application>");
    CHECK(c.goes().content == 1);
    c.profile("<application id=\"news.ua\" max-bytes=\"3\"/>");
    CHECK(c.goes().content == 1);
    c.profile("<application id=\"news.ua\"><content-type>image/*</content-type></application>");
    c.refused(Status::undeliverable, 2005, "capability:content");
  }
  SUBCASE("no pager mode") {
    c.application.modes = {DeliveryMode::msrp};
    c.refused(Status::undeliverable, 2006, "capability:mode");
    c.application.modes = {DeliveryMode::pager};
    c.profile("<application id=\"news.ua\" modes=\"session\"/>");
    c.refused(Status::undeliverable, 2006, "capability:mode");
  }
}

TEST_CASE("media ranges") {
  CHECK(media_range_matches("*/*", "text/plain"));
  CHECK(media_range_matches("text/*", "text/plain;charset=utf-8"));
  CHECK(media_range_matches("Text/Plain;q=0.5", "text/plain"));
  CHECK(!media_range_matches("text/*", "textual/plain"));
  CHECK(!media_range_matches("text/plain", "text/plain2"));
  CHECK(!media_range_matches("text/pl*", "text/plain"));
}

namespace {
SlotId add(DeliveryQueue& queue, std::string target, char last, Priority priority = Priority::medium,
           WallTime expires = WallTime(std::chrono::hours(1))) {
  DeliveryQueue::Item item;
  item.push = std::string(25, '0') + last;
  item.priority = priority;
  item.expires = expires;
  const auto slot = queue.add(item, target);
  REQUIRE(slot.has_value());
  queue.make_ready(*slot);
  return *slot;
}
}  // namespace

TEST_CASE("PS-11: one delivery of a target at a time, by priority and then age; others go on beside it") {
  DeliveryQueue queue;
  const auto first = add(queue, "a", '1');
  const auto second = add(queue, "a", '2');
  const auto urgent = add(queue, "a", '3', Priority::high);
  const auto other = add(queue, "b", '4', Priority::low);
  CHECK(queue.take() == urgent);
  CHECK(queue.take() == other);
  CHECK(!queue.take());
  queue.remove(urgent);
  CHECK(queue.take() == first);
  queue.wait_until(first, WallTime(5min));
  CHECK(queue.take() == second);
  CHECK(queue.running() == 2);
  queue.remove(second);
  queue.remove(other);
  CHECK(queue.next_due() == WallTime(5min));
  CHECK(!queue.pop_due(WallTime(4min)));
  CHECK(queue.pop_due(WallTime(5min)) == first);
  queue.remove(first);
  CHECK(queue.size() == 0);
  CHECK(!queue.alive(urgent));  // generations: an old handle is nobody's
}

TEST_CASE("the queue: waiting for a registration, being woken while running, expiry behind a busy target") {
  DeliveryQueue queue;
  const auto one = add(queue, "a", '1');
  const auto two = add(queue, "a", '2', Priority::medium, WallTime(10s));
  REQUIRE(queue.take() == one);
  CHECK(queue.pop_due(WallTime(10s)) == two);  // ready, its target busy: still on time
  CHECK(queue.wake("a") == 0);
  CHECK(queue.woken(one));
  queue.wait_for_registration(one, std::nullopt);
  queue.remove(two);
  CHECK(!queue.take());
  CHECK(queue.wake("nobody") == 0);
  CHECK(queue.wake("a") == 1);
  CHECK(queue.take() == one);
  CHECK(!queue.woken(one));
  CHECK(queue.find("a", std::string(25, '0') + '1', 0) == one);
  CHECK(!queue.add({"too short", 0, Priority::low, {}}, "a"));
}

TEST_CASE("a closed hop parks its deliveries and lets one through at a time") {
  DeliveryQueue queue;
  HopGate gate;
  const WallTime now(1h);
  const auto one = add(queue, "a", '1', Priority::medium, WallTime(100h));
  const auto two = add(queue, "b", '2', Priority::medium, WallTime(100h));
  CHECK(gate.admit("hop", now));
  CHECK(gate.report("hop", true, {}, now).empty());
  CHECK(!gate.admit("hop", now));
  for (const auto& slot : {one, two}) {
    queue.park(slot);
    gate.park("hop", slot);
  }
  CHECK(gate.take_probes(now, queue).empty());
  const auto later = *gate.next_probe();
  CHECK(later == now + 1s);
  queue.remove(two);  // cancelled while parked: the other one is the probe
  const auto probes = gate.take_probes(later, queue);
  REQUIRE(probes.size() == 1);
  CHECK(probes.front() == one);
  CHECK(gate.admit("hop", later));
  CHECK(!gate.admit("hop", later));
  CHECK(gate.admit("elsewhere", later));
  CHECK(gate.report("hop", true, {}, later).empty());
  CHECK(!gate.admit("hop", later + 1s));  // the pause has doubled
  CHECK(gate.admit("hop", later + 2s));
  queue.park(one);
  gate.park("hop", one);
  CHECK(gate.report("hop", false, {}, later + 2s).size() == 1);
  CHECK(gate.closed() == 0);
}

TEST_CASE("accounts: patterns, identities and rate") {
  CHECK(matches_pattern("*", "anything"));
  CHECK(matches_pattern("mail.*", "mail.ua"));
  CHECK(!matches_pattern("mail.*", "mms.ua"));
  CHECK(matches_pattern("NEWS.ua", "news.UA"));
  struct Still final : Clock {
    TimePoint now() const noexcept override { return at_; }
    WallTime wall() const noexcept override { return {}; }
    TimePoint at_{std::chrono::hours(1)};
  } clock;
  SubmissionRates rates(clock);
  Initiator initiator;
  initiator.name = "news";
  initiator.rate.per_second = 2;
  CHECK(rates.take(initiator).has_value());
  CHECK(rates.take(initiator).has_value());
  const auto refused = rates.take(initiator);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().http == 429);
  CHECK(refused.error().retry_after == 1s);
  clock.at_ += 500ms;
  CHECK(rates.take(initiator).has_value());
  CHECK(!rates.take(initiator).has_value());
}
