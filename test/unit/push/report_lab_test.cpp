// Reports through the whole module, on virtual time: asked for, taken, checked, awaited, missed.
#include <doctest/doctest.h>

#include "herald/metrics.h"
#include "push/cpim.h"
#include "push_lab.h"
#include "subscriber_device.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
const json kDelivery{{"report", "delivery"}};
const json kDisplay{{"report", "display"}};
const json kPreferred{{"report", "delivery"}, {"report_if_possible", true}};

PushLab::Options with(std::string config, unsigned shards = 1) {
  PushLab::Options options;
  options.config = std::move(config);
  options.shards = shards;
  return options;
}

std::string imdn(const std::string& id, const std::string& kind, const std::string& state) {
  return "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>" + id +
         "</message-id><datetime>2026-01-01T00:00:00Z</datetime><" + kind + "-notification><status><" + state + "/></status></" +
         kind + "-notification></imdn>";
}

std::string wrapped(const std::string& body, const std::string& type = "message/imdn+xml") {
  return "From: <sip:alice@ims.lab>\r\nTo: <sip:push-news@ims.lab>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: "
         "r\r\n\r\n"
         "Content-Type: " +
         type + "\r\nContent-Disposition: notification\r\n\r\n" + body;
}

struct Reporter {
  std::string identity = kAlice;  // asserted; empty: nobody
  unsigned shard = 0;
  sip::PeerAddress from{sip::Transport::udp, "127.0.0.1", 6060};
};

std::shared_ptr<FakeSipStack::Call> begin_report(PushLab& lab, std::string body, const Reporter& reporter = {},
                                                 const std::string& type = "message/cpim") {
  static int number = 0;
  const auto call_id = "report-" + std::to_string(++number);
  std::vector<SipHeaderField> headers{
      {"From", "<sip:ue@ims.lab>;tag=r"}, {"Call-ID", call_id}, {"CSeq", "1 MESSAGE"}, {"Content-Type", type}};
  if (!reporter.identity.empty()) headers.push_back({"P-Asserted-Identity", "<" + reporter.identity + ">"});
  return lab.stack(reporter.shard)
      .receive(sip_request("MESSAGE", "sip:push-news@ims.lab", std::move(headers), std::move(body)), reporter.from);
}

int report(PushLab& lab, const std::string& push, const std::string& kind, const std::string& state,
           const Reporter& reporter = {}, int index = 0) {
  const auto call = begin_report(lab, wrapped(imdn(push + "." + std::to_string(index), kind, state)), reporter);
  lab.settle();
  return call->final();
}

double counted(const std::string& name) {
  const auto text = metrics::text();
  double sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    if (line.starts_with(name)) sum += std::stod(line.substr(line.rfind(' ')));
    at = end + 1;
  }
  return sum;
}
double reports(const std::string& result) { return counted("herald_push_reports_total{result=\"" + result + "\"}"); }

push::CpimMessage cpim_of(const SipMessage& request) {
  REQUIRE(request.headers.get("Content-Type") == "message/cpim");
  const auto read = push::CpimMessage::parse(request.body);
  REQUIRE(read.has_value());
  return *read;
}

}  // namespace

TEST_CASE(
    "F-2, PS-51: a push with report delivery goes as message/cpim, waits after its 200 and is delivered by the notification") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  REQUIRE(lab.messages().size() == 1);
  const auto cpim = cpim_of(lab.last()->request);
  CHECK(cpim.report.message_id == id + ".0");
  CHECK(cpim.report.from == "sip:push-news@ims.lab");
  CHECK(cpim.report.delivered);
  CHECK_FALSE(cpim.report.displayed);
  CHECK(cpim.body == "Goal!");
  CHECK(cpim.content.get("Content-ID") == "<" + id + "@ims.lab>");
  CHECK_FALSE(lab.last()->request.headers.has("Content-Disposition"));
  lab.answer(lab.last(), 200);
  auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "network_accepted");
  CHECK(delivery["final"] == false);
  CHECK(delivery["evidence"] == "network");
  CHECK(delivery["cause"] == "sip:200");
  CHECK(delivery.contains("report_due"));
  CHECK(report(lab, id, "delivery", "delivered") == 200);
  delivery = lab.delivery(id);
  CHECK(delivery["status"] == "delivered");
  CHECK(delivery["final"] == true);
  CHECK(delivery["code"] == 1000);
  CHECK(delivery["evidence"] == "receiver");
  CHECK(delivery["cause"] == "imdn:delivered");
  CHECK_FALSE(delivery.contains("report_due"));
  lab.advance(100h);
  CHECK(lab.messages().size() == 1);
  CHECK(lab.delivery(id)["status"] == "delivered");
}

