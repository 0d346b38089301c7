// SM-18: every row of status-mapping.md 5 to 9, as text of the digest, against what the code does with it.
#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <sstream>

#include "delivery/outcome_rules.h"
#include "delivery/status_table.h"
#include "herald/metrics.h"
#include "pap_client.h"
#include "push_lab.h"
#include "report/imdn.h"
#include "report/report_request.h"
#include "report/report_rules.h"
#include "subscriber_device.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::push;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{std::chrono::milliseconds(1767225600000)};
const char* const kAlice = "sip:alice@ims.lab";

// "codes class final-status PAP-code [alarm]"; "xN": every code of that class that no line names.
constexpr std::string_view kSection5 = R"(
200,204 - delivered 1000
202 - network_accepted 1000
x2 - delivered 1000
300,301,302 F undeliverable 2003
305 N undeliverable 2003
380 N undeliverable 3003
x3 F undeliverable 2003
400 N undeliverable 3000 alarm
401,407 F undeliverable 3000
402,403 N rejected 2001
404 N undeliverable 2003
405 F undeliverable 2006
406 F undeliverable 2005
408 U timeout 4000
410 N undeliverable 2003
412 N undeliverable 3000
413 F undeliverable 2005
414 N undeliverable 2002
415 F undeliverable 2005
416 F undeliverable 2002
417 F undeliverable 3000
420,421 F undeliverable 2006
422,423 F undeliverable 3000
424,425 N undeliverable 3000
428,436,437,438 N undeliverable 3000 alarm
429 N undeliverable 3000
430 R undeliverable 4000
433 N rejected 2001
439 N undeliverable 3000
440 T undeliverable 3000
469,489 N undeliverable 2006
470 C rejected 2001
480 R undeliverable 4000
481 F undeliverable 4000
482,483 N undeliverable 3000 alarm
484,485 N undeliverable 2002
486 T undeliverable 4000
487 - cancelled 3003
488 F undeliverable 2005
491 T undeliverable 4000
493 N undeliverable 3006
494 N undeliverable 3000 alarm
x4 N undeliverable 3000 alarm
500 T undeliverable 4000
501 F undeliverable 2006
502 T undeliverable 4000
503 A undeliverable 4001
504 T undeliverable 4000
505 N undeliverable 3002 alarm
513 F undeliverable 2005
555 N undeliverable 3000
580 F undeliverable 2005
x5 T undeliverable 4000
600 T rejected 2001
603 N rejected 2001
604 N undeliverable 2003
606 F undeliverable 2005
607,608 N rejected 2001
x6 N rejected 2001
)";

struct Line {
  std::string codes, retry, status;
  int pap = 0;
  bool alarm = false;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> all;
  std::istringstream in{std::string(text)};
  for (std::string row; std::getline(in, row);) {
    Line line;
    std::istringstream words(row);
    std::string more;
    if (!(words >> line.codes >> line.retry >> line.status >> line.pap)) continue;
    line.alarm = static_cast<bool>(words >> more);
    all.push_back(std::move(line));
  }
  return all;
}

const Line* line_for(const std::vector<Line>& lines, int sip) {
  const auto code = std::to_string(sip);
  const auto other = "x" + code.substr(0, 1);
  const Line* rest = nullptr;
  for (const auto& line : lines) {
    if (("," + line.codes + ",").find("," + code + ",") != std::string::npos) return &line;
    if (line.codes == other) rest = &line;
  }
  return rest;
}

std::string letter(RetryClass retry) { return retry == RetryClass::none ? "-" : std::string(to_string(retry)); }

void check(const Reading& reading, std::string_view retry, Status status, int pap) {
  CHECK(letter(reading.retry) == retry);
  CHECK(to_string(reading.final_status) == to_string(status));
  CHECK(reading.code == pap);
  CHECK_FALSE(reading.cause.empty());
}

Delivery accepted_by_relay() {
  Delivery delivery;
  delivery.push = "01JDX0000000000000000000AB";
  delivery.address = kAlice;
  delivery.attempts = 1;
  delivery.evidence = Evidence::network;
  delivery.move_to(Status::network_accepted, 1000, "sip:202", kNow);
  return delivery;
}

// Section 9: a story for each row.
struct Story {
  const char* event;
  std::function<void(PushLab&)> play;
};

