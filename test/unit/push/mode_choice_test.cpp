// Which way a push goes: the matrix of sip-push.md 8.4 and 8.5, the table of MSRP codes, and what an answer leads to.
#include <doctest/doctest.h>

#include "delivery/devices.h"
#include "delivery/msrp_table.h"
#include "delivery/outcome_rules.h"
#include "mode/push_session.h"
#include "text/entity_headers.h"
#include "text/gzip.h"
#include "text/request_headers.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

Content content(std::size_t bytes, std::string type = "text/plain") { return Content{std::move(type), std::string(bytes, 'x')}; }

CapabilityFact fact(FactKind kind, std::string value, bool supported, FactSource source = FactSource::registration) {
  CapabilityFact made;
  made.kind = kind;
  made.value = std::move(value);
  made.supported = supported;
  made.source = source;
  return made;
}

struct Matrix {
  Matrix() {
    job.id = "psh";
    job.application = "news.ua";
    job.sender = "sip:push@ims.lab";
    job.contents = {content(5)};
    job.expires = WallTime{} + 1h;
    delivery.address = "sip:alice@ims.lab";
    application.id = "news.ua";
    application.modes = {DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::msrp, DeliveryMode::indirection};
    rules.next_hop = "sip:s.ims.lab;lr";
    rules.external_body = rules.sessions = true;
    reach.state = Reachability::State::registered;
  }
  void knows(std::string mode, bool supported) { known.facts.push_back(fact(FactKind::mode, std::move(mode), supported)); }
  [[nodiscard]] Plan decide() const {
    const PlanInput input{job, delivery, application, reach, {}, WallTime{}, {}, known, subscriptions, too_large};
    return choose_mode(input, rules);
  }
  [[nodiscard]] std::string outcome() const {
    const auto made = decide();
    if (const auto* attempt = std::get_if<Attempt>(&made)) {
      return std::string(to_string(attempt->mode)) + " " + std::to_string(attempt->content);
    }
    if (const auto* wait = std::get_if<Wait>(&made)) return wait->cause;
    const auto& refusal = std::get<Refuse>(made);
    return refusal.cause + " " + std::to_string(refusal.code);
  }

  PushJob job;
  Delivery delivery;
  ServiceApplication application;
  Reachability reach;
  Capabilities known;
  std::vector<NotifyPath> subscriptions;
  std::uint32_t too_large = 0;
  PlanRules rules;
};

Outcome answered(int status, std::vector<std::string> accept = {}) {
  Outcome outcome;
  outcome.sip = status;
  outcome.accept = std::move(accept);
  return outcome;
}

Outcome ended(SessionOutcome::End end, int code = 200) {
  Outcome outcome;
  outcome.sip = 200;
  SessionOutcome session;
  session.end = end;
  session.code = code;
  outcome.session = session;
  return outcome;
}

}  // namespace

TEST_CASE("PS-23, F-3, F-9: size, capability and wish choose the mode") {
  struct Row {
    std::size_t bytes;
    const char* pager;  // '+' known to be taken, '-' known not to, '?' unknown
    const char* msrp;
    const char* indirection;
    const char* expected;
  };
  for (const auto& row : {
           Row{5, "?", "?", "?", "pager 0"},
           Row{5, "?", "+", "+", "pager 0"},
           Row{5, "-", "+", "+", "msrp 0"},
           Row{5, "-", "-", "+", "indirection 0"},
           Row{5, "-", "?", "+", "indirection 0"},  // what is known goes before what is not
           Row{5, "-", "?", "?", "msrp 0"},
           Row{5, "-", "-", "-", "subscription:none"},  // a NOTIFY may still come
           Row{5000, "?", "+", "+", "msrp 0"},
           Row{5000, "?", "-", "+", "indirection 0"},
           Row{5000, "?", "?", "+", "indirection 0"},
           Row{5000, "?", "+", "?", "msrp 0"},
           Row{5000, "?", "?", "?", "msrp 0"},  // PS-33: trying is how one finds out
           Row{5000, "?", "-", "?", "indirection 0"},
           Row{5000, "?", "-", "-", "capability:size 2005"},
       }) {
    CAPTURE(row.bytes);
    CAPTURE(row.pager);
    CAPTURE(row.msrp);
    CAPTURE(row.indirection);
    Matrix m;
    m.job.contents = {content(row.bytes)};
    const auto tell = [&](const char* mode, const char* what) {
      if (*what != '?') m.knows(mode, *what == '+');
    };
    tell("pager", row.pager);
    tell("msrp", row.msrp);
    tell("indirection", row.indirection);
    CHECK(m.outcome() == row.expected);
  }
}

