// Reports as values: what is asked for, how notifications read, what each proves.
#include "report/report_rules.h"

#include <doctest/doctest.h>

#include "delivery/mode_choice.h"
#include "delivery/outcome_rules.h"
#include "push/cpim.h"
#include "report/imdn.h"
#include "report/report_request.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

using Kind = DispositionNotice::Kind;
using State = DispositionNotice::State;
using Effect = ReportEffect::Kind;

const WallTime kNow{std::chrono::milliseconds(1767225600000)};  // 2026-01-01
const std::string kPush = "01JDX0000000000000000000AB";

PushJob job_with(Report report, bool if_possible = false) {
  PushJob job;
  job.id = kPush;
  job.sender = "sip:push-news@ims.lab";
  job.application = "news.ua";
  job.contents.push_back({"text/plain", "Goal!"});
  job.report = report;
  job.report_if_possible = if_possible;
  job.expires = kNow + 24h;
  return job;
}

Delivery sent(std::string cause = "sip:202") {
  Delivery delivery;
  delivery.push = kPush;
  delivery.index = 3;
  delivery.address = "sip:alice@ims.lab";
  delivery.attempts = 1;
  delivery.move_to(Status::sending, 1001, "attempt", kNow);
  if (!cause.empty()) {
    delivery.move_to(Status::network_accepted, 1000, std::move(cause), kNow);
    delivery.evidence = Evidence::network;
    delivery.report_due = kNow + 72h;
  }
  return delivery;
}

DispositionNotice notice(Kind kind, State state) { return {report_id(kPush, 3), kind, state}; }

std::string imdn(std::string_view inner, std::string_view id = "m-1", std::string_view space = "urn:ietf:params:xml:ns:imdn") {
  return "<?xml version=\"1.0\"?><imdn xmlns=\"" + std::string(space) + "\"><message-id>" + std::string(id) + "</message-id>" +
         std::string(inner) + "</imdn>";
}
const std::string kDelivered = "<delivery-notification><status><delivered/></status></delivery-notification>";
const std::string kDisplayed = "<display-notification><status><displayed/></status></display-notification>";

Outcome answer(int status, std::string sent_type = {}, std::vector<std::string> accept = {}) {
  Outcome outcome;
  outcome.sip = status;
  outcome.sent_type = std::move(sent_type);
  outcome.accept = std::move(accept);
  return outcome;
}

NextStep after(Delivery& delivery, const PushJob& job, const Outcome& outcome) {
  return apply_outcome(delivery, job, outcome, {}, 5min, 0.5, kNow);
}

PlanInput input_of(const PushJob& job, const Delivery& delivery, const ServiceApplication& application) {
  return PlanInput{job, delivery, application, {}, {}, kNow};
}

}  // namespace

TEST_CASE("PS-51: a push that wants reports goes as message/cpim with imdn.Message-ID, DateTime and what it wants to hear") {
  PushMessage message;
  message.content_type = "text/plain;charset=utf-8";
  message.body = "Gr\xc3\xbc\xc3\x9f dich\r\n\r\nFrom: <sip:evil@x>\r\n";
  message.headers = {{"Priority", "urgent"}, {"Content-ID", "<x@ims.lab>"}, {"Expires", "60"}, {"content-language", "de"}};
  const auto before = message;
  ask_for_reports(message, report_request(job_with(Report::delivery), sent("")), kNow);
  CHECK(message.content_type == "message/cpim");
  REQUIRE(message.headers.size() == 2);  // what tells about the request stays there
  CHECK(message.headers[0].name == "Priority");
  CHECK(message.headers[1].name == "Expires");
  CHECK(message.body.find("NS: imdn <urn:ietf:params:imdn>\r\n") != std::string::npos);
  CHECK(message.body.find("imdn.Message-ID: " + kPush + ".3\r\n") != std::string::npos);
  CHECK(message.body.find("DateTime: 2026-01-01T00:00:00Z\r\n") != std::string::npos);
  CHECK(message.body.find("imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n") != std::string::npos);
  const auto read = CpimMessage::parse(message.body);  // as the receiver does
  REQUIRE(read.has_value());
  CHECK(read->report.from == "sip:push-news@ims.lab");
  CHECK(read->report.to == "sip:alice@ims.lab");
  CHECK(read->report.message_id == kPush + ".3");
  CHECK(read->report.delivered);
  CHECK(read->report.failed);
  CHECK_FALSE(read->report.displayed);
  CHECK(read->body == before.body);
  CHECK(read->content.get("Content-Type") == "text/plain;charset=utf-8");
  CHECK(read->content.get("Content-ID") == "<x@ims.lab>");
  CHECK(read->content.get("Content-Language") == "de");
  CHECK(read->content.get("Content-Length") == std::to_string(before.body.size()));

  message = before;
  ask_for_reports(message, report_request(job_with(Report::display), sent("")), kNow);
  CHECK(CpimMessage::parse(message.body)->report.displayed);
}

