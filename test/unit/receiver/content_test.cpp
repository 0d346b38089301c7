// What a push carries: CPIM and its reports, content by reference, several pushes in one body, REFERs read, PIDF written.
#include <doctest/doctest.h>

#include "doubles/fake_sip_stack.h"
#include "intake.h"
#include "pidf_document.h"
#include "refer_order.h"

using namespace herald;
using namespace herald::receiver;
using namespace std::chrono_literals;

namespace {

const std::string kCpim =
    "From: News <sip:push-news@ims.lab>\r\nTo: <sip:alice@ims.lab>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
    "imdn.Message-ID: psh-1\r\nDateTime: 2026-11-23T12:00:00Z\r\n"
    "imdn.Disposition-Notification: positive-delivery, negative-delivery, display\r\n"
    "\r\nContent-Type: text/plain\r\n\r\nGoal!";

SipMessage message(std::vector<SipHeaderField> headers, std::string body) {
  return test::sip_request("MESSAGE", "sip:alice@127.0.0.1:5070", std::move(headers), std::move(body));
}

PushPolicy policy(bool fetches = true) {
  PushPolicy made;
  made.apps = {"news.ua"};
  made.external_bodies = fetches;
  made.reports = true;
  return made;
}

ContentRules rules() {
  ContentRules made;
  made.hosts = {"cdn.example"};
  made.max_bytes = 1000;
  return made;
}

std::string reference(const std::string& more = {}, const std::string& url = "https://cdn.example/p/1") {
  return "message/external-body;access-type=\"URL\";URL=\"" + url + "\"" + more;
}
const std::string kInner = "Content-Type: image/jpeg\r\nContent-ID: <psh-9@ims.lab>\r\nContent-Disposition: render\r\n\r\n";

const WallTime kNow{std::chrono::milliseconds(1767225600000)};  // 2026-01-01

int status_of(const std::string& type, const PushPolicy& rule, const std::string& inner = kInner) {
  return read_intake(message({{"Content-Type", type}}, inner), rule, rules(), kNow).verdict.status;
}

}  // namespace

TEST_CASE("PS-6, PS-31, PS-51: a reference in a CPIM wrapper: the push's id is the one in its body, that of the report its own") {
  const auto head = kCpim.substr(0, kCpim.find("\r\n\r\n") + 4);
  const auto wrapped = [&](const std::string& inner) {
    return read_intake(message({{"Content-Type", "message/cpim"}}, head + "Content-Type: " + reference() + "\r\n\r\n" + inner),
                       policy(), rules(), kNow);
  };
  const auto intake = wrapped(kInner);
  CHECK(intake.verdict.why.empty());
  REQUIRE(intake.items.size() == 1);
  CHECK(intake.items[0].push.id == "psh-9@ims.lab");
  CHECK(intake.items[0].report.message_id == "psh-1");
  CHECK(intake.items[0].push.url == "https://cdn.example/p/1");
  // Without one, what the report is about says which push it is.
  CHECK(wrapped("Content-Type: image/jpeg\r\n\r\n").items.at(0).push.id == "psh-1");
}

TEST_CASE("PS-51: a CPIM wrapper gives the content, its id and what its sender wants to hear") {
  const auto intake = read_intake(message({{"Content-Type", "message/cpim"}}, kCpim), policy(), rules(), kNow);
  CHECK(intake.verdict.why.empty());
  REQUIRE(intake.items.size() == 1);
  const auto& item = intake.items[0];
  CHECK(item.body == "Goal!");
  CHECK(item.push.type == "text/plain");
  CHECK(item.push.id == "psh-1");
  CHECK(item.report.from == "sip:push-news@ims.lab");
  CHECK(item.report.delivered);
  CHECK(item.report.failed);
  CHECK(item.report.displayed);
  auto picky = policy();
  picky.accept = {"image/*"};
  const auto json =
      read_intake(message({{"Content-Type", "message/cpim"}}, "From: <sip:a@b>\r\n\r\nContent-Type: application/json\r\n\r\n{}"),
                  picky, rules(), kNow);
  CHECK(json.verdict.status == 415);
}