TEST_CASE("sip-push.md 8.4: the order is configuration, and an application offers what it offers") {
  Matrix m;
  m.job.contents = {content(5000)};
  m.knows("msrp", true);
  m.knows("indirection", true);
  m.rules.mode_order = {DeliveryMode::indirection, DeliveryMode::msrp, DeliveryMode::pager};
  CHECK(m.outcome() == "indirection 0");
  m.application.modes = {DeliveryMode::pager, DeliveryMode::msrp};
  CHECK(m.outcome() == "msrp 0");
  m.rules.sessions = false;  // this node has none
  CHECK(m.outcome() == "capability:size 2005");
  m.application.modes = {DeliveryMode::indirection};
  m.rules.external_body = false;
  CHECK(m.outcome() == "capability:mode 2006");
}

TEST_CASE("PS-81: the initiator's wish, and what was tried in vain") {
  for (const auto& [mode, expected] :
       {std::pair{Mode::pager, "pager 0"}, std::pair{Mode::msrp, "msrp 0"}, std::pair{Mode::indirection, "indirection 0"}}) {
    Matrix m;
    m.job.mode = mode;
    CHECK(m.outcome() == expected);
    m.delivery.mark_tried(fix_of(mode));
    CHECK(m.outcome() == "capability:mode 2006");
  }
  Matrix m;
  m.job.mode = Mode::pager;
  m.job.contents = {content(5000)};
  m.knows("msrp", true);
  CHECK(m.outcome() == "capability:size 2005");
  m.job.mode = Mode::msrp;
  m.reach.state = Reachability::State::unregistered;
  CHECK(m.outcome() == "registration:none");
}

TEST_CASE("sip-push.md 8.4: what was asked for first goes by any known way before an alternative goes by a smaller one") {
  Matrix m;
  m.job.contents = {content(5000, "image/png"), content(20)};
  CHECK(m.outcome() == "pager 1");  // nobody knows about sessions or references
  m.knows("indirection", true);
  CHECK(m.outcome() == "indirection 0");
  m.known.facts.push_back(fact(FactKind::type, "image/png", false));
  CHECK(m.outcome() == "pager 1");
  m.job.contents.pop_back();
  CHECK(m.outcome() == "capability:content 2005");
}

TEST_CASE("PS-20: what did not fit into a MESSAGE is known by its bit; blobs never go in one") {
  Matrix m;
  m.job.contents = {content(1200), content(100)};
  CHECK(m.outcome() == "pager 0");
  m.too_large = 1;
  CHECK(m.outcome() == "pager 1");
  m.knows("msrp", true);
  CHECK(m.outcome() == "msrp 0");
  m.too_large = 0;
  BlobInfo blob;
  blob.size = 10;
  m.job.contents[0] = Content{"text/plain", {}, blob};
  CHECK(m.outcome() == "msrp 0");
}

TEST_CASE("section 7: sizes that were refused count for the way they were refused on") {
  Matrix m;
  m.job.contents = {content(900)};
  m.knows("msrp", true);
  m.knows("indirection", true);
  m.known.facts.push_back(fact(FactKind::max_size, "900", false, FactSource::failure));
  CHECK(m.outcome() == "msrp 0");
  m.known.facts.push_back(fact(FactKind::session_size, "900", false, FactSource::failure));
  CHECK(m.outcome() == "indirection 0");
  m.known.facts.push_back(fact(FactKind::content_size, "900", false, FactSource::failure));
  CHECK(m.outcome() == "capability:content 2005");
  m.known.facts.clear();
  m.known.facts.push_back(fact(FactKind::max_size, "800", true, FactSource::provisioned));  // of any content
  CHECK(m.outcome() == "capability:content 2005");
}