void expect(const json& delivery, const char* status, int code, const char* cause = nullptr) {
  CHECK(delivery["status"] == status);
  CHECK(delivery["code"] == code);
  if (cause != nullptr) CHECK(delivery["cause"] == cause);
}

const std::vector<Story>& stories() {
  static const std::vector<Story> all{
      {"consent denied or closed",
       [](PushLab& lab) {
         expect(lab.delivery(lab.push(kAlice, {{"app", "shut.ua"}})), "rejected", 2001, "policy:consent");
       }},
      {"deliver-before already past at submission",
       [](PushLab& lab) {
         const auto id = lab.push(kAlice, {{"deliver_before", to_rfc3339(lab.clock.wall() - 1s)}});
         expect(lab.delivery(id), "expired", 1001);
       }},
      {"deliver-before passes while waiting",
       [](PushLab& lab) {
         const auto id = lab.push(kAlice, {{"deliver_before", to_rfc3339(lab.clock.wall() + 1min)}});
         lab.advance(2min);
         expect(lab.delivery(id), "expired", 1001, "deliver-before");
       }},
      {"deliver-before passes while a request is out: it is allowed to end",
       [](PushLab& lab) {
         lab.registered(kAlice);
         const auto id = lab.push(kAlice, {{"deliver_before", to_rfc3339(lab.clock.wall() + 2s)}});
         lab.advance(3s);
         lab.answer(lab.last(), 200);
         expect(lab.delivery(id), "delivered", 1000, "sip:200");
       }},
      {"cancelled, no transaction running",
       [](PushLab& lab) {
         const auto id = lab.push();
         CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 200);
         expect(lab.delivery(id), "cancelled", 1000, "initiator");
       }},
      {"cancel while sending: the result of the attempt stands",
       [](PushLab& lab) {
         lab.registered(kAlice);
         const auto id = lab.push();
         CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 409);
         lab.answer(lab.last(), 200);
         expect(lab.delivery(id), "delivered", 1000, "sip:200");
       }},
      {"cancel while sending: not repeated",
       [](PushLab& lab) {
         lab.registered(kAlice);
         const auto id = lab.push();
         lab.call("DELETE", "/v1/pushes/" + id);
         lab.answer(lab.last(), 500);
         expect(lab.delivery(id), "cancelled", 1000);
       }},
      {"replaced: the old one is cancelled",
       [](PushLab& lab) {
         const auto old = lab.push();
         lab.push(kAlice, {{"replace", {{"id", old}}}});
         CHECK(lab.status(old) == "cancelled");
       }},
      {"capability mismatch before sending",
       [](PushLab& lab) {
         lab.registered(kAlice);
         const json image{{"content", {{"type", "image/webp"}, {"base64", "AAAA"}}}};
         lab.push(kAlice, image);
         lab.advance(3s);  // what it takes is asked first (8.6)
         REQUIRE(lab.messages().size() == 1);
         lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
         const auto id = lab.push(kAlice, image);
         lab.advance(3s);
         expect(lab.delivery(id), "undeliverable", 2005);
         CHECK(lab.messages().size() == 1);
       }},
      // What Herald does to a content cannot fail: gzip that does not help is left out, the wrappings (message/cpim, OMA push
      // message, reference) take any bytes, and alternatives are the initiator's own. So only a receiver can say that a content
      // could not be transformed: one that does not decipher it (5: 493).
      {"transformation failed",
       [](PushLab& lab) {
         lab.registered(kAlice);
         const auto id = lab.push(kAlice, {{"content", {{"type", "application/pkcs7-mime"}, {"base64", "AAAA"}}}});
         lab.advance(3s);
         lab.answer(lab.last(), 493);
         expect(lab.delivery(id), "undeliverable", 3006, "sip:493");
       }},
      {"transformation that does not help: identity instead, no failure",
       [](PushLab& lab) {
         lab.registered(kAlice);
         lab.push(kAlice, {{"content", {{"type", "image/png"}, {"text", "p"}}}});
         lab.answer(lab.messages("OPTIONS").at(0), 200, {{"Accept", "text/plain, image/png"}, {"Accept-Encoding", "gzip"}});
         CHECK_FALSE(lab.last()->request.headers.has("Content-Encoding"));
         lab.answer(lab.last(), 200);
       }},
      // Only PAP has words for it; REST knows no such member, and says so.
      {"the initiator demands a network or bearer that is not SIP: refused at submission",
       [](PushLab& lab) {
         PapClient pap(lab);
         const auto submit = [&pap](std::string network, bool needs_network, std::string bearer, bool needs_bearer) {
           pap::Push wanted;
           wanted.push_id = "demand-" + network + bearer;
           wanted.addresses = {"sip:alice@ims.lab"};
           wanted.quality =
               pap::Quality{Priority::low, pap::DeliveryMethod::unconfirmed, std::move(network), needs_network, std::move(bearer),
                            needs_bearer};
           return pap.push(std::move(wanted)).code;
         };
         CHECK(submit("gsm", true, "", false) == 3009);
         CHECK(submit("", false, "sms", true) == 3010);
         CHECK(lab.memory.records() == 0);
         CHECK(submit("gsm", false, "sms", false) == 1001);  // only wished for
         const auto rest = lab.call(
             "POST", "/v1/pushes",
             json{{"to", {kAlice}}, {"app", "news.ua"}, {"bearer", "sms"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}});
         CHECK(rest.status == 400);
         CHECK(rest.body["code"] == 2000);
       }},
      {"NOTIFY 200",
       [](PushLab& lab) {
         SubscriberDevice device(lab);
         device.begin();
         lab.advance(1s);
         const auto id = lab.push();
         device.answer();
         expect(lab.delivery(id), "delivered", 1000, "sip:200");
       }},
      {"a subscription ends with items queued",
       [](PushLab& lab) {
         SubscriberDevice device(lab);
         device.begin();
         lab.advance(1s);
         const auto id = lab.push();
         device.answer(481);
         CHECK(lab.status(id) == "waiting_reachable");
       }},
      {"push-id unknown in a status query",
       [](PushLab& lab) {
         const auto answer = lab.call("GET", "/v1/pushes/01JDX0000000000000000000AB");
         CHECK(answer.status == 404);
         CHECK(answer.body["code"] == 2004);
       }},
  };
  return all;
}

}  // namespace