TEST_CASE("PS-53: a delivery report is taken and asks for nothing") {
  ReportRequest request;
  request.message_id = "psh-1";
  request.from = "sip:push-news@ims.lab";
  request.to = "sip:alice@ims.lab";
  const auto report = write_report(request, Disposition::delivered, "r1", kNow);
  const auto parsed = CpimMessage::parse(report);
  REQUIRE(parsed);
  CHECK(parsed->is_report());
  CHECK_FALSE(parsed->report.any());
  CHECK(parsed->body.find("<message-id>psh-1</message-id>") != std::string::npos);
  CHECK(parsed->body.find("<delivery-notification><status><delivered/></status></delivery-notification>") != std::string::npos);
  CHECK(report.starts_with("From: <sip:alice@ims.lab>\r\nTo: <sip:push-news@ims.lab>\r\n"));
  const auto intake = read_intake(message({{"Content-Type", "message/cpim"}}, report), policy(), rules(), kNow);
  CHECK(intake.is_report);
  CHECK(intake.items.empty());
  CHECK(intake.verdict.why.empty());
}

TEST_CASE("CPIM that is none, and what a stranger writes into it") {
  for (const char* text :
       {"", "\r\n", "no colon\r\n\r\n\r\n", "From: <sip:a@b>\r\n", "From: <sip:a@b>\r\n\r\nno colon\r\n\r\nx"}) {
    CAPTURE(text);
    CHECK_FALSE(CpimMessage::parse(text).has_value());
  }
  ReportRequest request;
  request.message_id = "a</message-id><x>&";
  request.from = "sip:a@b\r\nEvil: yes";
  const auto report = write_report(request, Disposition::failed, "r", kNow);
  CHECK(report.find("\r\nEvil") == std::string::npos);
  CHECK(report.find("a&lt;/message-id&gt;&lt;x&gt;&amp;") != std::string::npos);
  // Another namespace's Disposition-Notification is not IMDN's.
  const auto other =
      CpimMessage::parse("NS: imdn <urn:x>\r\nimdn.Message-ID: 1\r\nimdn.Disposition-Notification: display\r\n\r\n\r\n");
  REQUIRE(other);
  CHECK_FALSE(other->report.any());
}

TEST_CASE("PR-12: content by reference is decided on before anything is fetched") {
  CHECK(status_of(reference(";size=10"), policy()) == 200);
  CHECK(status_of(reference(";size=1001"), policy()) == 513);
  CHECK(status_of(reference("", "http://cdn.example/p"), policy()) == 415);
  CHECK(status_of(reference("", "https://cdn.example.evil.example/p"), policy()) == 415);
  CHECK(status_of(reference("", "https://cdn.example@evil.example/p"), policy()) == 415);
  CHECK(status_of(reference("", "file:///etc/passwd"), policy()) == 415);
  CHECK(status_of(reference(";expiration=\"Wed, 31 Dec 2025 23:59:59 GMT\""), policy()) == 415);
  CHECK(status_of(reference(";expiration=\"Thu, 01 Jan 2026 00:00:01 GMT\""), policy()) == 200);
  CHECK(status_of(reference(";expiration=\"soon\""), policy()) == 400);
  CHECK(status_of(reference(";size=many"), policy()) == 400);
  CHECK(status_of("message/external-body;access-type=FTP;URL=\"https://cdn.example/\"", policy()) == 415);
  CHECK(status_of(reference(), policy(false)) == 415);
  auto picky = policy();
  picky.accept = {"text/html"};
  CHECK(status_of(reference(), picky) == 415);
}

TEST_CASE("PR-12: a refusal's Accept tells whether references are followed at all, or only this content is not taken") {
  const auto accept = [](const PushPolicy& rule) {
    const auto intake = read_intake(message({{"Content-Type", reference()}}, kInner), rule, rules(), kNow);
    REQUIRE(intake.verdict.headers.size() == 1);
    return intake.verdict.headers[0].value;
  };
  CHECK(accept(policy(false)).find("message/external-body") == std::string::npos);
  CHECK(accept(policy(false)).find("*/*") == std::string::npos);
  auto picky = policy();
  picky.accept = {"text/html"};
  CHECK(accept(picky).find("message/external-body") != std::string::npos);
}