TEST_CASE("PS-18: gzip is offered to receivers that are known to take it, once") {
  Matrix m;
  CHECK_FALSE(std::get<Attempt>(m.decide()).gzip);
  m.known.facts.push_back(fact(FactKind::encoding, "gzip", true, FactSource::options));
  CHECK(std::get<Attempt>(m.decide()).gzip);
  m.delivery.mark_tried(Fix::no_encoding);
  CHECK_FALSE(std::get<Attempt>(m.decide()).gzip);
  const auto packed = gzip_if_smaller(std::string(1000, 'x'));
  REQUIRE(packed.has_value());
  CHECK(packed->size() < 60);
  CHECK_FALSE(gzip_if_smaller("short").has_value());
  std::string noise;
  for (unsigned i = 0; i < 200; ++i) noise += static_cast<char>(i * 167U + i * i * 31U);
  CHECK_FALSE(gzip_if_smaller(noise).has_value());
}

TEST_CASE("status-mapping.md 8, SM-16, SM-17, SM-18: every MSRP code and every end of a session") {
  struct Row {
    int code;
    RetryClass retry;
    Status status;
    int pap;
  };
  const std::vector<Row> rows{
      {400, RetryClass::never, Status::undeliverable, 3000},     {403, RetryClass::never, Status::rejected, 2001},
      {408, RetryClass::transient, Status::timeout, 4000},       {413, RetryClass::fix, Status::aborted, 5000},
      {415, RetryClass::fix, Status::undeliverable, 2005},       {423, RetryClass::fix, Status::undeliverable, 3000},
      {481, RetryClass::transient, Status::undeliverable, 4000}, {501, RetryClass::never, Status::undeliverable, 2006},
      {506, RetryClass::transient, Status::undeliverable, 4000}};
  for (int code = 300; code < 700; ++code) {
    CAPTURE(code);
    const auto found = std::find_if(rows.begin(), rows.end(), [code](const Row& row) { return row.code == code; });
    const auto expected = found != rows.end() ? *found : Row{0, RetryClass::never, Status::undeliverable, 3000};
    const auto reading = read_outcome(ended(SessionOutcome::End::refused, code));
    CHECK(reading.retry == expected.retry);
    CHECK(reading.final_status == expected.status);
    CHECK(reading.code == expected.pap);
    CHECK(reading.cause == "msrp:" + std::to_string(code));
  }
  const auto ends = [](SessionOutcome::End end, RetryClass retry, Status status, int pap) {
    const auto reading = read_outcome(ended(end));
    CHECK(reading.retry == retry);
    CHECK(reading.final_status == status);
    CHECK(reading.code == pap);
  };
  using End = SessionOutcome::End;
  ends(End::unusable, RetryClass::fix, Status::undeliverable, 2005);
  ends(End::unreachable, RetryClass::fix, Status::undeliverable, 4001);
  ends(End::silent, RetryClass::transient, Status::timeout, 4000);
  ends(End::lost, RetryClass::transient, Status::undeliverable, 4000);
  ends(End::left, RetryClass::never, Status::aborted, 5000);
  ends(End::recalled, RetryClass::none, Status::cancelled, 1000);
  ends(End::unanswered, RetryClass::transient, Status::timeout, 4000);
  auto sent = ended(End::sent);
  CHECK(read_outcome(sent).evidence == Evidence::hop);
  CHECK(read_outcome(sent).final_status == Status::delivered);
  sent.session->through_relay = true;
  CHECK(read_outcome(sent).evidence == Evidence::network);
  CHECK(read_outcome(sent).final_status == Status::network_accepted);
  sent.session->reported = true;
  CHECK(read_outcome(sent).evidence == Evidence::receiver);
  CHECK(read_outcome(sent).final_status == Status::delivered);
}

