#include "client_bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;
using Stage = WatchProgress::Stage;

namespace {
std::string header(const ClientBench::Sent& sent, std::string_view name) {
  return std::string(sent->request.headers.get(name).value_or("<none>"));
}
std::string tag_of_call(const ClientBench::Sent& sent) { return header(sent, "Call-ID"); }
}  // namespace

TEST_CASE("SUBSCRIBE carries Event, Accept, Expires, a Contact of ours and the plan's headers and route (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  auto plan = ClientBench::plan();
  plan.uri = "sip:push@as1.ims.lab;gr=1";
  plan.headers.push_back({"P-Asserted-Identity", "<sip:alice@ims.lab>"});
  bench.subscribe(plan, watcher);
  REQUIRE(bench.sent() == 1);
  const auto& request = bench.last()->request;
  CHECK(request.method() == "SUBSCRIBE");
  CHECK(request.uri() == "sip:push@as1.ims.lab;gr=1");
  CHECK(header(bench.last(), "Event") == "oma-push;appid=news.ua");
  CHECK(header(bench.last(), "Expires") == "600");
  CHECK(request.headers.list("Accept").size() == 2);
  CHECK(header(bench.last(), "Route") == "<sip:127.0.0.1:6060;lr>");
  CHECK(header(bench.last(), "Contact") == "<sip:alice@127.0.0.1:5065>");
  CHECK(header(bench.last(), "P-Asserted-Identity") == "<sip:alice@ims.lab>");
  CHECK(header(bench.last(), "From").find(";tag=") != std::string::npos);
  CHECK(bench.watches->size() == 1);
}

TEST_CASE("a plan that cannot become a request is refused at once (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto refused = [&](auto change) {
    auto plan = ClientBench::plan();
    change(plan);
    const auto id = bench.executor.run([&] { return bench.watches->subscribe(plan, watcher); });
    CHECK_FALSE(id.has_value());
  };
  refused([](auto& plan) { plan.event = ""; });
  refused([](auto& plan) { plan.event = "presence\r\nX: y"; });
  refused([](auto& plan) { plan.from = "nobody"; });
  refused([](auto& plan) { plan.to = "<sip:a@b>;tag=1"; });
  refused([](auto& plan) { plan.routes = {"<not a uri"}; });
  refused([](auto& plan) { plan.headers.push_back({"X", "a\r\nb"}); });
  refused([](auto& plan) { plan.accept = {"a\nb"}; });
  refused([](auto& plan) { plan.expires = -1s; });
  CHECK(bench.sent() == 0);
  CHECK(bench.watches->size() == 0);
}

TEST_CASE("the limit of subscriptions is Error{busy} (PR-2)") {
  ClientBench bench(0.0, 1);
  NotingWatcher watcher;
  bench.subscribe(watcher);
  const auto second = bench.executor.run([&] { return bench.watches->subscribe(ClientBench::plan(), watcher); });
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == ErrorCode::busy);
}

TEST_CASE("200 and first NOTIFY make a subscription that is refreshed in its dialog before it expires (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.subscribe(watcher);
  bench.last()->answer(200, {{"Expires", "300"}, {"Contact", "<sip:push@10.0.0.9:5070>"}});
  bench.settle();
  CHECK(bench.notify(*bench.last(), "active;expires=300", {{"Record-Route", "<sip:10.0.0.1;lr>"}}, "hello").status == 200);
  REQUIRE(watcher.notes.size() == 1);
  CHECK(watcher.notes[0].body == "hello");
  REQUIRE(watcher.stages.size() == 2);
  CHECK(watcher.stages[0].stage == Stage::accepted);
  CHECK(watcher.stages[0].status == 200);
  CHECK(watcher.stages[0].expires == 300s);
  CHECK(watcher.stages[1].stage == Stage::active);

  bench.advance(149s);
  CHECK(bench.sent() == 1);
  bench.advance(2s);
  REQUIRE(bench.sent() == 2);
  const auto refresh = bench.last();
  CHECK(refresh->request.uri() == "sip:push@10.0.0.9:5070");
  CHECK(header(refresh, "Route") == "<sip:10.0.0.1;lr>");
  CHECK(header(refresh, "To").find(";tag=peer-tag") != std::string::npos);
  CHECK(header(refresh, "CSeq") == "2 SUBSCRIBE");
  CHECK(header(refresh, "Expires") == "600");
  CHECK(tag_of_call(refresh) == tag_of_call(bench.stack.sent()[0]));
  refresh->answer(200, {{"Expires", "600"}});
  bench.settle();
  bench.advance(299s);
  CHECK(bench.sent() == 2);
  bench.advance(2s);
  CHECK(bench.sent() == 3);
  CHECK(watcher.count(Stage::accepted) == 1);
  CHECK(watcher.count(Stage::ended) == 0);
}