TEST_CASE("PS-6, PS-51: the Message-ID names the delivery, the same over all attempts, and nothing else is read as one") {
  const auto delivery = sent("");
  CHECK(report_id(delivery.push, delivery.index) == kPush + ".3");
  CHECK(parse_report_id(kPush + ".3") == ReportName{kPush, 3});
  CHECK(parse_report_id(kPush + ".99999")->index == 99999);
  for (const auto& other : {kPush, kPush + ".", kPush + ".x", kPush + ".3x", kPush + ".-1", kPush + ".99999999999", std::string(),
                            std::string("m-1"), "/" + kPush.substr(1) + ".3", kPush + "@ims.lab", kPush + "\n.3"}) {
    CAPTURE(other);
    CHECK_FALSE(parse_report_id(other).has_value());
  }
}

TEST_CASE("PS-53: no notification is asked for a notification, nor around somebody's own message/cpim") {
  auto job = job_with(Report::delivery);
  CHECK(can_ask(job, sent(""), 0, {}));
  for (const auto* type : {"message/imdn+xml", "message/cpim", "Message/CPIM;x=1"}) {
    job.contents[0].type = type;
    CHECK_FALSE(can_ask(job, sent(""), 0, {}));
    CHECK_FALSE(can_ask_by_notify(job, sent(""), 0, {"*/*"}));
  }
  CHECK_FALSE(can_ask(job_with(Report::network), sent(""), 0, {}));
  job = job_with(Report::delivery);
  job.anonymous = true;  // S-7: where should it go?
  CHECK_FALSE(can_ask(job, sent(""), 0, {}));
}