TEST_CASE("sip-push.md 8.5, section 7: what a refusal leads to, by mode and by what is left") {
  using Left = ModesLeft;
  struct Row {
    Mode mode;
    Outcome outcome;
    Left left;
    std::size_t contents;
    bool again;
    int fixes;  // of Fix
    int content;
  };
  const auto bit = [](Fix fix) { return static_cast<int>(fix); };
  using End = SessionOutcome::End;
  const Left none{false, false}, message{true, false}, session{false, true};
  const std::vector<Row> rows{
      {Mode::pager, answered(405), none, 1, false, 0, 0},
      {Mode::pager, answered(405), message, 1, false, 0, 0},  // a reference comes in a MESSAGE, too
      {Mode::pager, answered(405), session, 1, true, bit(Fix::no_pager) | bit(Fix::no_indirection), 0},
      {Mode::pager, answered(501), session, 1, true, bit(Fix::no_pager) | bit(Fix::no_indirection), 0},
      {Mode::pager, answered(413), none, 1, false, 0, 0},
      {Mode::pager, answered(413), message, 1, true, 0, 0},  // the book knows the size now
      {Mode::pager, answered(513), session, 1, true, 0, 0},
      {Mode::pager, answered(413), none, 2, true, 0, 1},
      {Mode::pager, answered(415, {"text/html"}), none, 2, true, 0, 1},
      {Mode::pager, answered(415, {"image/gif"}), session, 2, false, 0, 0},
      {Mode::indirection, answered(415, {"text/plain"}), message, 1, true, bit(Fix::no_indirection), 0},
      {Mode::indirection, answered(415, {"text/plain"}), none, 1, false, 0, 0},
      {Mode::indirection, answered(415, {"message/external-body", "text/html"}), message, 2, true, 0, 1},
      {Mode::indirection, answered(513), message, 1, false, 0, 0},  // PS-33: too large, however it comes
      {Mode::indirection, answered(513), none, 2, true, 0, 1},
      {Mode::indirection, answered(405), session, 1, true, bit(Fix::no_pager) | bit(Fix::no_indirection), 0},
      {Mode::msrp, answered(488), none, 1, false, 0, 0},
      {Mode::msrp, answered(488), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, answered(606), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, answered(405), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, answered(415), message, 2, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, answered(580), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, ended(End::refused, 413), none, 1, false, 0, 0},
      {Mode::msrp, ended(End::refused, 413), message, 2, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, ended(End::refused, 413), none, 2, true, 0, 1},
      {Mode::msrp, ended(End::refused, 415), message, 2, true, 0, 1},
      {Mode::msrp, ended(End::refused, 415), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, ended(End::unusable), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, ended(End::unreachable), message, 1, true, bit(Fix::no_msrp), 0},
      {Mode::msrp, ended(End::refused, 403), message, 1, false, 0, 0},
      {Mode::msrp, ended(End::left), message, 1, false, 0, 0},
  };
  int number = 0;
  for (const auto& row : rows) {
    CAPTURE(number++);
    PushJob job;
    job.contents = {content(100, "text/plain"), content(50, "text/html")};
    job.contents.resize(row.contents);
    job.expires = WallTime{} + 1h;
    Delivery delivery;
    delivery.mode = row.mode;
    delivery.status = Status::sending;
    delivery.attempts = 1;
    const auto step = apply_outcome(delivery, job, row.outcome, RetryRules{}, 5min, 0.5, WallTime{}, row.left);
    CHECK((step.kind == NextStep::Kind::at_once) == row.again);
    CHECK(static_cast<int>(delivery.fixes) == row.fixes);
    CHECK(static_cast<int>(delivery.content) == row.content);
    CHECK(delivery.final() == !row.again);
  }
}

TEST_CASE("8.5: negotiation ends after as many tries as are configured; no connection without another way is transient") {
  PushJob job;
  job.contents = {content(100)};
  job.expires = WallTime{} + 1h;
  Delivery delivery;
  delivery.mode = Mode::msrp;
  delivery.attempts = 1;
  delivery.negotiations = 2;
  auto step = apply_outcome(delivery, job, answered(488), RetryRules{}, 5min, 0.5, WallTime{}, ModesLeft{true, false});
  CHECK(step.kind == NextStep::Kind::done);
  CHECK(delivery.status == Status::undeliverable);
  Delivery other;
  other.mode = Mode::msrp;
  other.attempts = 1;
  step = apply_outcome(other, job, ended(SessionOutcome::End::unreachable), RetryRules{}, 5min, 0.5, WallTime{}, {});
  CHECK(step.kind == NextStep::Kind::at_time);
  CHECK(other.status == Status::retrying);
}