TEST_CASE("the expires of a NOTIFY shortens the subscription, counting down does not put off the refresh (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.live(watcher);
  bench.notify(*bench.last(), "active;expires=100");
  bench.advance(49s);
  CHECK(bench.sent() == 1);
  bench.notify(*bench.last(), "active;expires=51");
  bench.advance(2s);
  CHECK(bench.sent() == 2);
}

TEST_CASE("423 is tried again with Min-Expires, three times at most (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.subscribe(watcher);
  bench.last()->answer(423, {{"Min-Expires", "1800"}});
  bench.settle();
  REQUIRE(bench.sent() == 2);
  CHECK(header(bench.last(), "Expires") == "1800");
  CHECK(header(bench.last(), "CSeq") == "2 SUBSCRIBE");
  CHECK(header(bench.last(), "Call-ID") == tag_of_call(bench.stack.sent()[0]));
  SUBCASE("without a usable Min-Expires it is given up") {
    bench.last()->answer(423, {{"Min-Expires", "5"}});
    bench.settle();
    CHECK(bench.sent() == 2);
    REQUIRE(watcher.stages.size() == 1);
    CHECK(watcher.stages[0].status == 423);
    CHECK_FALSE(watcher.stages[0].again_in.has_value());
    CHECK(bench.watches->size() == 0);
  }
  SUBCASE("a notifier that raises for ever is left") {
    bench.last()->answer(423, {{"Min-Expires", "1900"}});
    bench.settle();
    bench.last()->answer(423, {{"Min-Expires", "2000"}});
    bench.settle();
    bench.last()->answer(423, {{"Min-Expires", "2100"}});
    bench.settle();
    CHECK(bench.sent() == 4);
    CHECK(bench.watches->size() == 0);
  }
}

TEST_CASE("489, 403 and challenges give up and say the status (PR-2)") {
  for (const int status : {489, 403, 401, 407, 404, 603}) {
    CAPTURE(status);
    ClientBench bench;
    NotingWatcher watcher;
    bench.subscribe(watcher);
    bench.last()->answer(status);
    bench.settle();
    REQUIRE(watcher.stages.size() == 1);
    CHECK(watcher.stages[0].stage == Stage::ended);
    CHECK(watcher.stages[0].status == status);
    CHECK_FALSE(watcher.stages[0].again_in.has_value());
    CHECK(bench.watches->size() == 0);
    bench.advance(2h);
    CHECK(bench.sent() == 1);
  }
}

TEST_CASE("a busy or silent notifier is asked again after a pause that grows (PR-3)") {
  ClientBench bench(1.0);
  NotingWatcher watcher;
  bench.subscribe(watcher);
  bench.last()->answer(503, {{"Retry-After", "60"}});
  bench.settle();
  REQUIRE(watcher.stages.size() == 1);
  CHECK(watcher.stages[0].again_in == Duration(60s));
  bench.advance(60s);
  REQUIRE(bench.sent() == 2);
  CHECK(tag_of_call(bench.last()) != tag_of_call(bench.stack.sent()[0]));
  bench.last()->fail(408, ResponseOrigin::timer);
  bench.settle();
  REQUIRE(watcher.stages.size() == 2);
  CHECK(watcher.stages[1].again_in == Duration(10s));
  CHECK(bench.watches->size() == 1);
}

TEST_CASE("who does not want to be subscribed again is told the end only (PR-5)") {
  ClientBench bench;
  NotingWatcher watcher;
  auto plan = ClientBench::plan();
  plan.again = false;
  SUBCASE("after a refusal") {
    bench.subscribe(plan, watcher);
    bench.last()->answer(503);
  }
  SUBCASE("after deactivated") {
    bench.live(watcher, plan);
    bench.notify(*bench.last(), "terminated;reason=deactivated");
  }
  bench.settle();
  REQUIRE_FALSE(watcher.stages.empty());
  CHECK(watcher.stages.back().stage == Stage::ended);
  CHECK_FALSE(watcher.stages.back().again_in.has_value());
  bench.advance(1h);
  CHECK(bench.sent() == 1);
  CHECK(bench.watches->size() == 0);
}