TEST_CASE("SM-18, F-10: every row of status-mapping.md 5 to 9 is mapped as it says, and every final response 200 to 699") {
  SUBCASE("5: SIP final responses") {
    const auto lines = lines_of(kSection5);
    REQUIRE(lines.size() > 50);
    for (int sip = 200; sip <= 699; ++sip) {
      CAPTURE(sip);
      const auto* line = line_for(lines, sip);
      REQUIRE(line != nullptr);
      Outcome outcome;
      outcome.sip = sip;
      const auto reading = read_outcome(outcome);
      const auto status = parse_status(line->status);
      REQUIRE(status.has_value());
      check(reading, line->retry, *status, line->pap);
      CHECK(reading.alarm == line->alarm);
      CHECK(reading.cause == "sip:" + std::to_string(sip));
      // Whatever happens, an exhausted push ends in a state that is final.
      Delivery delivery;
      delivery.attempts = 8;
      delivery.move_to(Status::sending, 1001, "attempt", kNow);
      PushJob job;
      job.contents.push_back({"text/plain", "x"});
      job.expires = kNow + 1h;
      const auto step = apply_outcome(delivery, job, outcome, {}, 5min, 0.5, kNow);
      if (step.kind == NextStep::Kind::done) CHECK(delivery.final());
    }
  }
  SUBCASE("6: no SIP response") {
    struct Row {
      ResponseOrigin origin;
      const char* retry;
      Status status;
      int pap;
      bool alarm;
    };
    for (const auto& row : {Row{ResponseOrigin::not_resolved, "T", Status::undeliverable, 4001, false},
                            Row{ResponseOrigin::connect_failed, "T", Status::undeliverable, 4001, false},
                            Row{ResponseOrigin::connection_lost, "U", Status::timeout, 4000, false},
                            Row{ResponseOrigin::unreachable, "T", Status::undeliverable, 4001, false},
                            Row{ResponseOrigin::tls_failed, "N", Status::undeliverable, 4000, true},
                            Row{ResponseOrigin::timer, "U", Status::timeout, 4000, false},  // Timer F
                            Row{ResponseOrigin::hop_blocked, "T", Status::undeliverable, 4001, false},
                            Row{ResponseOrigin::cancelled, "T", Status::undeliverable, 4001, false}}) {
      CAPTURE(to_string(row.origin));
      Outcome outcome;
      outcome.origin = row.origin;
      outcome.sip = 503;
      check(read_outcome(outcome), row.retry, row.status, row.pap);
      CHECK(read_outcome(outcome).alarm == row.alarm);
    }
    // Timer B, and no final response to an INVITE in time.
    Outcome invite;
    invite.session = SessionOutcome{};
    invite.session->end = SessionOutcome::End::unanswered;
    check(read_outcome(invite), "T", Status::timeout, 4000);
  }
  SUBCASE("7: disposition notifications") {
    using Kind = DispositionNotice::Kind;
    using State = DispositionNotice::State;
    struct Row {
      Kind kind;
      State state;
      Status status;
      int pap;
      Evidence evidence;
    };
    for (const auto& row : {Row{Kind::delivery, State::delivered, Status::delivered, 1000, Evidence::receiver},
                            Row{Kind::delivery, State::failed, Status::undeliverable, 4000, Evidence::network},
                            Row{Kind::delivery, State::forbidden, Status::delivered, 1000, Evidence::network},
                            Row{Kind::delivery, State::error, Status::network_accepted, 1000, Evidence::network},
                            Row{Kind::processing, State::processed, Status::network_accepted, 1000, Evidence::network},
                            Row{Kind::processing, State::stored, Status::network_accepted, 1000, Evidence::network},
                            Row{Kind::processing, State::forbidden, Status::network_accepted, 1000, Evidence::network},
                            Row{Kind::processing, State::error, Status::network_accepted, 1000, Evidence::network},
                            Row{Kind::display, State::displayed, Status::displayed, 1000, Evidence::receiver},
                            Row{Kind::display, State::forbidden, Status::delivered, 1000, Evidence::receiver},
                            Row{Kind::display, State::error, Status::delivered, 1000, Evidence::receiver}}) {
      auto delivery = accepted_by_relay();
      PushJob job;
      job.report = Report::delivery;
      const DispositionNotice notice{report_id(delivery.push, 0), row.kind, row.state};
      CAPTURE(cause_of(notice));
      const auto effect = apply_report(delivery, job, notice, kNow);
      CHECK(effect.changed);
      CHECK(effect.alarm == (row.kind == Kind::delivery && row.state == State::error));
      CHECK(to_string(delivery.status) == to_string(row.status));
      CHECK(delivery.code == row.pap);
      CHECK(delivery.evidence == row.evidence);
    }
  }
  SUBCASE("8: MSRP") {
    struct Row {
      int code;
      const char* retry;
      Status status;
      int pap;
    };
    using End = SessionOutcome::End;
    for (const auto& row :
         {Row{400, "N", Status::undeliverable, 3000}, Row{403, "N", Status::rejected, 2001}, Row{408, "T", Status::timeout, 4000},
          Row{413, "F", Status::aborted, 5000}, Row{415, "F", Status::undeliverable, 2005},
          Row{423, "F", Status::undeliverable, 3000}, Row{481, "T", Status::undeliverable, 4000},
          Row{501, "N", Status::undeliverable, 2006}, Row{506, "T", Status::undeliverable, 4000},
          Row{499, "N", Status::undeliverable, 3000}, Row{999, "N", Status::undeliverable, 3000}}) {
      CAPTURE(row.code);
      Outcome outcome;
      outcome.session = SessionOutcome{};
      outcome.session->end = End::refused;
      outcome.session->code = row.code;
      check(read_outcome(outcome), row.retry, row.status, row.pap);
      CHECK(read_outcome(outcome).cause == "msrp:" + std::to_string(row.code));
    }
    const auto ends = [](End end, bool overloaded = false) {
      Outcome outcome;
      outcome.session = SessionOutcome{};
      outcome.session->end = end;
      outcome.session->overloaded = overloaded;
      return read_outcome(outcome);
    };
    check(ends(End::sent), "-", Status::delivered, 1000);
    check(ends(End::silent), "T", Status::timeout, 4000);
    check(ends(End::lost), "T", Status::undeliverable, 4000);
    check(ends(End::left), "N", Status::aborted, 5000);
    check(ends(End::left, true), "T", Status::aborted, 5000);
  }
  SUBCASE("9: other events") {
    for (const auto& story : stories()) {
      CAPTURE(story.event);
      PushLab lab(steady());
      story.play(lab);
    }
  }
}

