// NOTIFYs: their fate, their pace, their end. PS-70..PS-76, AS-61, AS-64.
#include "notifier_bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

TEST_CASE("PS-72: a module ends a subscription with any reason, and the last NOTIFY says it") {
  struct Row {
    EndReason reason;
    std::optional<std::chrono::seconds> retry_after;
    const char* text;
    bool tells_state;
  };
  const std::vector<Row> rows{{EndReason::deactivated, {}, "terminated;reason=deactivated", false},
                              {EndReason::probation, 60s, "terminated;reason=probation;retry-after=60", false},
                              {EndReason::rejected, {}, "terminated;reason=rejected", false},
                              {EndReason::timeout, {}, "terminated;reason=timeout", true},
                              {EndReason::giveup, 10s, "terminated;reason=giveup;retry-after=10", false},
                              {EndReason::noresource, {}, "terminated;reason=noresource", false},
                              {EndReason::invariant, {}, "terminated;reason=invariant", true}};
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("state"); };
  int number = 3000;
  for (const auto& row : rows) {
    CAPTURE(row.text);
    bench.subscribed(std::to_string(++number));
    const auto id = bench.result->id;
    bool known = false;
    bench.run_here([&] { known = bench.notifier().end(id, row.reason, row.retry_after); });
    CHECK(known);
    CHECK(bench.header("Subscription-State") == row.text);
    CHECK(bench.notify().body.empty() != row.tells_state);
    CHECK_FALSE(bench.notifier().get(id).has_value());
    bench.run_here([&] { known = bench.notifier().end(id, row.reason, {}); });
    CHECK_FALSE(known);
    bench.answer(200);
    CHECK(bench.package.over.back().reason == row.reason);
    CHECK_FALSE(bench.package.over.back().by_subscriber);
    CHECK(bench.stored() == 0);
  }
}

TEST_CASE(
    "PS-73: an answer of the list or silence removes the subscription and its record; the package hears of its batch first") {
  for (const int status : {404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604, 0}) {
    CAPTURE(status);
    NotifierBench bench;
    bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("x", {}, 9); };
    Subscriber1 bob{"01"};
    bench.send(bob.subscribe());
    REQUIRE(bench.sent().size() == 1);
    if (status == 0) {
      bench.advance(33s);  // Timer F
    } else {
      bench.answer(status);
    }
    CHECK(bench.notifier().size() == 0);
    CHECK(bench.stored() == 0);
    REQUIRE(bench.package.told.size() == 1);
    CHECK(bench.package.told.front().batch == 9);
    CHECK(bench.package.told.front().outcome.subscription_ended);
    CHECK_FALSE(bench.package.told.front().outcome.delivered());
    REQUIRE(bench.package.over.size() == 1);
    CHECK(bench.package.over.front().reason == EndReason::none);
    bench.changed();
    CHECK(bench.sent().size() == 1);
  }
}

TEST_CASE(
    "PS-73 PS-74: other failures keep it: what was not delivered goes again after Retry-After, else after a pause that grows") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("x", {}, 9); };
  Subscriber1 bob{"02"};
  bob.learn(*bench.send(bob.subscribe()));
  bench.answer(503, {{"Retry-After", "20 (busy)"}});
  CHECK_FALSE(bench.package.told.back().outcome.subscription_ended);
  CHECK(bench.notifier().size() == 1);
  bench.changed();
  bench.advance(19s);
  CHECK(bench.sent().size() == 1);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  bench.answer(500);
  bench.advance(9s);
  CHECK(bench.sent().size() == 2);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 3);
  bench.sent().back()->fail(503, ResponseOrigin::hop_blocked);
  bench.settle();
  CHECK(bench.notifier().size() == 1);
  // A SUBSCRIBE does not wait for the pause: PS-65.
  CHECK(bench.send(bob.subscribe())->final() == 200);
  REQUIRE(bench.sent().size() == 4);
  bench.answer(200);
  CHECK(bench.package.told.back().outcome.delivered());
  bench.advance(60s);
  CHECK(bench.sent().size() == 4);
}

TEST_CASE(
    "PS-75 AS-64: changes keep the local limit however many they are; NOTIFYs for a SUBSCRIBE and the last one do not wait") {
  NotifierBench bench;
  bench.package.the_rules.max_rate = 0.5;
  auto bob = bench.subscribed("03", {{"Event", "oma-push;max-rate=10"}});
  CHECK(bench.header("Subscription-State") == "active;expires=3600;max-rate=0.5");
  for (int i = 0; i < 10; ++i) {
    bench.changed();
    bench.advance(100ms);
  }
  CHECK(bench.sent().size() == 1);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  bench.answer(200);
  CHECK(bench.send(bob.subscribe())->final() == 200);
  REQUIRE(bench.sent().size() == 3);
  bench.answer(200);
  bench.changed();
  CHECK(bench.sent().size() == 3);
  CHECK(bench.send(bob.subscribe({{"Expires", "0"}}))->final() == 200);
  REQUIRE(bench.sent().size() == 4);
  CHECK(bench.header("Subscription-State") == "terminated;reason=timeout");
}

