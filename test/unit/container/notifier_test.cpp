// SUBSCRIBE to NOTIFY through the container. RFC 6665 4.2; PS-60..PS-71, AS-60..AS-67.
#include "notifier_bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

std::string value(const SipMessage& message, std::string_view name) {
  return std::string(message.headers.get(name).value_or(""));
}

}  // namespace

TEST_CASE("PS-60 PS-65 PS-70 AS-60: a SUBSCRIBE gets 200 with Expires and Contact after its record, then the first NOTIFY") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("hello", "e1"); };
  Subscriber1 bob{"01"};
  const auto call = bench.send(bob.subscribe({{"Expires", "600"}, {"Event", "oma-push;id=7;appid=news"}}));
  REQUIRE(call->final() == 200);
  CHECK(value(call->last(), "Expires") == "600");
  CHECK(value(call->last(), "Contact") == "<sip:push@127.0.0.1:5065>");
  CHECK(bench.stored() == 1);
  REQUIRE(bench.result.has_value());
  CHECK(bench.result->subscriber == "sip:bob@ims.lab");
  CHECK(bench.wishes.front().event_params.get("appid") == "news");

  REQUIRE(bench.sent().size() == 1);
  bob.learn(*call);
  const auto& notify = bench.notify();
  CHECK(notify.method() == "NOTIFY");
  CHECK(notify.uri() == "sip:bob@127.0.0.1:6101");
  const auto routes = notify.headers.list("Route");
  REQUIRE(routes.size() == 2);
  CHECK(routes[0] == "<sip:scscf@127.0.0.1:6060;lr>");
  CHECK(routes[1] == "<sip:pcscf@127.0.0.1:6061;lr>");
  CHECK(dialog::tag_of(value(notify, "From")) == bob.to_tag);
  CHECK(dialog::tag_of(value(notify, "To")) == "from-01");
  CHECK(value(notify, "CSeq") == "1 NOTIFY");
  CHECK(value(notify, "Event") == "oma-push;id=7;appid=news");
  CHECK(value(notify, "Subscription-State") == "active;expires=600");
  CHECK(value(notify, "Contact") == "<sip:push@127.0.0.1:5065>");
  CHECK(value(notify, "SIP-ETag") == "e1");
  CHECK(value(notify, "Content-Type") == "text/plain");
  CHECK(notify.body == "hello");
  bench.answer(200);
  REQUIRE(bench.package.begun.size() == 1);
  CHECK_FALSE(bench.package.begun.front().second);
  CHECK(bench.package.asked.front().second.cause == NotifyCause::initial);
  CHECK(bench.notifier().size() == 1);
}

TEST_CASE("PS-74 PS-76: one NOTIFY is out at a time; what changes meanwhile goes into the next") {
  NotifierBench bench;
  bench.package.the_rules.max_rate = 0;
  const auto bob = bench.subscribed("02");
  bench.changed();
  REQUIRE(bench.sent().size() == 2);
  bench.changed();
  bench.changed();
  bench.changed("");
  bench.changed("other");
  CHECK(bench.sent().size() == 2);
  bench.answer(200);
  REQUIRE(bench.sent().size() == 3);
  bench.answer(200);
  CHECK(bench.sent().size() == 3);
  CHECK(bench.package.asked.back().second.cause == NotifyCause::change);
}

TEST_CASE("PS-65 PS-66: a refresh is answered with 200 and always followed by a NOTIFY; a lower CSeq gets 500") {
  NotifierBench bench;
  auto bob = bench.subscribed("03", {{"Expires", "600"}});
  bench.advance(300s);
  const auto call = bench.send(bob.subscribe({{"Expires", "900"}, {"Contact", "<sip:bob@127.0.0.1:7777>"}}));
  REQUIRE(call->final() == 200);
  CHECK(value(call->last(), "Expires") == "900");
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.notify().uri() == "sip:bob@127.0.0.1:7777");
  CHECK(value(bench.notify(), "Subscription-State") == "active;expires=900");
  CHECK(value(bench.notify(), "CSeq") == "2 NOTIFY");
  bench.answer(200);
  bob.cseq = 0;
  CHECK(bench.send(bob.subscribe())->final() == 500);
  CHECK(bench.sent().size() == 2);
}

TEST_CASE("PS-71: SUBSCRIBE with Expires 0 ends it: 200, a last NOTIFY with reason timeout, then nothing is left") {
  NotifierBench bench;
  auto bob = bench.subscribed("04");
  const auto call = bench.send(bob.subscribe({{"Expires", "0"}}));
  REQUIRE(call->final() == 200);
  CHECK(value(call->last(), "Expires") == "0");
  REQUIRE(bench.sent().size() == 2);
  CHECK(value(bench.notify(), "Subscription-State") == "terminated;reason=timeout");
  CHECK(bench.package.over.empty());
  bench.answer(200);
  REQUIRE(bench.package.over.size() == 1);
  CHECK(bench.package.over.front().by_subscriber);
  CHECK(bench.package.over.front().reason == EndReason::timeout);
  CHECK(bench.notifier().size() == 0);
  CHECK(bench.stored() == 0);
  CHECK(bench.send(bob.subscribe())->final() == 481);
}

TEST_CASE("PS-71: without a refresh it ends at its expiry, with a NOTIFY that says so") {
  NotifierBench bench;
  const auto bob = bench.subscribed("05", {{"Expires", "120"}});
  bench.advance(119s);
  CHECK(bench.sent().size() == 1);
  bench.advance(2s);
  REQUIRE(bench.sent().size() == 2);
  CHECK(value(bench.notify(), "Subscription-State") == "terminated;reason=timeout");
  bench.answer(200);
  CHECK(bench.notifier().size() == 0);
  CHECK(bench.stored() == 0);
  REQUIRE(bench.package.over.size() == 1);
  CHECK_FALSE(bench.package.over.front().by_subscriber);
}

TEST_CASE("PS-64: SUBSCRIBE with Expires 0 outside a dialog fetches once: 200, one last NOTIFY with the state, nothing kept") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("state"); };
  Subscriber1 bob{"06"};
  const auto call = bench.send(bob.subscribe({{"Expires", "0"}}));
  REQUIRE(call->final() == 200);
  CHECK(value(call->last(), "Expires") == "0");
  REQUIRE(bench.sent().size() == 1);
  CHECK(value(bench.notify(), "Subscription-State") == "terminated;reason=timeout");
  CHECK(bench.notify().body == "state");
  CHECK(bench.stored() == 0);
  bench.answer(200);
  CHECK(bench.sent().size() == 1);
  CHECK(bench.notifier().size() == 0);
  CHECK(bench.package.begun.empty());
}
