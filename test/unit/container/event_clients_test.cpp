// Subscriptions, REFERs and publications by way of the container: dispatch, shards, answers.
#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct CountingWatcher final : Watcher {
  int on_notify(WatchId, const Notification& notification, std::vector<SipHeaderField>&) override {
    bodies.push_back(notification.message.body);
    return 200;
  }
  std::vector<std::string> bodies;
};

SubscribePlan presence_plan() {
  SubscribePlan plan;
  plan.from = "<sip:push@ims.lab>";
  plan.to = "<sip:alice@ims.lab>";
  plan.routes = {"<sip:127.0.0.1:6060;lr>"};
  plan.event = "presence";
  return plan;
}

SipMessage notify_for(const SipMessage& request, unsigned cseq, std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{{"From", std::string(*request.headers.get("To")) + ";tag=peer"},
                                      {"To", std::string(*request.headers.get("From"))},
                                      {"Call-ID", std::string(*request.headers.get("Call-ID"))},
                                      {"CSeq", std::to_string(cseq) + " NOTIFY"},
                                      {"Contact", "<sip:alice@127.0.0.1:6060>"},
                                      {"Event", "presence"},
                                      {"Subscription-State", "active;expires=600"}};
  for (auto& field : extra) headers.push_back(std::move(field));
  return sip_request("NOTIFY", "sip:push@127.0.0.1:5065", std::move(headers), "state");
}

struct NotingPackage final : PublicationPackage {
  PublicationRules rules() const override {
    PublicationRules made;
    made.package = "presence";
    made.types = {"text/plain"};
    return made;
  }
  Expected<void> check(const Publication&) const override { return {}; }
  void changed(const std::string& resource, const std::vector<Publication>& current) override {
    told.push_back(resource + " " + std::to_string(current.size()));
    if (!current.empty()) publisher = current.front().publisher;
  }
  std::vector<std::string> told;
  std::string publisher;
};

SipMessage publish_of(const std::string& user, std::vector<SipHeaderField> headers, std::string body) {
  headers.push_back({"Event", "presence"});
  headers.push_back({"Route", "<sip:127.0.0.1:5065;lr;app=push;sess=pub>"});
  headers.push_back({"P-Asserted-Identity", "<" + user + ">"});
  return sip_request("PUBLISH", user, std::move(headers), std::move(body));
}

ServiceProfile publish_profile() {
  auto profile = push_profile();
  ServiceTrigger trigger;
  trigger.name = "publish";
  trigger.priority = 40;
  Condition condition;
  condition.test = Condition::Method{"PUBLISH"};
  trigger.when = std::move(condition);
  trigger.tag = "pub";
  profile.triggers.push_back(std::move(trigger));
  return profile;
}

Bench::Options publish_options(unsigned shards) {
  Bench::Options options;
  options.shards = shards;
  options.profiles = {publish_profile()};
  return options;
}

}  // namespace

TEST_CASE("a NOTIFY for a subscription of a module reaches its watcher; any other in-dialog NOTIFY gets 481 (PR-4, AS-66)") {
  Bench bench;
  CountingWatcher watcher;
  auto& subscriber = bench.script.context->subscriber();
  bench.executors[0]->run([&] { REQUIRE(subscriber.subscribe(presence_plan(), watcher).has_value()); });
  REQUIRE(bench.stack().sent().size() == 1);
  const auto& sent = *bench.stack().sent()[0];
  CHECK(subscriber.size() == 1);
  const auto call = bench.stack().receive(notify_for(sent.request, 1));
  bench.settle();
  CHECK(call->final() == 200);
  CHECK(watcher.bodies == std::vector<std::string>{"state"});
  SUBCASE("a fork") {
    auto other = notify_for(sent.request, 2);
    other.headers.set("From", "<sip:alice@ims.lab>;tag=fork");
    const auto refused = bench.stack().receive(other);
    bench.settle();
    CHECK(refused->final() == 481);
  }
  SUBCASE("a dialog nobody has") {
    auto other = notify_for(sent.request, 2);
    other.headers.set("Call-ID", "unknown");
    const auto refused = bench.stack().receive(other);
    bench.settle();
    CHECK(refused->final() == 481);
  }
  SUBCASE("an extension nobody has") {
    const auto refused = bench.stack().receive(notify_for(sent.request, 2, {{"Require", "timetravel"}}));
    bench.settle();
    CHECK(refused->final() == 420);
    CHECK(refused->last().headers.get("Unsupported") == "timetravel");
  }
  CHECK(watcher.bodies.size() == 1);
  CHECK(bench.status().server_transactions == 0);
}

TEST_CASE("a stopped container sends nothing for its subscriptions any more (PR-2)") {
  Bench bench;
  CountingWatcher watcher;
  bench.executors[0]->run([&] { REQUIRE(bench.script.context->subscriber().subscribe(presence_plan(), watcher).has_value()); });
  bench.executors[0]->run([&] { bench.containers[0]->stop(); });
  bench.advance(2h);
  CHECK(bench.stack().sent().size() == 1);
  CHECK(bench.stack().sent()[0]->abandoned);
}

TEST_CASE("PUBLISH is kept on the home shard of its user, whatever shard it came to (PS-103, ST-46)") {
  std::vector<std::unique_ptr<NotingPackage>> packages;
  std::vector<ServletContext*> contexts;
  Bench bench([] {
    auto options = publish_options(2);
    options.start = false;
    return options;
  }());
  bench.script.methods.push_back("PUBLISH");
  bench.script.on_init = [&](ServletContext& context) {
    packages.push_back(std::make_unique<NotingPackage>());
    contexts.push_back(&context);
    context.event_state().add_package(*packages.back());
  };
  bench.script.hooks["PUBLISH"] = [&](SipServletRequest request) -> Task<void> {
    auto& state = contexts[0]->event_state();
    return state.publish(request, canonical_identity(request.uri()));
  };
  bench.start();
  REQUIRE(packages.size() == 2);
  // A user at home on the other shard.
  std::string user;
  for (int i = 0; container::home_shard_of(user = "sip:u" + std::to_string(i) + "@ims.lab", 2) != 1;) ++i;
  const auto call = bench.stack(0).receive(publish_of(user, {{"Content-Type", "text/plain"}, {"Expires", "600"}}, "open"));
  bench.settle();
  REQUIRE(call->final() == 200);
  const auto tag = call->last().headers.get("SIP-ETag").value_or("");
  CHECK(tag.size() >= 13);
  CHECK(call->last().headers.get("Expires") == "600");
  CHECK(packages[0]->told.empty());
  CHECK(packages[1]->told == std::vector<std::string>{user + " 1"});
  CHECK(packages[1]->publisher == user);
  CHECK(contexts[1]->event_state().find("presence", user).size() == 1);
  CHECK(contexts[1]->event_state().size() == 1);
  CHECK(contexts[0]->event_state().size() == 0);

  const auto unknown = bench.stack(0).receive(publish_of(user, {{"SIP-If-Match", "nonsense"}}, ""));
  bench.settle();
  CHECK(unknown->final() == 412);
  const auto twice = bench.stack(0).receive(publish_of(user, {{"SIP-If-Match", "a"}, {"SIP-If-Match", "b"}}, ""));
  bench.settle();
  CHECK(twice->final() == 400);
  bench.advance(601s);
  CHECK(packages[1]->told.back() == user + " 0");
}
