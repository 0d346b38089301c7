// What a restart brings back, and many at once. AS-67, ST-40, ST-42, ST-44, ST-45.
#include <set>

#include "doubles/chaos_store.h"
#include "event/subscription_record.h"
#include "herald/record.h"
#include "notifier_bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

unsigned cseq_of(const SipMessage& notify) { return dialog::CSeq::parse(notify.headers.get("CSeq").value_or("")).value().number; }

Task<void> put(Store& store, std::string id, std::string resource, std::string value) {
  Put record;
  record.key = {"subscription", std::move(resource), std::move(id)};
  record.value = std::move(value);
  Batch batch;
  batch.puts.push_back(std::move(record));
  auto writing = store.commit(std::move(batch));
  const auto written = co_await writing;
  CHECK(written.has_value());
}

}  // namespace

TEST_CASE("AS-67 ST-40 ST-42: a restart keeps the subscription; the next NOTIFY has a higher CSeq and the state anew") {
  store::MemoryStore store;
  Subscriber1 bob{"01"};
  unsigned last = 0;
  {
    NotifierBench bench(&store);
    bench.package.the_rules.max_rate = 0;
    bob = bench.subscribed("01", {{"Expires", "3600"}, {"Event", "oma-push;appid=news.ua;id=5"}});
    for (int i = 0; i < 40; ++i) {  // several blocks of numbers
      bench.changed();
      CHECK(cseq_of(bench.notify()) > last);
      last = cseq_of(bench.notify());
      if (i < 39) bench.answer(200);
    }
    CHECK(last == 41);
    CHECK_FALSE(bench.sent().back()->done);  // out when the node dies
  }
  NotifierBench bench(&store, 1, false);
  bench.package.the_rules.max_rate = 0;
  bench.package.on_content = [](const SubscriptionInfo&, const NotifyWish&) { return text_content("everything"); };
  bench.package.on_began = [&](const SubscriptionInfo& info, bool restored) {
    CHECK(restored);
    CHECK(bench.notifier().changed(info.id));
  };
  bench.start();
  CHECK(bench.notifier().size() == 1);
  REQUIRE(bench.sent().size() == 1);
  CHECK(cseq_of(bench.notify()) > last);
  CHECK(cseq_of(bench.notify()) <= last + 17);
  CHECK(bench.notify().body == "everything");
  CHECK(bench.header("Event") == "oma-push;id=5;appid=news.ua");  // PS-70
  CHECK(dialog::tag_of(bench.header("From")) == bob.to_tag);
  bench.answer(200);
  const auto call = bench.send(bob.subscribe({{"Event", "oma-push;id=5"}}));
  CHECK(call->final() == 200);
  CHECK(bench.sent().size() == 2);
}

TEST_CASE("ST-40: CSeq numbers are used only after they are written down; the NOTIFY waits while the store is away") {
  VirtualClock unused;
  store::MemoryStore inner;
  ChaosStore chaos(inner);
  NotifierBench bench(&chaos);
  bench.package.the_rules.max_rate = 0;
  bench.subscribed("02");
  chaos.unavailable(true);
  unsigned sent = 1;
  for (int i = 0; i < 30; ++i) {
    bench.changed();
    bench.advance(1ms);
    if (bench.sent().size() == sent) break;
    sent = static_cast<unsigned>(bench.sent().size());
    bench.answer(200);
  }
  CHECK(cseq_of(bench.notify()) == 16);
  bench.advance(5s);
  CHECK(bench.sent().size() == sent);
  chaos.unavailable(false);
  bench.advance(2s);
  REQUIRE(bench.sent().size() == sent + 1);
  CHECK(cseq_of(bench.notify()) == 17);
}

TEST_CASE("ST-40: in the ordinary case no NOTIFY waits for the store: the next block is written ahead") {
  store::MemoryStore inner;
  ChaosStore chaos(inner);
  NotifierBench bench(&chaos);
  bench.package.the_rules.max_rate = 0;
  bench.subscribed("03");
  chaos.delay(10ms);
  for (unsigned i = 2; i < 100; ++i) {
    bench.changed();
    REQUIRE(bench.sent().size() == i);
    bench.advance(4ms);
    bench.answer(200);
  }
  CHECK(chaos.commits() < 12);
}