TEST_CASE("SM-5: what a submission is answered: its code and the HTTP status that goes with it") {
  PushLab::Options options;
  options.config = "max_waiting: 2\n";
  PushLab lab(std::move(options));
  const json good{{"to", {kAlice}}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
  const auto submit = [&](json more, std::vector<HttpField> headers = {}) {
    json body = good;
    body.update(more);
    headers.push_back({"Authorization", "Bearer news-token"});
    return lab.call("POST", "/v1/pushes", body, std::move(headers));
  };
  const auto refused = [](const Answer& answer, int http, int code) {
    CHECK(answer.status == http);
    CHECK(answer.body["code"] == code);
  };
  refused(lab.call_raw("POST", "/v1/pushes", "{", {{"Authorization", "Bearer news-token"}, {"Content-Type", "application/json"}}),
          400, 2000);
  refused(submit({{"report", "loud"}}), 400, 2000);
  refused(submit({{"to", {"mailto:alice@ims.lab"}}}), 400, 2002);
  refused(submit({{"from", "sip:push-mail@ims.lab"}}), 403, 2001);
  const auto stored = submit(json::object(), {{"Idempotency-Key", "k1"}});
  CHECK(stored.status == 202);
  CHECK(stored.body["recipients"][0]["code"] == 1001);
  refused(submit({{"priority", "high"}}, {{"Idempotency-Key", "k1"}}), 409, 2007);
  CHECK(submit(json::object()).status == 202);
  const auto full = submit(json::object());
  refused(full, 503, 4001);
  CHECK(full.headers.contains("Retry-After"));
}

TEST_CASE("SM-6: the code of a push that ended is its row's, 1000 for what was delivered or displayed") {
  PushLab lab;
  for (const int sip : {200, 202, 404, 415, 403, 603, 400}) {
    CAPTURE(sip);
    const auto user = "sip:user" + std::to_string(sip) + "@ims.lab";
    lab.registered(user);
    const auto id = lab.push(user);
    lab.answer(lab.last(), sip);
    Outcome outcome;
    outcome.sip = sip;
    CHECK(lab.delivery(id)["code"] == read_outcome(outcome).code);
  }
}

TEST_CASE("SM-9: only the next hop's own 503 stops that hop, until it has rested; one from far away delays its own push") {
  PushLab lab;
  lab.registered(kAlice);
  lab.registered("sip:bob@ims.lab");
  const auto far = lab.push();
  lab.answer(lab.last(), 503, {{"Retry-After", "60"}});
  CHECK(lab.status(far) == "retrying");
  const auto other = lab.push("sip:bob@ims.lab");
  REQUIRE(lab.messages().size() == 2);  // nobody said whose overload it was
  lab.fail(lab.last(), 503, ResponseOrigin::hop_blocked);
  CHECK(lab.delivery(other)["attempts"] == 0);
  lab.push("sip:bob@ims.lab");
  CHECK(lab.messages().size() == 2);  // the hop rests for everybody
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 3);  // one probe
  lab.answer(lab.last(), 200);
  REQUIRE(lab.messages().size() == 4);  // and the rest
  lab.answer(lab.last(), 200);
  CHECK(lab.status(other) == "delivered");
}