TEST_CASE("SM-2: every transition is in the history with time, cause and attempt number") {
  PushLab lab(with("retry: {jitter: 0}"));
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 486);
  lab.advance(5s);
  lab.answer(lab.last(), 202);
  report(lab, id, "delivery", "delivered");
  const auto history = lab.delivery(id)["history"];
  REQUIRE(history.size() == 5);
  const std::vector<std::array<std::string, 3>> expected{{"sending", "attempt", "1"},
                                                         {"retrying", "sip:486", "1"},
                                                         {"sending", "attempt", "2"},
                                                         {"network_accepted", "sip:202", "2"},
                                                         {"delivered", "imdn:delivered", "2"}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(history[i]["status"] == expected[i][0]);
    CHECK(history[i]["cause"] == expected[i][1]);
    CHECK(std::to_string(history[i]["attempt"].get<int>()) == expected[i][2]);
    CHECK(history[i]["at"].get<std::string>().ends_with("Z"));
  }
}

TEST_CASE("PS-6, PS-51: a repeat keeps imdn.Message-ID and Content-ID under a new Call-ID") {
  PushLab lab(with("retry: {jitter: 0}"));
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  const auto first = lab.last();
  lab.answer(first, 500);
  lab.advance(5s);
  REQUIRE(lab.messages().size() == 2);
  CHECK(cpim_of(lab.last()->request).report.message_id == id + ".0");
  CHECK(cpim_of(lab.last()->request).content.get("Content-ID") == cpim_of(first->request).content.get("Content-ID"));
  CHECK(lab.last()->request.headers.get("Call-ID") != first->request.headers.get("Call-ID"));
}

TEST_CASE("SM-4: every recipient has his own Message-ID, report and state") {
  PushLab lab;
  lab.registered(kAlice);
  lab.registered("sip:bob@ims.lab");
  const auto id = lab.push(kAlice, {{"to", {kAlice, "sip:bob@ims.lab"}}, {"report", "delivery"}});
  REQUIRE(lab.messages().size() == 2);
  for (const auto& sent : lab.messages()) lab.answer(sent, 202);
  CHECK(report(lab, id, "delivery", "failed", {"sip:bob@ims.lab"}, 1) == 200);
  CHECK(lab.status(id, 0) == "network_accepted");
  CHECK(lab.status(id, 1) == "undeliverable");
  CHECK(report(lab, id, "delivery", "delivered", {}, 0) == 200);
  CHECK(lab.status(id, 0) == "delivered");
  CHECK(lab.delivery(id, 1)["cause"] == "imdn:failed");
}

TEST_CASE("status-mapping.md 7: every row, after a 202") {
  struct Row {
    const char* kind;
    const char* state;
    const char* status;
    int code;
    const char* evidence;
    bool final;
  };
  const Row rows[] = {
      {"delivery", "delivered", "delivered", 1000, "receiver", true},
      {"delivery", "failed", "undeliverable", 4000, "network", true},
      {"delivery", "forbidden", "delivered", 1000, "network", true},
      {"delivery", "error", "network_accepted", 1000, "network", false},
      {"processing", "processed", "network_accepted", 1000, "network", false},
      {"processing", "stored", "network_accepted", 1000, "network", false},
      {"processing", "forbidden", "network_accepted", 1000, "network", false},
      {"processing", "error", "network_accepted", 1000, "network", false},
      {"display", "displayed", "displayed", 1000, "receiver", true},
      {"display", "forbidden", "delivered", 1000, "receiver", true},
      {"display", "error", "delivered", 1000, "receiver", true},
  };
  PushLab lab;
  lab.registered(kAlice);
  for (const auto* level : {"delivery", "display"}) {
    for (const auto& row : rows) {
      CAPTURE(level);
      CAPTURE(row.kind);
      CAPTURE(row.state);
      const auto id = lab.push(kAlice, {{"report", level}});
      lab.answer(lab.last(), 202);
      const bool holds = std::string(level) == "display" && std::string(row.state) == "delivered";
      CHECK(report(lab, id, row.kind, row.state) == 200);
      const auto delivery = lab.delivery(id);
      // A push that asks for display has not heard all of it yet.
      CHECK(delivery["status"] == (holds ? "network_accepted" : row.status));
      CHECK(delivery["final"] == (row.final && !holds));
      CHECK(delivery["code"] == row.code);
      CHECK(delivery["evidence"] == row.evidence);
      if (!row.final) CHECK(delivery["detail"].get<std::string>().starts_with("imdn:"));
      CHECK(report(lab, id, row.kind, row.state) == 200);  // a repeat changes nothing
      CHECK(lab.delivery(id)["history"].size() == delivery["history"].size());
    }
  }
}