TEST_CASE("SM-7: confirmed towards a receiver without any means to confirm is refused with 3007, preferconfirmed goes without") {
  const ServiceApplication application;
  Capabilities mute;
  CapabilityFact fact;
  fact.kind = FactKind::type;
  fact.value = "message/cpim";
  fact.supported = false;
  fact.source = FactSource::failure;
  mute.facts = {fact};
  const auto verdict = [&](const PushJob& job, Mode mode, const Capabilities& known, std::vector<NotifyPath> paths = {}) {
    const auto delivery = sent("");
    auto input = input_of(job, delivery, application);
    input.capabilities = known;
    input.subscriptions = std::move(paths);
    Attempt attempt;
    attempt.mode = mode;
    attempt.report = true;
    const auto refused = plan_report(attempt, input);
    if (!refused) return attempt.report ? "asks" : "goes";
    CHECK(refused->code == 3007);
    CHECK(refused->status == Status::undeliverable);
    CHECK(refused->cause == "capability:report");
    return "3007";
  };
  const auto delivery = job_with(Report::delivery);
  const auto display = job_with(Report::display);
  CHECK(verdict(job_with(Report::network), Mode::pager, {}) == std::string("goes"));
  CHECK(verdict(delivery, Mode::pager, {}) == std::string("asks"));
  CHECK(verdict(delivery, Mode::indirection, {}) == std::string("asks"));
  CHECK(verdict(delivery, Mode::pager, mute) == std::string("3007"));
  CHECK(verdict(delivery, Mode::indirection, mute) == std::string("3007"));
  CHECK(verdict(job_with(Report::delivery, true), Mode::pager, mute) == std::string("goes"));
  CHECK(verdict(job_with(Report::display, true), Mode::msrp, mute) == std::string("goes"));
  // Sessions have reports of their own (PS-46), and a subscriber answers for itself; neither tells of a display.
  CHECK(verdict(delivery, Mode::msrp, mute) == std::string("goes"));
  CHECK(verdict(delivery, Mode::msrp, {}) == std::string("goes"));
  CHECK(verdict(display, Mode::msrp, mute) == std::string("3007"));
  CHECK(verdict(display, Mode::msrp, {}) == std::string("asks"));
  CHECK(verdict(delivery, Mode::notify, {}, {{{"text/plain"}}}) == std::string("goes"));
  CHECK(verdict(display, Mode::notify, {}, {{{"text/plain"}}}) == std::string("3007"));
  CHECK(verdict(display, Mode::notify, {}, {{{"text/plain"}}, {{"text/plain", "message/cpim"}}}) == std::string("asks"));

  // What the receiver itself listed counts; what a provisioned profile lists is about contents.
  CapabilityFact any = fact;
  any.value = "*/*";
  any.source = FactSource::options;
  mute.facts = {any};
  CHECK(verdict(delivery, Mode::pager, mute) == std::string("3007"));
  any.source = FactSource::provisioned;
  mute.facts = {any};
  CHECK(verdict(delivery, Mode::pager, mute) == std::string("asks"));
  any.source = FactSource::published;
  CapabilityFact says = any;
  says.kind = FactKind::imdn;
  says.supported = true;
  mute.facts = {any, says};
  CHECK(verdict(delivery, Mode::pager, mute) == std::string("asks"));
}

TEST_CASE("SM-7: a 415 to message/cpim repeats without where that may be, and says what the receiver cannot") {
  for (const int status : {415, 406, 488, 606}) {
    CAPTURE(status);
    auto delivery = sent("");
    delivery.mode = Mode::pager;
    const auto job = job_with(Report::delivery, true);
    const auto outcome = answer(status, "message/cpim", {"text/plain"});
    CHECK(after(delivery, job, outcome).kind == NextStep::Kind::at_once);
    CHECK(delivery.tried(Fix::no_report));
    CHECK(delivery.status == Status::retrying);
    CHECK_FALSE(can_ask(job, delivery, 0, {}));
    CHECK(capability_failure(job, delivery, outcome)->type == "message/cpim");
    // It was not the wrapper then.
    CHECK(after(delivery, job, answer(status, {}, {"image/png"})).kind == NextStep::Kind::done);
    CHECK(delivery.status == Status::undeliverable);
  }
  // One that lists the wrapper minds what was inside.
  auto delivery = sent("");
  delivery.mode = Mode::pager;
  const auto outcome = answer(415, "message/cpim", {"message/cpim", "image/png"});
  CHECK(capability_failure(job_with(Report::delivery), delivery, outcome)->type == "text/plain");
  after(delivery, job_with(Report::delivery), outcome);
  CHECK_FALSE(delivery.tried(Fix::no_report));
}

TEST_CASE("PS-50: without a stronger wish 200 and 202 end the push, with evidence network") {
  for (const auto report : {Report::none, Report::network}) {
    for (const int status : {200, 202, 204, 299}) {
      auto delivery = sent("");
      CHECK(after(delivery, job_with(report), answer(status)).kind == NextStep::Kind::done);
      CHECK(delivery.status == Status::delivered);
      CHECK(delivery.code == 1000);
      CHECK(delivery.evidence == Evidence::network);
    }
  }
  // 4xx and 5xx: not delivered; 6xx: reached and refused (SM-11).
  auto refused = sent("");
  after(refused, job_with(Report::network), answer(404));
  CHECK(refused.status == Status::undeliverable);
  CHECK(refused.evidence == Evidence::none);
  auto declined = sent("");
  after(declined, job_with(Report::network), answer(603));
  CHECK(declined.status == Status::rejected);
}