TEST_CASE("without a NOTIFY for Timer N the subscription has failed (PR-3)") {
  ClientBench bench(1.0);
  NotingWatcher watcher;
  bench.subscribe(watcher);
  const auto first = bench.last();
  first->answer(200, {{"Expires", "600"}, {"Contact", "<sip:push@10.0.0.9>"}});
  bench.settle();
  bench.advance(31s);
  CHECK(watcher.count(Stage::ended) == 0);
  bench.advance(2s);
  REQUIRE(watcher.count(Stage::ended) == 1);
  CHECK(watcher.stages.back().status == 200);
  CHECK(watcher.stages.back().again_in == Duration(5s));
  // What comes for it now comes for nothing.
  CHECK(bench.notify(*first, "active;expires=500").status == 0);
  bench.advance(5s);
  CHECK(bench.sent() == 2);
}

TEST_CASE("481 to a refresh makes a new dialog at once (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.live(watcher);
  bench.advance(301s);
  REQUIRE(bench.sent() == 2);
  bench.last()->answer(481);
  bench.settle();
  bench.advance(0s);
  REQUIRE(bench.sent() == 3);
  CHECK(tag_of_call(bench.last()) != tag_of_call(bench.stack.sent()[0]));
  CHECK(header(bench.last(), "To").find("tag=") == std::string::npos);
  CHECK(bench.last()->request.uri() == "sip:push@ims.lab");
  CHECK(watcher.stages.back().stage == Stage::ended);
  CHECK(watcher.stages.back().again_in == Duration::zero());
}

TEST_CASE("a refresh that times out is tried again until the subscription expires, then begun anew (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.live(watcher);
  bench.advance(301s);
  REQUIRE(bench.sent() == 2);
  bench.last()->answer(503);
  bench.settle();
  CHECK(watcher.count(Stage::ended) == 0);
  bench.advance(80s);
  REQUIRE(bench.sent() == 3);
  CHECK(tag_of_call(bench.last()) == tag_of_call(bench.stack.sent()[0]));
  // Still alive meanwhile.
  CHECK(bench.notify(*bench.stack.sent()[0], "active").status == 200);
  while (watcher.count(Stage::ended) == 0 && bench.sent() < 50) {
    bench.last()->answer(500);
    bench.advance(10s);
  }
  REQUIRE(watcher.count(Stage::ended) == 1);
  CHECK(watcher.stages.back().reason == EndReason::timeout);
  CHECK(tag_of_call(bench.last()) != tag_of_call(bench.stack.sent()[0]));
}

TEST_CASE("a NOTIFY is matched by dialog, Event and id; what does not match is refused (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  auto plan = ClientBench::plan();
  plan.event = "oma-push;appid=news.ua;id=42";
  bench.live(watcher, plan);
  const auto& dialog = *bench.last();
  CHECK(bench.notify(dialog, "active", {{"Event", "oma-push;id=42"}}).status == 200);
  CHECK(bench.notify(dialog, "active", {{"Event", "oma-push;id=43"}}).status == 481);
  CHECK(bench.notify(dialog, "active", {{"Event", "oma-push"}}).status == 481);
  const auto foreign = bench.notify(dialog, "active", {{"Event", "presence"}});
  CHECK(foreign.status == 489);
  REQUIRE(foreign.headers.size() == 1);
  CHECK(foreign.headers[0].name == "Allow-Events");
  CHECK(foreign.headers[0].value == "oma-push");
  CHECK(bench.notify(dialog, "active", {{"Event", ""}}).status == 400);
  CHECK(bench.notify(dialog, "active", {{"Subscription-State", ""}}).status == 400);
  CHECK(bench.notify(dialog, "active", {{"Call-ID", "other"}}).status == 0);
  CHECK(bench.notify(dialog, "active", {{"To", "<sip:alice@ims.lab>;tag=other"}}).status == 0);
  CHECK(watcher.notes.size() == 2);
}

TEST_CASE("the watcher's 415 goes out with its Accept, and the subscription lives on (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.live(watcher);
  watcher.answer = 415;
  const auto answer = bench.notify(*bench.last(), "active", {{"Content-Type", "image/x-odd"}}, "x");
  CHECK(answer.status == 415);
  REQUIRE(answer.headers.size() == 1);
  CHECK(answer.headers[0].value == "text/plain");
  CHECK(bench.watches->size() == 1);
}