TEST_CASE("F-2: a push with report display becomes displayed, in either order of the notifications") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDisplay);
  CHECK(cpim_of(lab.last()->request).report.displayed);
  lab.answer(lab.last(), 200);
  report(lab, id, "delivery", "delivered");
  CHECK(lab.status(id) == "network_accepted");
  CHECK(lab.delivery(id)["evidence"] == "receiver");
  report(lab, id, "display", "displayed");
  CHECK(lab.status(id) == "displayed");
  const auto other = lab.push(kAlice, kDisplay);
  lab.answer(lab.last(), 200);
  report(lab, other, "display", "displayed");
  report(lab, other, "delivery", "delivered");
  CHECK(lab.status(other) == "displayed");
}

TEST_CASE("SM-1: what ended as delivered without a display report becomes displayed by a late one") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 200);
  report(lab, id, "delivery", "delivered");
  report(lab, id, "display", "displayed");
  CHECK(lab.status(id) == "displayed");
  CHECK(lab.delivery(id)["final"] == true);
  report(lab, id, "delivery", "failed");
  CHECK(lab.status(id) == "displayed");
}

TEST_CASE("PS-54: a report that never comes: what 200 and 202 proved is what the end says") {
  PushLab lab(with("report_timeout: 2h"));
  lab.registered(kAlice, 86400);
  const auto direct = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 200);
  const auto relayed = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 202);
  const auto preferred = lab.push(kAlice, kPreferred);
  lab.answer(lab.last(), 202);
  const auto display = lab.push(kAlice, kDisplay);
  lab.answer(lab.last(), 202);
  report(lab, display, "delivery", "delivered");
  lab.advance(119min);
  for (const auto& id : {direct, relayed, preferred, display}) CHECK(lab.status(id) == "network_accepted");
  const auto missing = reports("missing");
  lab.advance(3min);
  CHECK(reports("missing") == missing + 4);
  for (const auto& id : {direct, relayed, preferred, display}) CHECK(lab.delivery(id)["cause"] == "timer:report");
  CHECK(lab.status(direct) == "delivered");
  CHECK(lab.delivery(direct)["evidence"] == "network");
  CHECK(lab.status(relayed) == "timeout");
  CHECK(lab.delivery(relayed)["code"] == 4000);
  CHECK(lab.delivery(relayed)["evidence"] == "network");
  CHECK(lab.status(preferred) == "delivered");
  CHECK(lab.delivery(preferred)["evidence"] == "network");
  CHECK(lab.status(display) == "delivered");
  CHECK(lab.delivery(display)["evidence"] == "receiver");
  // SM-14
  const auto late = reports("late");
  CHECK(report(lab, relayed, "delivery", "delivered") == 200);
  CHECK(lab.status(relayed) == "timeout");
  CHECK(lab.delivery(relayed)["late_report"].get<std::string>().starts_with("imdn:delivered"));
  CHECK(reports("late") == late + 1);
}

