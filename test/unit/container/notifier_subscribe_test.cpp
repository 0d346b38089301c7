// What a SUBSCRIBE must be like, inside and outside a dialog. PS-61..PS-69, PS-77, PS-78, AS-66, S-5.
#include "doubles/chaos_store.h"
#include "notifier_bench.h"
#include "store/memory_store.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

std::string value(const SipMessage& message, std::string_view name) {
  return std::string(message.headers.get(name).value_or(""));
}

int status_of(NotifierBench& bench, std::vector<SipHeaderField> headers, std::string body = {}) {
  static int number = 100;
  Subscriber1 bob{std::to_string(++number)};
  return bench.send(bob.subscribe(std::move(headers), std::move(body)))->final();
}

}  // namespace

TEST_CASE("PS-61: a missing or unknown Event gets 489 with Allow-Events, a malformed one 400") {
  NotifierBench bench;
  Subscriber1 bob{"01"};
  auto call = bench.send(bob.subscribe({{"Event", "-"}}));
  CHECK(call->final() == 489);
  CHECK(value(call->last(), "Allow-Events") == "oma-push");
  call = bench.send(bob.subscribe({{"Event", "presence"}}));
  CHECK(call->final() == 489);
  CHECK(value(call->last(), "Allow-Events") == "oma-push");
  CHECK(status_of(bench, {{"Event", "oma-push;id=\"x y\""}}) == 400);
  CHECK(bench.sent().empty());
  CHECK(bench.stored() == 0);
}

TEST_CASE("PS-62: consent still open: 200 at once, NOTIFY pending without body; granted: NOTIFY active at once with the state") {
  NotifierBench bench;
  bench.grant.status = SubscriptionStatus::pending;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("x"); };
  const auto bob = bench.subscribed("02", {{"Expires", "600"}});
  CHECK(bench.header("Subscription-State") == "pending;expires=600");
  CHECK(bench.notify().body.empty());
  CHECK(bench.package.asked.empty());
  bench.changed();
  CHECK(bench.sent().size() == 1);
  bool known = false;
  CHECK_FALSE(bench.notifier().has_active("oma-push", "sip:bob@ims.lab", "news"));
  bench.run_here([&] { known = bench.notifier().activate(bench.result->id); });
  CHECK(known);
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.header("Subscription-State") == "active;expires=600");
  CHECK(bench.notify().body == "x");
  CHECK(bench.package.asked.front().second.cause == NotifyCause::decision);
  CHECK(bench.notifier().has_active("oma-push", "sip:bob@ims.lab", "news"));
  bench.run_here([&] { known = bench.notifier().activate("01ARZ3NDEKTSV4RRFFQ69G5FAV"); });
  CHECK_FALSE(known);
}

TEST_CASE("PS-63: the module refuses with 403 itself, or politely: 200 and a neutral NOTIFY") {
  NotifierBench bench;
  bench.bench->script.hooks["SUBSCRIBE"] = [&](SipServletRequest request) -> Task<void> {
    if (bench.notifier().read(request)) static_cast<void>(request.respond(403));
    co_return;
  };
  CHECK(status_of(bench, {}) == 403);
  CHECK(bench.sent().empty());
  bench.bench->script.hooks["SUBSCRIBE"] = [&](SipServletRequest request) { return bench.accept(std::move(request)); };
  CHECK(status_of(bench, {}) == 200);
  REQUIRE(bench.sent().size() == 1);
  CHECK(bench.header("Subscription-State").starts_with("active"));
  CHECK(bench.notify().body.empty());
}

TEST_CASE("PS-64: Expires absent: the package's default; too short: 423 with Min-Expires; too long: shortened; malformed: 400") {
  NotifierBench bench;
  Subscriber1 bob{"03"};
  auto call = bench.send(bob.subscribe());
  CHECK(value(call->last(), "Expires") == "3600");
  Subscriber1 eve{"04"};
  call = bench.send(eve.subscribe({{"Expires", "59"}}));
  CHECK(call->final() == 423);
  CHECK(value(call->last(), "Min-Expires") == "60");
  call = bench.send(eve.subscribe({{"Expires", "1000000"}}));
  CHECK(value(call->last(), "Expires") == "86400");
  CHECK(status_of(bench, {{"Expires", "soon"}}) == 400);
}