TEST_CASE(
    "ST-44: died between the record and the 200: the SUBSCRIBE comes again and is served; the orphan ends with its first 481") {
  store::MemoryStore store;
  Subscriber1 bob{"04"};
  {
    // What died runs no destructors: it stays as it was, with its coroutines that wait for the store.
    static auto* const chaos = new ChaosStore(store);
    static auto* const dead = new NotifierBench(chaos);
    chaos->delay(1h);
    const auto call = dead->send(bob.subscribe());
    CHECK(call->final() == 0);
  }
  NotifierBench bench(&store);
  CHECK(bench.notifier().size() == 1);
  Subscriber1 eve{"99"};  // takes the tag that the fake stack would give twice
  CHECK(bench.send(eve.subscribe({{"Event", "none"}}))->final() == 489);
  bob.cseq = 0;
  CHECK(bench.send(bob.subscribe())->final() == 200);
  CHECK(bench.notifier().size() == 2);
  bench.answer(200);
  bench.advance(2s);
  bench.changed();
  REQUIRE(bench.sent().size() == 3);
  for (std::size_t i = 1; i < 3; ++i) {
    const auto& to = bench.sent()[i]->request;
    const auto ours = dialog::tag_of(*to.headers.get("From"));
    bench.sent()[i]->answer(ours == dialog::tag_of(*bench.sent()[0]->request.headers.get("From")) ? 200 : 481);
  }
  bench.settle();
  CHECK(bench.notifier().size() == 1);
  CHECK(bench.stored() == 1);
}

TEST_CASE("ST-44: died between the record of a refresh and its 200: the same CSeq is answered, with a NOTIFY") {
  store::MemoryStore store;
  Subscriber1 bob{"05"};
  {
    NotifierBench bench(&store);
    bob = bench.subscribed("05", {{"Expires", "600"}});
    CHECK(bench.send(bob.subscribe({{"Expires", "1200"}}))->final() == 200);
  }
  NotifierBench bench(&store);
  --bob.cseq;
  const auto call = bench.send(bob.subscribe({{"Expires", "1200"}}));
  CHECK(call->final() == 200);
  CHECK(call->last().headers.get("Expires") == "1200");
  CHECK(bench.sent().size() == 1);
  bob.cseq = 0;
  CHECK(bench.send(bob.subscribe())->final() == 500);
}

TEST_CASE(
    "ST-45 PS-71: what expired while the node was down is told timeout and erased; what had been ended is told its reason") {
  store::MemoryStore store;
  {
    NotifierBench bench(&store);
    bench.subscribed("06", {{"Expires", "60"}});
    bench.grant.resource = "sip:eve@ims.lab";
    bench.subscribed("07", {{"Expires", "6000"}});
    bench.run_here([&] { static_cast<void>(bench.notifier().end(bench.result->id, EndReason::noresource)); });
    CHECK(bench.stored() == 2);
  }
  NotifierBench bench(&store, 1, false);
  bench.bench->clock.advance(10min);
  bench.start();
  bench.advance(1s);
  REQUIRE(bench.sent().size() == 2);
  std::set<std::string> states;
  for (const auto& sent : bench.sent()) states.insert(std::string(*sent->request.headers.get("Subscription-State")));
  CHECK(states == std::set<std::string>{"terminated;reason=noresource", "terminated;reason=timeout"});
  bench.sent()[0]->answer(200);
  bench.sent()[1]->answer(481);
  bench.settle();
  CHECK(bench.stored() == 0);
  CHECK(bench.notifier().size() == 0);
}

TEST_CASE("AS-67: records that are corrupt or of no known package are passed over; the start goes on") {
  store::MemoryStore store;
  {
    NotifierBench bench(&store);
    bench.subscribed("08");
    bench.bench->spawn_here(put(store, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "sip:bob@ims.lab", "garbage"));
    bench.bench->spawn_here(put(store, "short", "sip:bob@ims.lab", "garbage"));
    event::Subscription alien;
    alien.info.package = "alien";
    alien.info.resource = "sip:bob@ims.lab";
    alien.dialog.call_id = "c";
    alien.dialog.local_tag = "t";
    bench.bench->spawn_here(put(store, "01ARZ3NDEKTSV4RRFFQ69G5FAW", "sip:bob@ims.lab", event::encode(alien)));
    alien.info.package = "oma-push";  // under another's key
    bench.bench->spawn_here(put(store, "01ARZ3NDEKTSV4RRFFQ69G5FAX", "sip:eve@ims.lab", event::encode(alien)));
  }
  NotifierBench bench(&store);
  CHECK(bench.notifier().size() == 1);
  CHECK(bench.stored() == 5);
}