TEST_CASE("PS-54: the wait for a report survives the process, holds no place in memory and sends nothing again") {
  PushLab lab(with("report_timeout: 2h"));
  lab.registered(kAlice, 86400);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(lab.push(kAlice, kDelivery));
    lab.answer(lab.last(), 202);
  }
  CHECK(counted("herald_push_waiting_deliveries") == 0);
  lab.restart();
  lab.registered(kAlice, 86400);
  lab.advance(1h);
  CHECK(lab.messages().empty());
  CHECK(report(lab, ids[0], "delivery", "delivered") == 200);
  CHECK(lab.status(ids[0]) == "delivered");
  lab.restart();
  lab.advance(61min);
  CHECK(lab.messages().empty());
  for (std::size_t i = 1; i < ids.size(); ++i) CHECK(lab.status(ids[i]) == "timeout");
  CHECK(lab.status(ids[0]) == "delivered");
}

TEST_CASE("deliver-before passes while a report is awaited: the content is out, the wait goes on") {
  PushLab lab(with("report_timeout: 2h"));
  lab.registered(kAlice, 86400);
  const auto soon = push::to_rfc3339(lab.clock.wall() + 10min);
  const auto id = lab.push(kAlice, {{"report", "delivery"}, {"deliver_before", soon}});
  lab.answer(lab.last(), 202);
  lab.advance(20min);
  CHECK(lab.status(id) == "network_accepted");
  report(lab, id, "delivery", "delivered");
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a cancellation of what waits for its report comes too late and changes nothing") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 202);
  CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 409);
  CHECK(lab.status(id) == "network_accepted");
  // Also when it was asked for while the request was out.
  const auto out = lab.push(kAlice, kDelivery);
  lab.call("DELETE", "/v1/pushes/" + out);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(out) == "network_accepted");
  report(lab, out, "delivery", "delivered");
  CHECK(lab.status(out) == "delivered");
}

TEST_CASE("SM-15, PS-52: only the addressed user's own report counts, by any identity of his registration or a GRUU") {
  PushLab lab;
  lab.registered(kAlice);
  const auto pending = [&] {
    const auto id = lab.push(kAlice, kDelivery);
    lab.answer(lab.last(), 202);
    return id;
  };
  const auto id = pending();
  const auto strangers = reports("stranger");
  CHECK(report(lab, id, "delivery", "delivered", {"sip:eve@ims.lab"}) == 200);
  CHECK(report(lab, id, "delivery", "delivered", {""}) == 200);  // nobody asserted: From proves nothing
  CHECK(report(lab, id, "delivery", "delivered", {kAlice, 0, {sip::Transport::udp, "192.0.2.9", 5060}}) >= 200);  // not trusted
  CHECK(lab.status(id) == "network_accepted");
  CHECK(reports("stranger") == strangers + 3);
  CHECK(report(lab, id, "delivery", "delivered", {"sip:alice@IMS.LAB;gr=urn:uuid:f81d4fae"}) == 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-52: an unknown id is taken with 200 and counted, something unreadable is refused") {
  PushLab lab;
  const auto unknown = counted("herald_push_unknown_reports_total");
  CHECK(report(lab, "01JDX0000000000000000000AB", "delivery", "delivered") == 200);
  const auto foreign = begin_report(lab, wrapped(imdn("none-of-ours", "delivery", "delivered")));
  lab.settle();
  CHECK(foreign->final() == 200);
  CHECK(counted("herald_push_unknown_reports_total") == unknown + 2);
  const auto malformed = reports("malformed");
  const auto bad = begin_report(lab, wrapped("<imdn"));
  lab.settle();
  CHECK(bad->final() == 400);
  const auto large = begin_report(lab, wrapped(imdn("x", "delivery", "delivered") + std::string(70000, ' ')));
  lab.settle();
  CHECK(large->final() == 413);
  CHECK(reports("malformed") == malformed + 2);
}

TEST_CASE("PS-52: several notifications in one MESSAGE are all applied, each to its own push") {
  PushLab lab;
  lab.registered(kAlice);
  std::string parts;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(lab.push(kAlice, kDelivery));
    lab.answer(lab.last(), 202);
    parts += "--b\r\nContent-Type: message/imdn+xml\r\n\r\n" +
             imdn(ids.back() + ".0", "delivery", i == 1 ? "failed" : "delivered") + "\r\n";
  }
  const auto call = begin_report(lab, wrapped(parts + "--b--\r\n", "multipart/mixed;boundary=b"));
  lab.settle();
  CHECK(call->final() == 200);
  CHECK(lab.status(ids[0]) == "delivered");
  CHECK(lab.status(ids[1]) == "undeliverable");
  CHECK(lab.status(ids[2]) == "delivered");
}