TEST_CASE("a NOTIFY with a lower or repeated CSeq gets 500 and changes nothing (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.live(watcher);
  CHECK(bench.notify(*bench.last(), "active", {{"CSeq", "10 NOTIFY"}}, "ten").status == 200);
  CHECK(bench.notify(*bench.last(), "active", {{"CSeq", "9 NOTIFY"}}, "nine").status == 500);
  CHECK(bench.notify(*bench.last(), "active", {{"CSeq", "10 NOTIFY"}}, "ten").status == 500);
  CHECK(bench.notify(*bench.last(), "terminated;reason=rejected", {{"CSeq", "9 NOTIFY"}}).status == 500);
  CHECK(bench.watches->size() == 1);
  CHECK(watcher.notes.back().body == "ten");
}

TEST_CASE("a NOTIFY may overtake the 200 to the SUBSCRIBE (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.subscribe(watcher);
  CHECK(bench.notify(*bench.last(), "active;expires=600", {}, "early").status == 200);
  REQUIRE(watcher.stages.size() == 1);
  CHECK(watcher.stages[0].stage == Stage::active);
  bench.last()->answer(200, {{"Expires", "600"}, {"Contact", "<sip:push@10.0.0.9:5070>"}});
  bench.settle();
  CHECK(watcher.count(Stage::accepted) == 1);
  bench.advance(301s);
  CHECK(bench.sent() == 2);
  CHECK(header(bench.last(), "To").find(";tag=peer-tag") != std::string::npos);
}

TEST_CASE("of a forked SUBSCRIBE the first NOTIFY's dialog is kept, the others get 481 (PR-6, AS-62)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.subscribe(watcher);
  const auto& subscribe = *bench.last();
  const auto fork = [&](const char* tag) {
    return bench.notify(
        subscribe, "active;expires=600",
        {{"From", std::string("<sip:push@ims.lab>;tag=") + tag}, {"Contact", std::string("<sip:") + tag + "@10.0.0.9>"}});
  };
  CHECK(fork("one").status == 200);
  CHECK(fork("two").status == 481);
  // The one 200 that a forking proxy lets through may be of another fork.
  bench.stack.sent()[0]->remote_tag = "two";
  bench.last()->answer(200, {{"Expires", "600"}, {"Contact", "<sip:two@10.0.0.9>"}});
  bench.settle();
  CHECK(fork("two").status == 481);
  CHECK(fork("one").status == 200);
  bench.advance(301s);
  REQUIRE(bench.sent() == 2);
  CHECK(bench.last()->request.uri() == "sip:one@10.0.0.9");
  CHECK(header(bench.last(), "To").find(";tag=one") != std::string::npos);
}

TEST_CASE("deactivated and timeout subscribe anew at once, but not in circles (PR-5, PS-72)") {
  for (const char* reason : {"deactivated", "timeout"}) {
    CAPTURE(reason);
    ClientBench bench(1.0);
    NotingWatcher watcher;
    bench.live(watcher);
    CHECK(bench.notify(*bench.last(), std::string("terminated;reason=") + reason).status == 200);
    bench.advance(0s);
    REQUIRE(bench.sent() == 2);
    CHECK(tag_of_call(bench.last()) != tag_of_call(bench.stack.sent()[0]));
    CHECK(watcher.notes.back().status == SubscriptionStatus::terminated);
    CHECK(watcher.stages.back().again_in == Duration::zero());
    // The next one dies at once too.
    bench.last()->answer(200, {{"Expires", "600"}});
    bench.notify(*bench.last(), std::string("terminated;reason=") + reason);
    bench.advance(4s);
    CHECK(bench.sent() == 2);
    bench.advance(2s);
    CHECK(bench.sent() == 3);
  }
}

TEST_CASE("probation and giveup wait for retry-after (PR-5, PS-72)") {
  for (const char* reason : {"probation", "giveup"}) {
    CAPTURE(reason);
    ClientBench bench;
    NotingWatcher watcher;
    bench.live(watcher);
    bench.notify(*bench.last(), std::string("terminated;reason=") + reason + ";retry-after=45");
    CHECK(watcher.stages.back().again_in == Duration(45s));
    bench.advance(44s);
    CHECK(bench.sent() == 1);
    bench.advance(1s);
    CHECK(bench.sent() == 2);
  }
}