TEST_CASE("AS-67: more subscriptions than one page of the store holds come back, each once, on the shard that is their home") {
  constexpr unsigned kMany = 2300;
  store::MemoryStore store;
  const auto user = [](unsigned i) { return "sip:user" + std::to_string(i) + "@ims.lab"; };
  {
    NotifierBench bench(&store, 2);
    for (unsigned i = 0; i < kMany; ++i) {
      Subscriber1 bob{std::to_string(10000 + i)};
      bench.grant.resource = user(i);
      CHECK(bench.send(bob.subscribe({{"Contact", "<sip:bob@127.0.0.1:6101>"}}), i % 2)->final() == 200);
    }
  }
  NotifierBench bench(&store, 2);
  CHECK(bench.notifier(0).size() + bench.notifier(1).size() == kMany);
  CHECK(bench.package.begun.size() == kMany);
  unsigned at_home = 0;
  for (unsigned i = 0; i < kMany; ++i) {
    at_home += bench.notifier(container::home_shard_of(user(i), 2)).has_active("oma-push", user(i), "news") ? 1 : 0;
  }
  CHECK(at_home == kMany);
}

TEST_CASE("AS-67: min-rate goes on after a restart") {
  store::MemoryStore store;
  {
    NotifierBench bench(&store);
    bench.subscribed("09", {{"Event", "oma-push;min-rate=0.1"}});
  }
  NotifierBench bench(&store);
  bench.advance(10s);
  CHECK(bench.sent().size() == 1);
}

TEST_CASE("PS-65 PS-74: 20 000 subscriptions are refreshed within ten seconds and told of one change: none fails, few a turn") {
  constexpr unsigned kMany = 20000;
  NotifierBench bench;
  bench.package.the_rules.max_rate = 0;
  bench.bench->stack().answer_all([](const SipMessage&) { return 200; });
  std::vector<Subscriber1> all;
  all.reserve(kMany);
  for (unsigned i = 0; i < kMany; ++i) {
    all.push_back(Subscriber1{std::to_string(10000 + i)});
    auto call = bench.bench->stack().receive(all.back().subscribe({{"Contact", "<sip:bob@127.0.0.1:6101>"}}));
    bench.settle();
    if (call->final() == 200) all.back().learn(*call);
  }
  REQUIRE(bench.notifier().size() == kMany);
  CHECK(bench.sent().size() == kMany);
  unsigned refreshed = 0;
  for (unsigned i = 0; i < kMany; ++i) {
    auto call = bench.bench->stack().receive(all[i].subscribe({{"Contact", "<sip:bob@127.0.0.1:6101>"}}));
    bench.settle();
    refreshed += call->final() == 200 ? 1 : 0;
    if (i % 2000 == 0) bench.advance(1s);
  }
  CHECK(refreshed == kMany);
  CHECK(bench.sent().size() == 2 * kMany);
  bench.changed();
  CHECK(bench.sent().size() == 3 * kMany);
  std::set<std::string> told;
  for (std::size_t i = 2 * kMany; i < 3 * kMany; ++i) told.insert(std::string(*bench.sent()[i]->request.headers.get("Call-ID")));
  CHECK(told.size() == kMany);
}

TEST_CASE("PS-71: thousands that expire in one second are told in pieces, as their answers come back") {
  constexpr unsigned kMany = 6000;
  NotifierBench bench;
  for (unsigned i = 0; i < kMany; ++i) {
    Subscriber1 bob{std::to_string(10000 + i)};
    bench.bench->stack().receive(bob.subscribe({{"Contact", "<sip:bob@127.0.0.1:6101>"}, {"Expires", "600"}}));
    bench.settle();
    bench.answer(200);
  }
  bench.advance(601s);
  CHECK(bench.sent().size() < kMany + 4100);  // the rest waits: nobody answers
  bench.bench->stack().answer_all([](const SipMessage&) { return 200; });
  for (auto i = static_cast<std::size_t>(kMany); i < bench.sent().size(); ++i) {
    if (!bench.sent()[i]->done) bench.sent()[i]->answer(200);
  }
  bench.advance(60s);
  CHECK(bench.sent().size() == 2 * kMany);
  CHECK(bench.notifier().size() == 0);
  CHECK(bench.package.over.size() == kMany);
}