TEST_CASE("PS-75: a subscriber's max-rate is honoured and echoed; one that would give nothing is raised to 1/remaining") {
  NotifierBench bench;
  bench.subscribed("04", {{"Event", "oma-push;max-rate=0.1"}, {"Expires", "100"}});
  CHECK(bench.header("Subscription-State") == "active;expires=100;max-rate=0.1");
  bench.changed();
  bench.advance(9s);
  CHECK(bench.sent().size() == 1);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  bench.answer(200);
  bench.subscribed("05", {{"Event", "oma-push;max-rate=0.0000000001"}, {"Expires", "100"}});
  CHECK(bench.header("Subscription-State") == "active;expires=100;max-rate=0.01");
}

TEST_CASE("PS-75: min-rate and adaptive-min-rate bring NOTIFYs without any change, with or without something to tell") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish& wish) {
    NotifyContent content;
    content.nothing = wish.cause == NotifyCause::change;
    return content;
  };
  bench.subscribed("06", {{"Event", "oma-push;min-rate=0.1"}});
  CHECK(bench.header("Subscription-State") == "active;expires=3600;min-rate=0.1");
  bench.changed();
  bench.advance(9s);
  CHECK(bench.sent().size() == 1);  // a change with nothing to tell is no NOTIFY
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  bench.answer(200);
  bench.advance(10s);
  REQUIRE(bench.sent().size() == 3);
  bench.answer(200);

  NotifierBench other;
  other.package.on_content = bench.package.on_content;
  other.subscribed("07", {{"Event", "oma-push;adaptive-min-rate=0.1"}});
  CHECK(other.header("Subscription-State") == "active;expires=3600;adaptive-min-rate=0.1");
  other.advance(30s);
  CHECK(other.sent().size() == 2);
}

TEST_CASE("PS-75: a 2xx to NOTIFY changes the rates, the next NOTIFY echoes them") {
  NotifierBench bench;
  bench.package.the_rules.max_rate = 0;
  Subscriber1 bob{"08"};
  bench.send(bob.subscribe({{"Event", "oma-push;max-rate=5"}}));
  bench.answer(200, {{"Event", "oma-push;max-rate=0.2"}});
  CHECK(bench.notifier().get(bench.result->id)->rates.max_rate.value() == doctest::Approx(0.2));
  bench.changed();
  bench.advance(4s);
  CHECK(bench.sent().size() == 1);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.header("Subscription-State").find("max-rate=0.2") != std::string::npos);
  bench.answer(200, {{"Event", "oma-push"}});
  CHECK_FALSE(bench.notifier().get(bench.result->id)->rates.max_rate.has_value());
}

TEST_CASE("PS-76: what is left over after a NOTIFY follows in the next, at the rate") {
  NotifierBench bench;
  int left = 3;
  bench.package.on_content = [&](const SubscriptionInfo&, const NotifyWish&) {
    auto content = text_content(std::to_string(left));
    content.more = --left > 0;
    return content;
  };
  bench.subscribed("09");
  CHECK(bench.sent().size() == 1);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  bench.answer(200);
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 3);
  bench.answer(200);
  bench.advance(10s);
  CHECK(bench.sent().size() == 3);
}

TEST_CASE("PS-70: Subscription-State counts down what was granted, never more") {
  NotifierBench bench;
  auto bob = bench.subscribed("10", {{"Expires", "600"}});
  bench.advance(250500ms);
  bench.changed();
  CHECK(bench.header("Subscription-State") == "active;expires=349");
  CHECK(bench.header("Allow-Events") == "oma-push");
  CHECK(bench.header("Max-Forwards") == "70");
}

TEST_CASE("AS-61: a NOTIFY carries the icid of its SUBSCRIBE only where the package says so") {
  NotifierBench bench;
  bench.subscribed("11", {{"P-Charging-Vector", "icid-value=abc123;orig-ioi=ims.lab"}});
  CHECK(bench.header("P-Charging-Vector").empty());
  bench.package.the_rules.charging_vector = true;
  bench.subscribed("12", {{"P-Charging-Vector", "icid-value=abc123;orig-ioi=ims.lab"}});
  CHECK(bench.header("P-Charging-Vector") == "icid-value=\"abc123\"");
}