TEST_CASE("status-mapping.md 3: what a 2xx proves for each level that was asked for") {
  struct Row {
    Report report;
    bool if_possible;
    bool asked;
    int sip;
    Status status;
  };
  const Row rows[] = {
      {Report::delivery, false, true, 200, Status::network_accepted},  // 200 while a stronger report was asked for
      {Report::delivery, false, true, 202, Status::network_accepted},
      {Report::delivery, true, true, 202, Status::network_accepted},
      {Report::display, false, true, 200, Status::network_accepted},
      {Report::delivery, false, false, 200, Status::delivered},  // a NOTIFY: direct from the user agent
      {Report::delivery, true, false, 200, Status::delivered},   // preferconfirmed without IMDN: like unconfirmed
      {Report::delivery, true, false, 202, Status::delivered},
      {Report::delivery, false, false, 202, Status::network_accepted},  // a relay's word is not enough for confirmed
  };
  for (const auto& row : rows) {
    CAPTURE(row.sip);
    CAPTURE(row.asked);
    auto delivery = sent("");
    after(delivery, job_with(row.report, row.if_possible), answer(row.sip, row.asked ? "message/cpim" : ""));
    CHECK(to_string(delivery.status) == to_string(row.status));
    CHECK(delivery.evidence == Evidence::network);
    CHECK(delivery.cause == "sip:" + std::to_string(row.sip));
  }
}

TEST_CASE("SM-16, SM-17, PS-55: what a session proves: reports of all bytes, every byte acknowledged, or a relay's word") {
  const auto end = [](Report report, bool reported, bool relay, std::string wrapped = {}) {
    Outcome outcome;
    outcome.sip = 200;
    outcome.sent_type = std::move(wrapped);
    outcome.session = SessionOutcome{};
    outcome.session->reported = reported;
    outcome.session->through_relay = relay;
    auto delivery = sent("");
    delivery.mode = Mode::msrp;
    after(delivery, job_with(report), outcome);
    return std::pair(delivery.status, delivery.evidence);
  };
  CHECK(end(Report::delivery, true, false) == std::pair(Status::delivered, Evidence::receiver));
  CHECK(end(Report::delivery, true, true) == std::pair(Status::delivered, Evidence::receiver));
  CHECK(end(Report::delivery, false, false) == std::pair(Status::delivered, Evidence::hop));
  CHECK(end(Report::delivery, false, true) == std::pair(Status::network_accepted, Evidence::network));
  CHECK(end(Report::network, false, true) == std::pair(Status::delivered, Evidence::network));
  // With message/cpim inside a display may still be told; delivery needs no second proof.
  CHECK(end(Report::display, true, false, "message/cpim") == std::pair(Status::network_accepted, Evidence::receiver));
  CHECK(end(Report::delivery, true, false, "message/cpim") == std::pair(Status::delivered, Evidence::receiver));
  CHECK(end(Report::delivery, false, false, "message/cpim") == std::pair(Status::network_accepted, Evidence::hop));
}

TEST_CASE("PS-52: notifications are read plain, in CPIM, several in a multipart, one CPIM in another") {
  const auto one = read_dispositions("message/imdn+xml", imdn(kDelivered));
  REQUIRE(one.has_value());
  REQUIRE(one->size() == 1);
  CHECK(one->front() == DispositionNotice{"m-1", Kind::delivery, State::delivered});
  const auto cpim = "From: <sip:alice@ims.lab>\r\nTo: <sip:push@ims.lab>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n" +
                    imdn(kDisplayed, "m-2");
  CHECK(read_dispositions("message/cpim", cpim)->front() == DispositionNotice{"m-2", Kind::display, State::displayed});
  const auto nested = "From: <sip:list@ims.lab>\r\n\r\nContent-Type: message/cpim\r\n\r\n" + cpim;
  CHECK(read_dispositions("message/cpim", nested)->size() == 1);
  std::string parts;
  for (int i = 0; i < 3; ++i) {
    parts += "--b\r\nContent-Type: message/imdn+xml\r\n\r\n" + imdn(kDelivered, "m-" + std::to_string(i)) + "\r\n";
  }
  parts += "--b\r\nContent-Type: text/plain\r\n\r\nAll got it.\r\n--b--\r\n";
  const auto many = read_dispositions("message/cpim",
                                      "From: <sip:list@ims.lab>\r\n\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" + parts);
  REQUIRE(many.has_value());
  REQUIRE(many->size() == 3);
  CHECK((*many)[2].message_id == "m-2");
  // RFC 5438 11.1.10: the elements beside it, prefixes, white space.
  const auto full = read_dispositions(
      "message/imdn+xml",
      "<i:imdn xmlns:i=\"urn:ietf:params:xml:ns:imdn\">\n <i:message-id> 34jk "
      "</i:message-id><i:datetime>2008-04-04T12:16:49-05:00"
      "</i:datetime><i:recipient-uri>im:bob@x</i:recipient-uri><i:subject>s</i:subject><i:processing-notification><i:status>"
      "<i:stored/></i:status></i:processing-notification></i:imdn>");
  REQUIRE(full.has_value());
  CHECK(full->front() == DispositionNotice{"34jk", Kind::processing, State::stored});
  CHECK(read_dispositions("message/imdn+xml", imdn(kDelivered, "m", ""))->size() == 1);  // without a namespace
}