TEST_CASE("PS-64: expiries are jittered downwards, so that refreshes do not come all at once") {
  NotifierBench bench;
  bench.package.the_rules.expiry_jitter = 0.1;
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    Subscriber1 bob{std::to_string(2000 + i)};
    const auto call = bench.send(bob.subscribe({{"Expires", "3600"}}));
    const auto granted = std::stoi(value(call->last(), "Expires"));
    CHECK(granted <= 3600);
    CHECK(granted >= 3240);
    CHECK(bench.header("Subscription-State") == "active;expires=" + std::to_string(granted));
    seen.insert(value(call->last(), "Expires"));
  }
  CHECK(seen.size() > 10);
}

TEST_CASE("PS-67: an Accept that allows no type of the package gets 406 with a hint; without Accept any goes") {
  NotifierBench bench;
  Subscriber1 bob{"05"};
  const auto call = bench.send(bob.subscribe({{"Accept", "application/pidf+xml, image/*"}}));
  CHECK(call->final() == 406);
  CHECK(value(call->last(), "Accept") == "application/vnd.oma.push, text/plain");
  CHECK(status_of(bench, {{"Accept", ""}}) == 406);
  CHECK(status_of(bench, {{"Accept", "text/*"}}) == 200);
  CHECK(bench.result->accept == std::vector<std::string>{"text/*"});
  CHECK(status_of(bench, {{"Accept", "image/png, application/vnd.oma.push;q=0.2"}}) == 200);
  CHECK(status_of(bench, {}) == 200);
}

TEST_CASE("a body that must be understood gets 415, an optional one is passed over") {
  NotifierBench bench;
  const SipHeaderField type{"Content-Type", "application/simple-filter+xml"};
  CHECK(status_of(bench, {type}, "<filter/>") == 415);
  CHECK(status_of(bench, {type, {"Content-Disposition", "render;handling=required"}}, "<filter/>") == 415);
  CHECK(status_of(bench, {type, {"Content-Disposition", "render;handling=optional"}}, "<filter/>") == 200);
}

TEST_CASE("a SUBSCRIBE without Contact gets 400") {
  NotifierBench bench;
  CHECK(status_of(bench, {{"Contact", "-"}}) == 400);
}

TEST_CASE("PS-68: each subscription has a dialog of its own; another Event inside it is no subscription there") {
  NotifierBench bench;
  ScriptedPackage other;
  other.the_rules.package = "other";
  auto bob = bench.subscribed("06");
  const auto first = bob.to_tag;
  auto again = bench.subscribed("07");
  CHECK(again.to_tag != first);
  CHECK(bench.notifier().size() == 2);
  CHECK(bench.send(bob.subscribe({{"Event", "oma-push;id=9"}}))->final() == 481);
  CHECK(bench.send(bob.subscribe({{"Event", "presence"}}))->final() == 489);
  CHECK(bench.send(bob.subscribe({{"Event", "-"}}))->final() == 489);
  CHECK(bench.send(bob.subscribe())->final() == 200);
  CHECK(bench.notifier().size() == 2);
}

TEST_CASE("PS-69: a SUBSCRIBE is never challenged") {
  NotifierBench bench;
  CHECK(status_of(bench, {{"P-Asserted-Identity", "-"}}) == 200);
  CHECK(status_of(bench, {{"Authorization", "Digest username=\"x\""}}) == 200);
}

TEST_CASE("S-5: the subscriber is what a trusted peer asserts, never From; from anybody else he is anonymous") {
  NotifierBench bench;
  CHECK(status_of(bench, {{"P-Asserted-Identity", "\"Bob\" <sip:BOB@IMS.lab:5060>, <tel:+1555>"}}) == 200);
  CHECK(bench.result->subscriber == "sip:BOB@ims.lab");
  CHECK(status_of(bench, {{"P-Asserted-Identity", "-"}}) == 200);
  CHECK(bench.result->subscriber.empty());
  Subscriber1 eve{"08"};
  bench.request_shard = 0;
  const auto call = bench.bench->stack().receive(eve.subscribe(), {sip::Transport::udp, "192.0.2.9", 5060});
  bench.settle();
  CHECK(call->final() == 200);
  CHECK(bench.result->subscriber.empty());
}