TEST_CASE("PR-12: what was fetched must be what was referred to") {
  const auto parsed = ExternalBody::parse(reference(";size=3;hash=A9993E364706816ABA3E25717850C26C9CD0D89D"), kInner);
  REQUIRE(parsed);
  CHECK(parsed->type == "image/jpeg");
  CHECK(parsed->id == "psh-9@ims.lab");
  CHECK(wrong_content(*parsed, "abc").empty());
  CHECK_FALSE(wrong_content(*parsed, "abd").empty());
  CHECK_FALSE(wrong_content(*parsed, "abcd").empty());
}

namespace {
IntakeSource notified() {
  IntakeSource source;
  source.app = "news.ua";
  source.mode = "notify";
  return source;
}
}  // namespace

TEST_CASE("PS-34: several pushes in one body are taken apart, each with its own id") {
  const std::string body =
      "--x\r\nContent-Type: text/plain\r\nContent-ID: <p1@h>\r\n\r\none\r\n--x\r\nContent-Type: image/png\r\nContent-ID: "
      "<p2@h>\r\n\r\ntwo\r\n--x\r\nContent-Type: " +
      reference() + "\r\n\r\n" + kInner + "\r\n--x--\r\n";
  const auto request = message({{"Content-Type", "multipart/mixed;boundary=x"}}, body);
  const auto intake = read_intake(request, policy(), rules(), kNow, notified());
  REQUIRE(intake.items.size() == 3);
  CHECK(intake.items[0].push.id == "p1@h");
  CHECK(intake.items[0].body == "one");
  CHECK(intake.items[0].push.mode == "notify");
  CHECK(intake.items[1].push.type == "image/png");
  CHECK(intake.items[2].push.id == "psh-9@ims.lab");
  CHECK(intake.items[2].reference.has_value());
  auto picky = policy();
  picky.accept = {"text/html"};
  CHECK(read_intake(request, picky, rules(), kNow, notified()).verdict.status == 415);  // all or nothing (PR-4)
}

TEST_CASE("PS-34: of several alternatives the last one that is understood is taken, under the push's own id") {
  const std::string body =
      "--x\r\nContent-Type: text/plain\r\n\r\none\r\n--x\r\nContent-Type: image/png\r\n\r\ntwo\r\n--x\r\nContent-Type: " +
      reference() + "\r\n\r\n" + kInner + "\r\n--x--\r\n";
  const auto taken = [&](const PushPolicy& rule) {
    const auto request = message({{"Content-Type", "multipart/alternative;boundary=x"}, {"Content-ID", "<p1@h>"}}, body);
    auto intake = read_intake(request, rule, rules(), kNow);
    CHECK(intake.verdict.why.empty());
    REQUIRE(intake.items.size() == 1);
    CHECK(intake.items[0].push.id == "p1@h");
    return intake.items[0];
  };
  CHECK(taken(policy()).reference.has_value());
  auto images = policy();
  images.accept = {"image/png"};
  CHECK(taken(images).body == "two");
  auto texts = policy();
  texts.accept = {"text/html"};
  CHECK(taken(texts).body == "one");
}

TEST_CASE("PR-8: Date and Expires of an INVITE are not those of what its session brings") {
  const auto invite = message({{"Date", "Wed, 31 Dec 2025 00:00:00 GMT"}, {"Expires", "1"}, {"Content-ID", "<offer@h>"}}, "");
  MsrpMessage content;
  content.message_id = "m1";
  content.type = "text/plain";
  const auto expired = [&] {
    return read_intake(request_of(invite, content, "x"), policy(), rules(), kNow).items.at(0).push.expired;
  };
  CHECK_FALSE(expired());
  content.headers = {{"X-Push-Deliver-Before", "Wed, 31 Dec 2025 23:59:59 GMT"}};
  CHECK(expired());
  content.headers = {{"X-Push-Deliver-Before", "Fri, 02 Jan 2026 00:00:00 GMT"}};
  CHECK_FALSE(expired());
  CHECK(read_intake(request_of(invite, content, "x"), policy(), rules(), kNow).items.at(0).push.id == "m1");
}