TEST_CASE("PS-52: what is no notification, or more than one may be, is refused and never followed") {
  const auto refused = [](const std::string& type, const std::string& body) {
    return !read_dispositions(type, body).has_value();
  };
  CHECK(refused("text/plain", "hello"));
  CHECK(refused("", ""));
  CHECK(refused("message/imdn+xml", ""));
  CHECK(refused("message/imdn+xml", "<imdn/>"));
  CHECK(refused("message/imdn+xml", imdn("")));
  CHECK(refused("message/imdn+xml", imdn(kDelivered, "")));
  CHECK(refused("message/imdn+xml", imdn(kDelivered, std::string(300, 'x'))));
  CHECK(refused("message/imdn+xml", imdn(kDelivered, "m", "urn:other")));
  CHECK(refused("message/imdn+xml", imdn("<delivery-notification><status><displayed/></status></delivery-notification>")));
  CHECK(refused("message/imdn+xml", imdn("<delivery-notification><status><stolen/></status></delivery-notification>")));
  CHECK(refused("message/imdn+xml", imdn("<delivery-notification><delivered/></delivery-notification>")));
  CHECK(refused("message/imdn+xml", "<!DOCTYPE imdn [<!ENTITY a \"b\">]>" + imdn(kDelivered)));
  CHECK(refused("message/cpim", "no header"));
  CHECK(refused("message/cpim", "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nmessage/imdn+xml"));
  CHECK(refused("message/imdn+xml", imdn(kDelivered + std::string(20000, ' '))));
  CHECK(refused("multipart/mixed;boundary=b", std::string(70000, 'x')));
  std::string deep = imdn(kDelivered);
  std::string type = "message/imdn+xml";
  for (int depth = 0; depth < 6; ++depth) {
    deep = "From: <sip:a@b>\r\n\r\nContent-Type: " + type + "\r\n\r\n" + deep;
    type = "message/cpim";
  }
  CHECK(refused(type, deep));
  std::string wide;
  for (int i = 0; i < 31; ++i) {
    std::string inner;
    for (int k = 0; k < 4; ++k) inner += "--c\r\nContent-Type: message/imdn+xml\r\n\r\n" + imdn(kDelivered) + "\r\n";
    wide += "--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n" + inner + "--c--\r\n";
  }
  CHECK(refused("multipart/mixed;boundary=b", wide + "--b--\r\n"));

  CHECK(carries_disposition("message/imdn+xml", ""));
  CHECK(carries_disposition("message/cpim", "From: <sip:a@b>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n"));
  CHECK_FALSE(carries_disposition("message/cpim", "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nhi"));
  CHECK_FALSE(carries_disposition("text/plain", "message/imdn+xml"));
}