TEST_CASE("PS-78: lists are not offered: Require eventlist gets 420, Supported is no obstacle") {
  NotifierBench bench;
  Subscriber1 bob{"09"};
  const auto call = bench.send(bob.subscribe({{"Require", "eventlist"}}));
  CHECK(call->final() == 420);
  CHECK(value(call->last(), "Unsupported") == "eventlist");
  auto ok = bench.subscribed("10", {{"Supported", "eventlist"}});
  CHECK_FALSE(bench.notify().headers.has("Require"));
  CHECK(bench.send(ok.subscribe({{"Require", "eventlist"}}))->final() == 420);
}

TEST_CASE("AS-66 PS-66: in a dialog that no subscription knows: 481 from the dialog layer, no module is asked") {
  NotifierBench bench;
  int asked = 0;
  bench.bench->script.hooks["SUBSCRIBE"] = [&](SipServletRequest) -> Task<void> {
    ++asked;
    co_return;
  };
  Subscriber1 bob{"11"};
  bob.to_tag = "unknown";
  CHECK(bench.send(bob.subscribe())->final() == 481);
  CHECK(asked == 0);
}

TEST_CASE("AS-66: other methods in a subscription's dialog: BYE and NOTIFY find no usage, the rest is not allowed") {
  NotifierBench bench;
  auto bob = bench.subscribed("12");
  const auto send = [&](const std::string& method, unsigned cseq) {
    auto request = bob.subscribe();
    std::get<SipRequestLine>(request.start).method = method;
    request.headers.set("CSeq", std::to_string(cseq) + " " + method);
    return bench.send(std::move(request));
  };
  CHECK(send("BYE", 10)->final() == 481);
  CHECK(send("NOTIFY", 11)->final() == 481);
  const auto call = send("MESSAGE", 12);
  CHECK(call->final() == 405);
  CHECK(value(call->last(), "Allow") == "SUBSCRIBE");
  CHECK(bench.notifier().size() == 1);
}

TEST_CASE("PS-66: what is refused in the dialog changes nothing, and its CSeq counts as seen") {
  NotifierBench bench;
  auto bob = bench.subscribed("13", {{"Expires", "600"}});
  CHECK(bench.send(bob.subscribe({{"Expires", "5"}}))->final() == 423);
  CHECK(bench.send(bob.subscribe({{"Accept", "image/png"}}))->final() == 406);
  CHECK(bench.send(bob.subscribe({}, "<filter/>"))->final() == 415);
  CHECK(bench.sent().size() == 1);
  --bob.cseq;
  --bob.cseq;
  CHECK(bench.send(bob.subscribe())->final() == 500);
  bob.cseq = 10;
  CHECK(bench.send(bob.subscribe())->final() == 200);
  CHECK(bench.sent().size() == 2);
}

TEST_CASE("ST-44: the same CSeq again is answered as before, without a write, and with a NOTIFY") {
  NotifierBench bench;
  auto bob = bench.subscribed("14", {{"Expires", "600"}});
  CHECK(bench.send(bob.subscribe({{"Expires", "1000"}}))->final() == 200);
  bench.answer(200);
  bench.advance(10s);
  --bob.cseq;
  const auto call = bench.send(bob.subscribe({{"Expires", "1000"}}));
  CHECK(call->final() == 200);
  CHECK(value(call->last(), "Expires") == "990");
  REQUIRE(bench.sent().size() == 3);
  bench.answer(200);
  // Un-SUBSCRIBE and its repetition before the last NOTIFY is answered.
  CHECK(bench.send(bob.subscribe({{"Expires", "0"}}))->final() == 200);
  --bob.cseq;
  const auto repeated = bench.send(bob.subscribe({{"Expires", "0"}}));
  CHECK(repeated->final() == 200);
  CHECK(value(repeated->last(), "Expires") == "0");
  CHECK(bench.sent().size() == 4);
  CHECK(bench.send(bob.subscribe())->final() == 481);
}

TEST_CASE("PS-77: Suppress-If-Match with the current tag: refresh and un-SUBSCRIBE get 204 and no NOTIFY") {
  NotifierBench bench;
  std::string tag = "t1";
  bench.package.on_content = [&](const SubscriptionInfo&, const NotifyWish&) { return text_content("body", tag); };
  auto bob = bench.subscribed("15");
  auto call = bench.send(bob.subscribe({{"Suppress-If-Match", "t1"}}));
  CHECK(call->final() == 204);
  CHECK(value(call->last(), "Expires") == "3600");
  CHECK(value(call->last(), "SIP-ETag") == "t1");
  CHECK(bench.sent().size() == 1);
  call = bench.send(bob.subscribe({{"Suppress-If-Match", "stale"}}));
  CHECK(call->final() == 200);
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.notify().body == "body");
  bench.answer(200);
  call = bench.send(bob.subscribe({{"Suppress-If-Match", "*"}}));
  CHECK(call->final() == 204);
  call = bench.send(bob.subscribe({{"Suppress-If-Match", "t1"}, {"Expires", "0"}}));
  CHECK(call->final() == 204);
  CHECK(bench.sent().size() == 2);
  CHECK(bench.notifier().size() == 0);
  CHECK(bench.stored() == 0);
  REQUIRE(bench.package.over.size() == 1);
  CHECK(bench.package.over.front().by_subscriber);
}