TEST_CASE("PS-52: the 200 to a report follows its record: while the store is away it gets 500, and the repeat is taken") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  lab.answer(lab.last(), 202);
  lab.store.unavailable(true);
  CHECK(report(lab, id, "delivery", "delivered") == 500);
  lab.store.unavailable(false);
  CHECK(lab.status(id) == "network_accepted");
  CHECK(report(lab, id, "delivery", "delivered") == 200);
  CHECK(lab.status(id) == "delivered");
  lab.restart();
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-52: a report that overtakes the answer to its MESSAGE waits for it a moment, then counts for itself") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDisplay);
  const auto call = begin_report(lab, wrapped(imdn(id + ".0", "delivery", "delivered")));
  lab.settle();
  CHECK(call->final() == 0);
  lab.answer(lab.last(), 200);
  lab.advance(1s);
  CHECK(call->final() == 200);
  CHECK(lab.status(id) == "network_accepted");  // and waits for the display
  CHECK(lab.delivery(id)["evidence"] == "receiver");

  const auto other = lab.push(kAlice, kDelivery);
  const auto sent = lab.last();
  const auto early = begin_report(lab, wrapped(imdn(other + ".0", "delivery", "delivered")));
  lab.advance(2s);
  CHECK(early->final() == 200);
  CHECK(lab.status(other) == "delivered");
  lab.answer(sent, 500);  // whatever it says now
  lab.advance(1h);
  CHECK(lab.status(other) == "delivered");
  CHECK(lab.messages().size() == 2);
}

TEST_CASE("a report ends the wait for another try: nothing is sent again") {
  PushLab lab;
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, kDelivery);
  lab.fail(lab.last(), 408, ResponseOrigin::timer);
  CHECK(lab.status(id) == "retrying");
  CHECK(report(lab, id, "delivery", "delivered") == 200);
  CHECK(lab.status(id) == "delivered");
  lab.advance(1h);
  CHECK(lab.messages().size() == 1);
  CHECK(counted("herald_push_waiting_deliveries") == 0);
}

TEST_CASE("PS-52: a report that reaches another shard is applied on the user's own") {
  PushLab lab(with("report_timeout: 1h", 3));
  for (unsigned i = 0; i < 6; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    lab.registered(user, 86400);
    const auto id = lab.push(user, kDelivery);
    lab.answer(lab.messages().back(), 202);
    lab.settle();
    if (lab.status(id) != "network_accepted") {
      for (const auto& sent : lab.messages()) {
        if (!sent->done) lab.answer(sent, 202);
      }
    }
    REQUIRE(lab.status(id) == "network_accepted");
    CHECK(report(lab, id, "delivery", "delivered", {user, i % 3}) == 200);
    CHECK(lab.status(id) == "delivered");
  }
  // And what does not come ends there.
  lab.registered("sip:user9@ims.lab", 86400);
  const auto id = lab.push("sip:user9@ims.lab", kDelivery);
  for (const auto& sent : lab.messages()) {
    if (!sent->done) lab.answer(sent, 202);
  }
  lab.advance(62min);
  CHECK(lab.status(id) == "timeout");
}

TEST_CASE("SM-7: a receiver that takes no message/cpim: preferconfirmed goes without, confirmed ends with 3007") {
  PushLab lab;
  lab.registered(kAlice);
  const auto preferred = lab.push(kAlice, kPreferred);
  CHECK(lab.last()->request.headers.get("Content-Type") == "message/cpim");
  lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
  REQUIRE(lab.messages().size() == 2);
  CHECK(lab.last()->request.headers.get("Content-Type") == "text/plain");
  CHECK(lab.last()->request.body == "Goal!");
  lab.answer(lab.last(), 200);
  CHECK(lab.status(preferred) == "delivered");
  CHECK(lab.delivery(preferred)["evidence"] == "network");
  CHECK(lab.delivery(preferred)["cause"] == "sip:200");

  // It is known now.
  const auto confirmed = lab.push(kAlice, kDelivery);
  CHECK(lab.messages().size() == 2);
  CHECK(lab.status(confirmed) == "undeliverable");
  CHECK(lab.delivery(confirmed)["code"] == 3007);
  CHECK(lab.delivery(confirmed)["cause"] == "capability:report");
  const auto plain = lab.push(kAlice);
  CHECK(lab.messages().size() == 3);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(plain) == "delivered");

  lab.registered("sip:bob@ims.lab");
  const auto first = lab.push("sip:bob@ims.lab", kDelivery);
  lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
  CHECK(lab.status(first) == "undeliverable");
  CHECK(lab.delivery(first)["code"] == 3007);
}