TEST_CASE("PS-74: a package that throws costs no more than the body") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) -> NotifyContent { throw std::runtime_error("x"); };
  bench.package.on_began = [](const SubscriptionInfo&, bool) { throw 7; };
  bench.package.on_notified = [](const SubscriptionInfo&) { throw 7; };
  bench.subscribed("13");
  CHECK(bench.header("Subscription-State").starts_with("active"));
  CHECK(bench.notify().body.empty());
  bench.advance(2s);
  bench.changed();
  CHECK(bench.sent().size() == 1);
  CHECK(bench.notifier().size() == 1);
}

TEST_CASE("a module may end the subscription from inside what it is told") {
  NotifierBench bench;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("x", {}, 1); };
  bench.package.on_notified = [&](const SubscriptionInfo& info) {
    static_cast<void>(bench.notifier().end(info.id, EndReason::rejected));
  };
  bench.subscribed("14");
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.header("Subscription-State") == "terminated;reason=rejected");
  bench.answer(200);
  CHECK(bench.notifier().size() == 0);
}

TEST_CASE("PS-71: the expiry does not wait for a NOTIFY that is out, but its NOTIFY does") {
  NotifierBench bench;
  bench.package.the_rules.min_expires = 1s;
  Subscriber1 bob{"15"};
  bench.send(bob.subscribe({{"Expires", "5"}}));
  bench.advance(10s);
  CHECK(bench.sent().size() == 1);
  CHECK_FALSE(bench.notifier().has_active("oma-push", "sip:bob@ims.lab", "news"));
  CHECK(bench.notifier().find("oma-push", "sip:bob@ims.lab").empty());
  bench.answer(200);
  REQUIRE(bench.sent().size() == 2);
  CHECK(bench.header("Subscription-State") == "terminated;reason=timeout");
}

TEST_CASE("subscriptions are found by resource and key, by id and page by page") {
  NotifierBench bench;
  bench.subscribed("16");
  const auto first = bench.result->id;
  bench.grant.key = "sport";
  bench.subscribed("17");
  bench.grant.resource = "sip:eve@ims.lab";
  bench.subscribed("18");
  auto& notifier = bench.notifier();
  CHECK(notifier.find("oma-push", "sip:bob@ims.lab").size() == 2);
  CHECK(notifier.find("oma-push", "sip:bob@ims.lab", "news").size() == 1);
  CHECK(notifier.find("oma-push", "sip:bob@ims.lab", "weather").empty());
  CHECK(notifier.find("presence", "sip:bob@ims.lab").empty());
  CHECK(notifier.has_active("oma-push", "sip:eve@ims.lab", "sport"));
  CHECK_FALSE(notifier.has_active("oma-push", "sip:eve@ims.lab", "news"));
  const auto page = notifier.list("oma-push", {}, 2);
  REQUIRE(page.size() == 2);
  CHECK(page.front().id < page.back().id);
  CHECK(notifier.list("oma-push", page.back().id, 2).size() == 1);
  CHECK(notifier.get(first)->resource == "sip:bob@ims.lab");
  CHECK_FALSE(notifier.get("nothing").has_value());
}

TEST_CASE("a subscription lives on the home shard of its resource, wherever its SUBSCRIBE came in") {
  NotifierBench bench(nullptr, 2);
  unsigned crossed = 0;
  for (int i = 0; i < 6; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    bench.grant.resource = user;
    const auto home = container::home_shard_of(user, 2);
    const auto arrives = 1 - home;
    Subscriber1 bob{std::to_string(4000 + i)};
    const auto call = bench.send(bob.subscribe(), arrives);
    REQUIRE(call->final() == 200);
    bob.learn(*call);
    const auto port = std::to_string(5065 + home);
    CHECK(std::string(*call->last().headers.get("Contact")) == "<sip:push@127.0.0.1:" + port + ">");
    CHECK(bench.notifier(home).has_active("oma-push", user, "news"));
    CHECK_FALSE(bench.notifier(arrives).has_active("oma-push", user, "news"));
    REQUIRE_FALSE(bench.sent(home).empty());
    CHECK(dialog::tag_of(*bench.notify(home).headers.get("From")) == bob.to_tag);
    bench.sent(home).back()->answer(200);
    bench.settle();
    CHECK(bench.send(bob.subscribe(), home)->final() == 200);
    CHECK(bench.send(bob.subscribe(), arrives)->final() == 481);
    bench.sent(home).back()->answer(200);
    bench.settle();
    ++crossed;
  }
  CHECK(crossed == 6);
}