TEST_CASE(
    "PS-77: a changed state is told whatever tag the refresh brings, and a first SUBSCRIBE with the current tag spares the "
    "body") {
  NotifierBench bench;
  bench.package.on_content = [&](const SubscriptionInfo&, const NotifyWish&) { return text_content("body", "t1", 5); };
  auto bob = bench.subscribed("16", {{"Suppress-If-Match", "t1"}});
  CHECK(bench.notify().body.empty());
  CHECK(bench.header("SIP-ETag") == "t1");
  // What the body held was not delivered: the package has it back.
  REQUIRE(bench.package.told.size() == 1);
  CHECK(bench.package.told.front().batch == 5);
  CHECK_FALSE(bench.package.told.front().outcome.delivered());
  bench.changed();
  const auto call = bench.send(bob.subscribe({{"Suppress-If-Match", "t1"}}));
  CHECK(call->final() == 200);  // a change waits: the tag may be old
}

TEST_CASE("a refresh brings another Accept and other rates; what it does not name stays or goes as the RFCs say") {
  NotifierBench bench;
  auto bob = bench.subscribed("17", {{"Accept", "text/plain"}, {"Event", "oma-push;max-rate=0.5"}});
  const auto id = bench.result->id;
  CHECK(bench.header("Subscription-State") == "active;expires=3600;max-rate=0.5");
  CHECK(bench.send(bob.subscribe({{"Accept", "application/*"}, {"Event", "oma-push;max-rate=0.25"}}))->final() == 200);
  CHECK(bench.header("Subscription-State") == "active;expires=3600;max-rate=0.25");
  bench.answer(200);
  CHECK(bench.notifier().get(id)->accept == std::vector<std::string>{"application/*"});
  CHECK(bench.send(bob.subscribe())->final() == 200);
  CHECK(bench.header("Subscription-State") == "active;expires=3600");
  CHECK(bench.notifier().get(id)->accept == std::vector<std::string>{"application/*"});
}

TEST_CASE(
    "AS-67: a draining node refuses new subscriptions with 503 and still serves refreshes; nothing is said to subscribers") {
  NotifierBench bench;
  auto bob = bench.subscribed("18");
  bench.bench->executors[0]->run([&] { bench.bench->containers[0]->drain(); });
  bench.settle();
  CHECK(bench.sent().size() == 1);
  Subscriber1 eve{"19"};
  const auto call = bench.send(eve.subscribe());
  CHECK(call->final() == 503);
  CHECK_FALSE(value(call->last(), "Retry-After").empty());
  CHECK(bench.send(bob.subscribe())->final() == 200);
  CHECK_FALSE(bench.bench->containers[0]->idle());  // its NOTIFY is out
  bench.answer(200);
  CHECK(bench.bench->containers[0]->idle());
}

TEST_CASE("beyond max_subscriptions: 500 with Retry-After") {
  NotifierBench bench;
  bench.package.the_rules.max_subscriptions = 1;
  bench.subscribed("20");
  Subscriber1 eve{"21"};
  const auto call = bench.send(eve.subscribe());
  CHECK(call->final() == 500);
  CHECK(value(call->last(), "Retry-After") == "5");
  CHECK(bench.stored() == 1);
}

TEST_CASE("what cannot be kept is refused: a grant without a user, keys and routes without end") {
  NotifierBench bench;
  bench.grant.resource.clear();
  CHECK(status_of(bench, {}) == 400);
  bench.grant.resource = std::string(1000, 'u');
  CHECK(status_of(bench, {}) == 400);
  bench.grant.resource = "sip:bob@ims.lab";
  bench.grant.key = std::string(300, 'k');
  CHECK(status_of(bench, {}) == 400);
  bench.grant.key = "news";
  bench.grant.attributes = std::string(20000, 'a');
  CHECK(status_of(bench, {}) == 413);
  bench.grant.attributes.clear();
  std::string routes;
  for (int i = 0; i < 400; ++i)
    routes.append(i == 0 ? "" : ", ").append("<sip:a-rather-long-name-" + std::to_string(i) + ".ims.lab;lr>");
  CHECK(status_of(bench, {{"Record-Route", routes}}) == 413);
  CHECK(bench.sent().empty());
  CHECK(bench.notifier().size() == 0);
}