TEST_CASE("PS-51: a NOTIFY asks for reports where its subscription takes message/cpim; else its 200 is what there is") {
  PushLab lab(steady());
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto plain = lab.push(kAlice, kDelivery);
  CHECK(device.header("Content-Type") == "text/plain");
  device.answer();
  CHECK(lab.status(plain) == "delivered");
  CHECK(lab.delivery(plain)["evidence"] == "network");

  PushLab other(steady());
  other.registered(kAlice);
  SubscriberDevice reader(other);
  reader.accept = {"text/plain", "message/cpim", "multipart/mixed"};
  reader.begin();
  other.advance(1s);
  const auto id = other.push(kAlice, kDisplay);
  const auto cpim = cpim_of(reader.last()->request);
  CHECK(cpim.report.message_id == id + ".0");
  CHECK(cpim.body == "Goal!");
  CHECK(cpim.content.get("Content-ID") == "<" + id + "@ims.lab>");
  reader.answer();
  CHECK(other.status(id) == "network_accepted");
  report(other, id, "display", "displayed");
  CHECK(other.status(id) == "displayed");
}

TEST_CASE(
    "status-mapping.md 3: without a wish of the initiator the application's report level counts, and never as a condition") {
  PushLab::Options options;
  auto app = application("news.ua", ConsentDefault::open);
  app.report = ReportLevel::delivery;
  options.apps = {app};
  PushLab lab(std::move(options));
  lab.registered(kAlice);
  const auto id = lab.push();
  CHECK(lab.last()->request.headers.get("Content-Type") == "message/cpim");
  lab.answer(lab.last(), 415, {{"Accept", "text/plain"}});
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
  lab.push(kAlice, {{"report", "none"}});
  CHECK(lab.last()->request.headers.get("Content-Type") == "text/plain");
}

TEST_CASE("a report level that is none, and a report_if_possible that is no boolean, are refused by name") {
  PushLab lab;
  const auto refused = [&](const json& more) {
    json body{{"to", {kAlice}}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "x"}}}};
    body.update(more);
    const auto answer = lab.call("POST", "/v1/pushes", body);
    CHECK(answer.status == 400);
    return answer.text;
  };
  CHECK(refused({{"report", "maybe"}}).find("report") != std::string::npos);
  CHECK(refused({{"report_if_possible", "yes"}}).find("report_if_possible") != std::string::npos);
}

TEST_CASE(
    "PS-20, PS-51: a request for reports that does not fit is left out where it is only a wish, and never where it is not") {
  PushLab lab;
  int number = 0;
  // The type of the MESSAGE that went out for a content of that size; empty: none did.
  const auto sent_as = [&](std::size_t size, json wish) {
    const auto user = "sip:user" + std::to_string(++number) + "@ims.lab";
    lab.registered(user);
    wish["mode"] = "pager";
    wish["content"] = {{"type", "text/plain"}, {"text", std::string(size, 'x')}};
    const auto before = lab.messages().size();
    lab.push(user, wish);
    return lab.messages().size() == before ? std::string()
                                           : std::string(lab.last()->request.headers.get("Content-Type").value_or(""));
  };
  CHECK(sent_as(10, kPreferred) == "message/cpim");
  std::size_t between = 0;
  for (std::size_t size = 50; size < 1300 && between == 0; size += 50) {
    if (sent_as(size, kPreferred) == "text/plain") between = size;
  }
  REQUIRE(between > 0);
  CHECK(sent_as(between, kDelivery).empty());
  CHECK(sent_as(between, json::object()) == "text/plain");
  CHECK(sent_as(1300, kPreferred).empty());
}