TEST_CASE("SM-13: bad news after proven delivery is kept as a detail and never applied") {
  auto delivery = sent();
  const auto job = job_with(Report::delivery);
  CHECK(apply_report(delivery, job, notice(Kind::delivery, State::delivered), kNow).kind == Effect::applied);
  CHECK(delivery.status == Status::delivered);
  CHECK(delivery.evidence == Evidence::receiver);
  auto effect = apply_report(delivery, job, notice(Kind::delivery, State::failed), kNow + 1s);
  CHECK(effect.kind == Effect::contradicting);
  CHECK(effect.changed);
  CHECK(delivery.status == Status::delivered);
  CHECK(delivery.late_report == "imdn:failed 2026-01-01T00:00:01.000Z");
  effect = apply_report(delivery, job, notice(Kind::delivery, State::failed), kNow + 2s);
  CHECK(effect.kind == Effect::repeated);
  CHECK_FALSE(effect.changed);
  // Also while a display is awaited.
  auto waiting = sent();
  apply_report(waiting, job_with(Report::display), notice(Kind::delivery, State::delivered), kNow);
  CHECK(apply_report(waiting, job_with(Report::display), notice(Kind::delivery, State::failed), kNow).kind ==
        Effect::contradicting);
  CHECK(waiting.status == Status::network_accepted);
}

TEST_CASE("SM-14: good news after expired, timeout or any other end changes no state and is kept as late report") {
  for (const auto end :
       {Status::expired, Status::timeout, Status::undeliverable, Status::rejected, Status::aborted, Status::cancelled}) {
    for (const auto& news : {notice(Kind::delivery, State::delivered), notice(Kind::display, State::displayed)}) {
      auto delivery = sent("");
      delivery.move_to(end, 4000, "timer:F", kNow);
      const auto history = delivery.history.size();
      const auto effect = apply_report(delivery, job_with(Report::delivery), news, kNow);
      CHECK(effect.kind == Effect::late);
      CHECK(effect.changed);
      CHECK(delivery.status == end);
      CHECK(delivery.code == 4000);
      CHECK(delivery.late_report.starts_with(cause_of(news)));
      CHECK(delivery.history.size() == history);
      CHECK_FALSE(apply_report(delivery, job_with(Report::delivery), news, kNow).changed);
    }
    auto delivery = sent("");
    delivery.move_to(end, 4000, "timer:F", kNow);
    CHECK_FALSE(apply_report(delivery, job_with(Report::delivery), notice(Kind::delivery, State::failed), kNow).changed);
  }
}

TEST_CASE("SM-1: delivered becomes displayed, in whatever order the notifications come, and nothing else") {
  const auto job = job_with(Report::delivery);
  auto delivery = sent();
  apply_report(delivery, job, notice(Kind::delivery, State::delivered), kNow);
  CHECK(apply_report(delivery, job, notice(Kind::display, State::displayed), kNow).kind == Effect::applied);
  CHECK(delivery.status == Status::displayed);
  CHECK(delivery.code == 1000);
  for (const auto& later :
       {notice(Kind::delivery, State::delivered), notice(Kind::display, State::displayed), notice(Kind::delivery, State::failed),
        notice(Kind::delivery, State::forbidden), notice(Kind::processing, State::stored)}) {
    apply_report(delivery, job, later, kNow);
    CHECK(delivery.status == Status::displayed);
  }
  auto reverse = sent();
  apply_report(reverse, job, notice(Kind::display, State::displayed), kNow);
  CHECK(reverse.status == Status::displayed);
  CHECK_FALSE(apply_report(reverse, job, notice(Kind::delivery, State::delivered), kNow).changed);
  CHECK(reverse.status == Status::displayed);
}

TEST_CASE(
    "status-mapping.md 3: a push that asks for display waits for it after its delivery is reported, and ends by what it got") {
  const auto job = job_with(Report::display);
  auto delivery = sent();
  CHECK(apply_report(delivery, job, notice(Kind::delivery, State::delivered), kNow).kind == Effect::applied);
  CHECK(delivery.status == Status::network_accepted);
  CHECK(delivery.evidence == Evidence::receiver);
  CHECK(delivery.cause == "imdn:delivered");
  CHECK_FALSE(apply_report(delivery, job, notice(Kind::delivery, State::delivered), kNow).changed);
  auto ignored = delivery;
  CHECK(end_without_report(ignored, job, kNow));
  CHECK(ignored.status == Status::delivered);
  CHECK(ignored.evidence == Evidence::receiver);
  CHECK(ignored.cause == "timer:report");
  apply_report(delivery, job, notice(Kind::display, State::displayed), kNow);
  CHECK(delivery.status == Status::displayed);
}