TEST_CASE("SM-10: the attempts of one push share one budget, whichever mode they use") {
  PushLab lab(steady("retry: {jitter: 0, max_attempts: 3}\n"));
  lab.registered(kAlice, 7200);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto id = lab.push();
  device.answer(500);
  lab.advance(10s);
  std::size_t notifies = device.notifies().size();
  for (int round = 0; round < 10 && lab.status(id) != "undeliverable"; ++round) {
    for (const auto& sent : lab.messages()) {
      if (!sent->done) lab.answer(sent, 500);
    }
    for (const auto& sent : device.notifies()) {
      if (!sent->done) lab.answer(sent, 500);
    }
    lab.advance(30s);
  }
  notifies = device.notifies().size();
  CHECK(lab.status(id) == "undeliverable");
  CHECK(lab.delivery(id)["attempts"] == 3);
  CHECK(notifies + lab.messages().size() <= 4);  // with the empty first one
}

TEST_CASE("SM-11: a MESSAGE refused with 6xx arrived: rejected; 4xx and 5xx did not: undeliverable") {
  for (int sip = 400; sip <= 699; ++sip) {
    Outcome outcome;
    outcome.sip = sip;
    const auto status = read_outcome(outcome).final_status;
    if (sip >= 600 && sip != 604 && sip != 606) CHECK(status == Status::rejected);
    if (sip >= 500 && sip < 600) CHECK(status == Status::undeliverable);
  }
}