TEST_CASE("rejected, noresource and invariant are the end (PR-5, PS-72)") {
  for (const char* reason : {"rejected", "noresource", "invariant"}) {
    CAPTURE(reason);
    ClientBench bench;
    NotingWatcher watcher;
    bench.live(watcher);
    const auto dialog = bench.last();
    CHECK(bench.notify(*dialog, std::string("terminated;reason=") + reason).status == 200);
    CHECK(watcher.stages.back().stage == Stage::ended);
    CHECK(to_string(watcher.stages.back().reason) == reason);
    CHECK_FALSE(watcher.stages.back().again_in.has_value());
    CHECK(bench.watches->size() == 0);
    CHECK(bench.notify(*dialog, "active").status == 0);
    bench.advance(10h);
    CHECK(bench.sent() == 1);
  }
}

TEST_CASE("pending, then active: the progress says so once each (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  bench.subscribe(watcher);
  bench.last()->answer(202, {{"Expires", "600"}});
  bench.notify(*bench.last(), "pending;expires=600");
  bench.notify(*bench.last(), "pending;expires=590");
  bench.notify(*bench.last(), "active;expires=580");
  CHECK(watcher.count(Stage::pending) == 1);
  CHECK(watcher.count(Stage::active) == 1);
}

TEST_CASE("un-subscribing sends Expires 0 in the dialog and ends with the last NOTIFY (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto id = bench.live(watcher);
  const auto done = bench.executor.run([&] { return bench.watches->unsubscribe(id); });
  bench.settle();
  REQUIRE(bench.sent() == 2);
  CHECK(header(bench.last(), "Expires") == "0");
  CHECK(header(bench.last(), "CSeq") == "2 SUBSCRIBE");
  bench.last()->answer(200, {{"Expires", "0"}});
  bench.settle();
  CHECK_FALSE(done.ready());
  SUBCASE("which comes") {
    CHECK(bench.notify(*bench.stack.sent()[0], "active;expires=3", {}, "crossed").status == 200);
    CHECK_FALSE(done.ready());
    CHECK(bench.notify(*bench.stack.sent()[0], "terminated;reason=timeout").status == 200);
  }
  SUBCASE("or does not within Timer N") { bench.advance(33s); }
  CHECK(done.ready());
  CHECK(bench.watches->size() == 0);
  CHECK(watcher.count(Stage::ended) == 1);
  bench.advance(2h);
  CHECK(bench.sent() == 2);
}

TEST_CASE("un-subscribing while the SUBSCRIBE is out waits for its answer (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto id = bench.subscribe(watcher);
  const auto done = bench.executor.run([&] { return bench.watches->unsubscribe(id); });
  bench.settle();
  CHECK(bench.sent() == 1);
  SUBCASE("200: then Expires 0 in the dialog it made") {
    bench.last()->answer(200, {{"Expires", "600"}, {"Contact", "<sip:push@10.0.0.9:5070>"}});
    bench.settle();
    REQUIRE(bench.sent() == 2);
    CHECK(header(bench.last(), "Expires") == "0");
    CHECK(bench.last()->request.uri() == "sip:push@10.0.0.9:5070");
    bench.last()->answer(200);
    CHECK(bench.notify(*bench.stack.sent()[0], "terminated;reason=timeout").status == 200);
  }
  SUBCASE("a refusal is the end as well") {
    bench.last()->answer(403);
    bench.settle();
  }
  CHECK(done.ready());
  CHECK(bench.watches->size() == 0);
}

TEST_CASE("un-subscribing what waits for its next attempt ends it silently (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto id = bench.subscribe(watcher);
  bench.last()->answer(503);
  bench.settle();
  const auto done = bench.executor.run([&] { return bench.watches->unsubscribe(id); });
  CHECK(done.ready());
  bench.advance(1h);
  CHECK(bench.sent() == 1);
  CHECK(bench.executor.run([&] { return bench.watches->unsubscribe(id); }).ready());
}

TEST_CASE("a fetch is one SUBSCRIBE with Expires 0 and one NOTIFY (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  auto plan = ClientBench::plan();
  plan.expires = 0s;
  bench.subscribe(plan, watcher);
  CHECK(header(bench.last(), "Expires") == "0");
  bench.last()->answer(200, {{"Expires", "0"}});
  bench.settle();
  SUBCASE("answered") {
    CHECK(bench.notify(*bench.last(), "terminated;reason=timeout", {}, "state").status == 200);
    CHECK(watcher.notes.at(0).body == "state");
  }
  SUBCASE("without a NOTIFY") { bench.advance(33s); }
  CHECK(watcher.count(Stage::ended) == 1);
  CHECK_FALSE(watcher.stages.back().again_in.has_value());
  CHECK(bench.watches->size() == 0);
  CHECK(bench.sent() == 1);
}