TEST_CASE("a report while the push waits for another try ends it; bad news then is about an attempt of the past") {
  for (const auto waiting : {Status::retrying, Status::waiting_reachable, Status::waiting_consent}) {
    auto delivery = sent("");
    delivery.move_to(waiting, 1001, "timer:F", kNow);
    delivery.retry_at = kNow + 60s;
    CHECK(apply_report(delivery, job_with(Report::delivery), notice(Kind::delivery, State::failed), kNow).kind ==
          Effect::too_early);
    CHECK(delivery.status == waiting);
    auto stored = delivery;
    CHECK(apply_report(stored, job_with(Report::delivery), notice(Kind::processing, State::stored), kNow).changed);
    CHECK(stored.status == Status::network_accepted);
    CHECK_FALSE(stored.retry_at.has_value());
    CHECK(apply_report(delivery, job_with(Report::delivery), notice(Kind::delivery, State::delivered), kNow).changed);
    CHECK(delivery.status == Status::delivered);
  }
}

TEST_CASE("SM-15: a report of what was never sent, or never asked for, proves nothing") {
  auto fresh = sent("");
  fresh.attempts = 0;
  fresh.status = Status::waiting_reachable;
  CHECK(apply_report(fresh, job_with(Report::delivery), notice(Kind::delivery, State::delivered), kNow).kind ==
        Effect::unexpected);
  CHECK(fresh.status == Status::waiting_reachable);
  auto unasked = sent("");
  CHECK(apply_report(unasked, job_with(Report::network), notice(Kind::delivery, State::delivered), kNow).kind ==
        Effect::unexpected);
  CHECK(unasked.status == Status::sending);
}

TEST_CASE("PS-54: without a report the push ends by the best that was proven") {
  struct Row {
    const char* cause;
    Evidence evidence;
    bool if_possible;
    Status status;
    int code;
  };
  const Row rows[] = {{"sip:200", Evidence::network, false, Status::delivered, 1000},
                      {"sip:200", Evidence::network, true, Status::delivered, 1000},
                      {"sip:202", Evidence::network, true, Status::delivered, 1000},
                      {"sip:202", Evidence::network, false, Status::timeout, 4000},
                      {"msrp:200", Evidence::hop, false, Status::delivered, 1000},
                      {"msrp:200", Evidence::network, false, Status::timeout, 4000},
                      {"sip:202", Evidence::receiver, false, Status::delivered, 1000}};
  for (const auto& row : rows) {
    CAPTURE(row.cause);
    auto delivery = sent(row.cause);
    delivery.evidence = row.evidence;
    CHECK(end_without_report(delivery, job_with(Report::delivery, row.if_possible), kNow));
    CHECK(to_string(delivery.status) == to_string(row.status));
    CHECK(delivery.code == row.code);
    CHECK(delivery.evidence == row.evidence);  // what is proven stays said
    CHECK(delivery.cause == "timer:report");
    CHECK_FALSE(end_without_report(delivery, job_with(Report::delivery), kNow));
  }
  // A relay that told of itself is one.
  auto stored = sent("sip:200");
  apply_report(stored, job_with(Report::delivery), notice(Kind::processing, State::stored), kNow);
  end_without_report(stored, job_with(Report::delivery), kNow);
  CHECK(stored.status == Status::timeout);

  PushConfig config;
  config.report_timeout = 72h;
  config.retention = 24h;
  auto job = job_with(Report::delivery);
  job.expires = kNow + 1h;  // deliver-before does not end the wait, the end of the record does
  CHECK(report_due(job, config, kNow) == kNow + 25h);
  config.retention = 168h;
  CHECK(report_due(job, config, kNow) == kNow + 72h);
}