TEST_CASE(
    "a store that fails: the SUBSCRIBE gets 500, never 200, and nothing is notified; a refresh gets 500 and goes on living") {
  VirtualClock unused;
  store::MemoryStore inner;
  ChaosStore chaos(inner);
  NotifierBench bench(&chaos);
  chaos.fail_commits(1, ErrorCode::unavailable);
  Subscriber1 bob{"22"};
  const auto call = bench.send(bob.subscribe());
  CHECK(call->final() == 500);
  CHECK_FALSE(value(call->last(), "Retry-After").empty());
  CHECK(bench.sent().empty());
  CHECK(bench.notifier().size() == 0);
  CHECK_FALSE(bench.result.has_value());

  auto eve = bench.subscribed("23", {{"Expires", "600"}});
  chaos.fail_commits(1, ErrorCode::unavailable);
  CHECK(bench.send(eve.subscribe({{"Expires", "600"}}))->final() == 500);
  chaos.fail_commits(1, ErrorCode::unavailable);
  CHECK(bench.send(eve.subscribe({{"Expires", "0"}}))->final() == 500);
  CHECK(bench.notifier().size() == 1);
  CHECK(bench.send(eve.subscribe())->final() == 200);
  CHECK(bench.sent().size() == 2);
}

TEST_CASE("the 200 waits for the record, and the NOTIFY for the 200") {
  store::MemoryStore inner;
  ChaosStore chaos(inner);
  NotifierBench bench(&chaos);
  chaos.delay(50ms);
  Subscriber1 bob{"24"};
  const auto call = bench.send(bob.subscribe());
  CHECK(call->final() == 0);
  CHECK(bench.sent().empty());
  bench.advance(50ms);
  CHECK(call->final() == 200);
  CHECK(bench.sent().size() == 1);
  bob.learn(*call);
  bench.answer(200);
  const auto refresh = bench.send(bob.subscribe());
  CHECK(refresh->final() == 0);
  bench.advance(50ms);
  CHECK(refresh->final() == 200);
  CHECK(bench.sent().size() == 2);
}

TEST_CASE("REFER accepted as such makes the implicit subscription of RFC 3515: 202, Event refer with its CSeq as id") {
  NotifierBench bench(nullptr, 1, false);
  ScriptedPackage refer;
  refer.the_rules.package = "refer";
  refer.the_rules.body_types = {"message/sipfrag"};
  refer.the_rules.expiry_jitter = 0;
  refer.on_content = [](const SubscriptionInfo&, const NotifyWish&) {
    auto content = text_content("SIP/2.0 100 Trying");
    content.type = "message/sipfrag;version=2.0";
    return content;
  };
  bench.more_packages.push_back(&refer);
  bench.start();
  auto profile_request = [](std::vector<SipHeaderField> extra) {
    std::vector<SipHeaderField> headers{
        {"Contact", "<sip:bob@127.0.0.1:6101>"}, {"CSeq", "93 REFER"}, {"Route", "<sip:as1.ims.lab;lr;app=push;sess=sub>"}};
    for (auto& field : extra) headers.push_back(std::move(field));
    return sip_request("REFER", "sip:push@ims.lab", std::move(headers));
  };
  bench.status = 202;
  const auto call = bench.send(profile_request({{"Refer-To", "<sip:x@ims.lab;method=SUBSCRIBE>"}}));
  REQUIRE(call->final() == 202);
  CHECK(value(call->last(), "Contact").find("127.0.0.1:5065") != std::string::npos);
  REQUIRE(bench.sent().size() == 1);
  CHECK(bench.header("Event") == "refer;id=93");
  CHECK(bench.header("Content-Type") == "message/sipfrag;version=2.0");
  CHECK(bench.send(profile_request({}))->final() == 400);
  CHECK(bench.send(profile_request({{"Refer-To", "<sip:x@y>, <sip:z@y>"}}))->final() == 400);
}