TEST_CASE("PS-18: a 415 about the encoding: the same again, uncompressed") {
  for (const bool named : {false, true}) {
    PushJob job;
    job.contents = {content(500)};
    job.expires = WallTime{} + 1h;
    Delivery delivery;
    delivery.mode = Mode::pager;
    delivery.attempts = 1;
    auto outcome = answered(415);
    outcome.sent_gzip = true;
    if (named) outcome.accept_encoding = {"identity"};
    const auto failure = capability_failure(job, delivery, outcome);
    REQUIRE(failure.has_value());
    CHECK(failure->accept_encoding == std::vector<std::string>{"identity"});
    const auto step = apply_outcome(delivery, job, outcome, RetryRules{}, 5min, 0.5, WallTime{});
    CHECK(step.kind == NextStep::Kind::at_once);
    CHECK(delivery.tried(Fix::no_encoding));
  }
}

TEST_CASE("PS-42: the terms of an answer") {
  MsrpDescription answer;
  answer.accept_types = {"message/cpim", "image/*"};
  answer.accept_wrapped_types = {"text/plain"};
  answer.max_size = 10;
  CHECK_FALSE(terms_of(answer, "text/plain").plain);
  CHECK(terms_of(answer, "text/plain").wrapped);
  CHECK(terms_of(answer, "image/png").plain);
  CHECK(terms_of(answer, "image/png").wrapped);
  CHECK_FALSE(terms_of(answer, "text/html").plain);
  CHECK_FALSE(terms_of(answer, "text/html").wrapped);
  CHECK(terms_of(answer, "text/html").max_size == 10);
}

TEST_CASE("PS-13: Reject-Contact names each excluded class by itself, and nothing that could break the field") {
  CHECK_FALSE(reject_contact({}).has_value());
  CHECK(reject_contact({"automata"})->value == "*;automata");
  CHECK(reject_contact({"automata", "mobility=\"fixed\""})->value == "*;automata, *;mobility=\"fixed\"");
  CHECK_FALSE(reject_contact({"a\r\nX: y", "a, *", ""}).has_value());
}

TEST_CASE("PS-18: header fields of a content go with it, but for what is ours") {
  Content made = content(1);
  CHECK(entity_headers(made).size() == 1);
  CHECK(entity_headers(made)[0].value == "render");
  made.headers = {{"Content-Language", "de"},
                  {"content-disposition", "attachment;handling=optional"},
                  {"X-Wap-Application-Id", "mms.ua"},
                  {"Content-Type", "evil/type"},
                  {"Content-ID", "<x@y>"},
                  {"Via", "SIP/2.0/UDP x"},
                  {"X-Break", "a\r\nVia: b"},
                  {"Content-Length", "7"}};
  const auto fields = entity_headers(made);
  REQUIRE(fields.size() == 3);
  CHECK(fields[0].name == "Content-Language");
  CHECK(fields[1].value == "attachment;handling=optional");
  CHECK(fields[2].name == "X-Wap-Application-Id");
  PushJob job;
  job.id = "psh";
  CHECK(content_id(job, 0, "ims.lab") == "<psh@ims.lab>");
  CHECK(content_id(job, 2, "ims.lab") == "<psh.2@ims.lab>");
}

TEST_CASE("PS-15: the devices of a user are the GRUUs of the contacts that serve the application") {
  Registration registration;
  const auto device = [&](const std::string& gruu, std::vector<std::string> applications) {
    RegisteredContact contact;
    contact.uri = "sip:ue@127.0.0.1:6101";
    contact.applications = std::move(applications);
    if (!gruu.empty()) contact.params.set("pub-gruu", "\"" + gruu + "\"");
    registration.contacts.push_back(std::move(contact));
  };
  device("sip:alice@ims.lab;gr=urn:uuid:1", {"news.ua"});
  device("sip:alice@ims.lab;gr=urn:uuid:2", {"mms.ua", "NEWS.ua"});
  device("sip:alice@ims.lab;gr=urn:uuid:3", {"mms.ua"});
  device("", {"news.ua"});
  device("tel:+49", {"news.ua"});
  CHECK(device_addresses(registration, "news.ua") ==
        std::vector<std::string>{"sip:alice@ims.lab;gr=urn:uuid:1", "sip:alice@ims.lab;gr=urn:uuid:2"});
  CHECK(is_device("sip:alice@ims.lab;gr=urn:uuid:1"));
  CHECK_FALSE(is_device("sip:alice@ims.lab"));
}