TEST_CASE("refresh() asks for the state at once, and now when the next attempt is waited for (PR-2)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto id = bench.live(watcher);
  bench.executor.run([&] { bench.watches->refresh(id); });
  CHECK(bench.sent() == 2);
  bench.executor.run([&] { bench.watches->refresh(id); });  // one at a time
  CHECK(bench.sent() == 2);
  bench.last()->answer(200, {{"Expires", "600"}});
  bench.settle();
  CHECK(bench.sent() == 3);
  bench.last()->answer(200, {{"Expires", "600"}});
  bench.notify(*bench.stack.sent()[0], "terminated;reason=giveup;retry-after=300");
  bench.executor.run([&] { bench.watches->refresh(id); });
  CHECK(bench.sent() == 4);
  CHECK(header(bench.last(), "To").find("tag=") == std::string::npos);
}

TEST_CASE("an abandoned subscription says nothing more, to nobody (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  const auto id = bench.live(watcher);
  const auto dialog = bench.last();
  bench.executor.run([&] { bench.watches->abandon(id); });
  bench.settle();
  CHECK(bench.notify(*dialog, "active").status == 0);
  bench.advance(2h);
  CHECK(bench.sent() == 1);
  CHECK(watcher.notes.size() == 1);
  CHECK(watcher.count(Stage::ended) == 0);
}

TEST_CASE("a watcher may end its subscription from inside its calls (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  SUBCASE("abandon in on_notify") {
    watcher.during_notify = [&](WatchId id) { bench.watches->abandon(id); };
    bench.live(watcher);
    CHECK(bench.watches->size() == 0);
  }
  SUBCASE("unsubscribe in on_notify") {
    watcher.during_notify = [&](WatchId id) { static_cast<void>(bench.watches->unsubscribe(id)); };
    bench.live(watcher);
    CHECK(header(bench.last(), "Expires") == "0");
  }
  SUBCASE("abandon when told of the end") {
    watcher.during_progress = [&](WatchId id, const WatchProgress& progress) {
      if (progress.stage == Stage::ended) bench.watches->abandon(id);
    };
    bench.live(watcher);
    bench.notify(*bench.last(), "terminated;reason=deactivated");
    bench.advance(1h);
    CHECK(bench.sent() == 1);
    CHECK(bench.watches->size() == 0);
  }
  SUBCASE("subscribe anew when told of the end") {
    watcher.during_progress = [&](WatchId, const WatchProgress& progress) {
      if (progress.stage == Stage::ended) static_cast<void>(bench.watches->subscribe(ClientBench::plan(), watcher));
    };
    bench.live(watcher);
    bench.notify(*bench.last(), "terminated;reason=rejected");
    CHECK(bench.sent() == 2);
    CHECK(bench.watches->size() == 1);
  }
}

TEST_CASE("an exception of a watcher becomes 500 to the NOTIFY and goes no further (PR-4)") {
  ClientBench bench;
  NotingWatcher watcher;
  watcher.during_notify = [](WatchId) { throw std::runtime_error("watcher"); };
  bench.subscribe(watcher);
  CHECK(bench.notify(*bench.last(), "active;expires=600").status == 500);
  CHECK(bench.watches->size() == 1);
}

TEST_CASE("thousands of subscriptions refresh spread over time (PR-2)") {
  ClientBench bench(0.0, 5000);
  // Jitter that walks through 0..1.
  double walk = 0;
  auto side = bench.side(0.0, 5000);
  side.random = [&walk] { return walk = walk >= 0.99 ? 0.0 : walk + 0.01; };
  const auto watches = event::WatchClient::make(side);
  NotingWatcher watcher;
  for (int i = 0; i < 2000; ++i) {
    auto plan = ClientBench::plan();
    plan.from = "<sip:user" + std::to_string(i) + "@ims.lab>";
    REQUIRE(bench.executor.run([&] { return watches->subscribe(plan, watcher); }).has_value());
    const auto sent = bench.last();
    sent->answer(200, {{"Expires", "600"}});
    const auto notify = bench.make_notify(*sent, "active;expires=600");
    CHECK(bench.executor.run([&] { return watches->take(notify); }).has_value());
  }
  CHECK(watches->size() == 2000);
  bench.advance(271s);
  CHECK(bench.sent() < 2200);
  bench.advance(15s);
  CHECK(bench.sent() > 2500);
  CHECK(bench.sent() < 3500);
  bench.advance(15s);
  CHECK(bench.sent() == 4000);
  bench.executor.run([&] { watches->stop(); });
  CHECK(watches->size() == 0);
}