TEST_CASE("PR-13: a REFER is read with its escapes, and only what it may say is taken over") {
  const auto refer = [](const std::string& refer_to, std::vector<SipHeaderField> more = {}) {
    more.push_back({"Refer-To", refer_to});
    ReferOrder order;
    const auto refusal = read_refer(test::sip_request("REFER", "sip:alice@h", std::move(more)), "oma-push", order);
    return std::pair(refusal.status, order);
  };
  const std::string good = "<sip:push-news@ims.lab;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=3600>";
  const auto [status, order] = refer(good, {{"Referred-By", "<sip:push-news@ims.lab>"}});
  CHECK(status == 0);
  CHECK(order.uri == "sip:push-news@ims.lab");
  CHECK(order.event == "oma-push;appid=news.ua");
  CHECK(order.app == "news.ua");
  CHECK(order.expires == 3600s);
  CHECK(order.referred_by == "<sip:push-news@ims.lab>");
  CHECK_FALSE(order.silent);
  CHECK(refer(good, {{"Require", "nosub"}}).second.silent);
  CHECK(refer(good, {{"Supported", "norefersub"}, {"Refer-Sub", "false"}}).second.refer_sub_false);
  CHECK_FALSE(refer(good, {{"Refer-Sub", "false"}}).second.silent);  // RFC 4488 4: only with norefersub
  const std::pair<const char*, int> wrong[] = {
      {"<sip:a@b;method=SUBSCRIBE?Event=oma-push>, <sip:c@d;method=SUBSCRIBE?Event=oma-push>", 400},
      {"<sip:a@b", 400},
      {"<sip:a@b;method=SUBSCRIBE>", 400},
      {"<sip:a@b;method=SUBSCRIBE?Event=%zz>", 400},
      {"<sip:a@b;method=SUBSCRIBE?Event=oma-push%0d%0aRoute%3ax>", 400},
      {"<sip:a@b;method=SUBSCRIBE?Event=oma-push&Expires=soon>", 400},
      {"<sip:a@b;method=SUBSCRIBE?Event=presence>", 603},
      {"<sip:a@b?Event=oma-push>", 603},
      {"<sip:a@b;method=INVITE?Event=oma-push>", 603},
      {"<tel:+1;method=SUBSCRIBE?Event=oma-push>", 603},
      {"<sip:a@b;method=SUBSCRIBE?Event=oma-push&body=x>", 603},
  };
  for (const auto& [text, expected] : wrong) {
    CAPTURE(text);
    CHECK(refer(text).first == expected);
  }
  ReferOrder none;
  CHECK(read_refer(test::sip_request("REFER", "sip:alice@h"), "oma-push", none).status == 400);
  CHECK(refer("<sip:a@b;method=SUBSCRIBE?Event=oma-push&Route=%3Csip:evil%3E&Contact=x>").second.event == "oma-push");
}

TEST_CASE("PR-14: the document names applications, types, methods and packages") {
  Capabilities capabilities;
  capabilities.entity = "sip:a&b@ims.lab";
  capabilities.contact = "sip:alice@127.0.0.1:5065";
  capabilities.apps = {"news.ua"};
  capabilities.types = {"text/plain", "image/*"};
  capabilities.methods = {"MESSAGE", "NOTIFY"};
  capabilities.events = {"oma-push"};
  const auto text = write_pidf(capabilities, kNow);
  for (const char* piece : {"entity=\"sip:a&amp;b@ims.lab\"", "<basic>open</basic>", "<caps:MESSAGE/><caps:NOTIFY/>",
                            "<caps:t>image/*</caps:t>", "<caps:event-packages><caps:supported><caps:oma-push/>",
                            "<op:service-id>news.ua</op:service-id>", "2026-01-01T00:00:00Z"}) {
    CAPTURE(piece);
    CHECK(text.find(piece) != std::string::npos);
  }
}
