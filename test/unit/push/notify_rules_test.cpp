// The parts behind pushes in NOTIFYs, one by one: queue, choice of content, bodies, plan.
#include <doctest/doctest.h>

#include "delivery/content_choice.h"
#include "delivery/delivery_plan.h"
#include "mode/envelope.h"
#include "subscription/notify_queue.h"
#include "subscription/push_package.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

NotifyQueue::Item item(std::string push, std::string application = "news.ua", Priority priority = Priority::medium) {
  const auto order = static_cast<std::uint32_t>(push.front());
  return {SlotId{}, std::move(push), 0, std::move(application), priority, order};
}

std::string order(const NotifyQueue& queue, std::string_view key, std::size_t limit = 100) {
  std::string names;
  for (const auto& entry : queue.best("alice", key, limit)) names += entry.push;
  return names;
}

PushJob job(std::vector<Content> contents) {
  PushJob made;
  made.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  made.application = "news.ua";
  made.sender = "sip:push@ims.lab";
  made.contents = std::move(contents);
  made.expires = WallTime(std::chrono::hours(24 * 365 * 60));
  return made;
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("sip-push.md 6: the queue gives by priority, then by age of the push, per application or for all") {
  NotifyQueue queue;
  queue.add("alice", item("C"));
  queue.add("alice", item("A", "news.ua", Priority::low));
  queue.add("alice", item("B"));
  queue.add("alice", item("D", "mms.ua", Priority::high));
  queue.add("bob", item("E"));
  CHECK(order(queue, "*") == "DBCA");
  CHECK(order(queue, "news.ua") == "BCA");
  CHECK(order(queue, "news.ua", 2) == "BC");
  CHECK(order(queue, "ulp.ua").empty());
  CHECK(queue.count("alice", "*") == 4);
  CHECK(queue.size() == 5);
  CHECK(queue.remove("alice", Priority::medium, 'B'));
  CHECK_FALSE(queue.remove("alice", Priority::medium, 'B'));
  CHECK_FALSE(queue.remove("carol", Priority::medium, 'B'));
  CHECK(order(queue, "*") == "DCA");
}

TEST_CASE("PS-77: the tag is that of the set of queued ids, whatever order they came in") {
  NotifyQueue one;
  NotifyQueue two;
  CHECK(one.etag("alice", "news.ua") == two.etag("bob", "*"));
  for (const auto* name : {"A", "B", "C"}) one.add("alice", item(name));
  for (const auto* name : {"C", "A", "B"}) two.add("alice", item(name));
  CHECK(one.etag("alice", "news.ua") == two.etag("alice", "news.ua"));
  CHECK(one.etag("alice", "news.ua") == one.etag("alice", "*"));
  const auto full = one.etag("alice", "news.ua");
  one.remove("alice", Priority::medium, 'B');
  CHECK(one.etag("alice", "news.ua") != full);
  one.add("alice", item("B"));
  CHECK(one.etag("alice", "news.ua") == full);
  one.add("alice", item("D", "mms.ua"));
  CHECK(one.etag("alice", "news.ua") == full);
  CHECK(one.etag("alice", "*") != full);
}

TEST_CASE("section 7, PS-19: which content a subscription takes, and as what") {
  struct Row {
    List accept;
    std::uint8_t from;
    std::optional<NotifyForm> form;
  };
  const auto push = job({{"text/html;charset=utf-8", "<b>"}, {"text/plain", "b"}, {"image/png", "p"}});
  const Row rows[] = {
      {{}, 0, NotifyForm{0, true}},
      {{"application/vnd.oma.push"}, 0, NotifyForm{0, true}},
      {{"application/vnd.oma.push"}, 1, NotifyForm{1, true}},
      {{"text/plain"}, 0, NotifyForm{1, false}},
      {{"text/*"}, 0, NotifyForm{0, false}},
      {{"*/*"}, 0, NotifyForm{0, false}},
      {{"*/*"}, 2, NotifyForm{2, false}},
      {{"image/*;q=0.5", "application/vnd.oma.push"}, 0, NotifyForm{2, false}},
      {{"text/html;q=0", "text/plain;q=0.0", "image/png"}, 0, NotifyForm{2, false}},
      {{"text/plain"}, 2, std::nullopt},
      {{"multipart/mixed"}, 0, std::nullopt},
      {{"image/jpeg"}, 0, std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.accept.size());
    CHECK(choose_for_notify(push, row.from, row.accept, {}) == row.form);
  }
  Capabilities failures;
  failures.facts.push_back({FactKind::type, "text/plain", false, FactSource::failure, {}, {}, {}, {}});
  CHECK(choose_for_notify(push, 0, {"text/plain", "image/png"}, {nullptr, &failures}) == NotifyForm{2, false});
}

TEST_CASE("PS-30, PS-31, F-6: bodies of NOTIFYs") {
  auto push = job({{"text/plain", "Goal!"}});
  EnvelopeRules rules;
  rules.domain = "ims.lab";
  const EnvelopeItem plain{&push, {0, false}, nullptr};
  auto made = wrap_one(plain, rules);
  CHECK(made.type == "text/plain");
  CHECK(made.body == "Goal!");
  CHECK(made.headers.size() == 2);
  // The notifier's room is counted in octets on the wire.
  std::size_t size = made.body.size() + std::string("Content-Type: text/plain\r\n").size();
  for (const auto& field : made.headers) size += field.name.size() + 2 + field.value.size() + 2;
  CHECK(made.size() == size);

  const ContentReference reference{"https://push.example/content/x", WallTime(std::chrono::seconds(1767225600)), 48211,
                                   "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"};
  made = wrap_one({&push, {0, false}, &reference}, rules);
  CHECK(made.type ==
        "message/external-body;access-type=\"URL\";URL=\"https://push.example/content/x\";expiration=\"Thu, 01 Jan 2026 00:00:00 "
        "GMT\";size=48211;hash=2fd4e1c67a2d28fced849ee1bb76e7391b93eb12");
  CHECK(made.body ==
        "Content-Type: text/plain\r\nContent-ID: <01ARZ3NDEKTSV4RRFFQ69G5FAV@ims.lab>\r\nContent-Disposition: render\r\n\r\n");

  auto other = job({{"application/octet-stream", std::string("\0\r\n--", 5)}});
  other.priority = Priority::high;
  rules.name_application = true;
  const EnvelopeItem items[] = {plain, {&other, {0, true}, nullptr}, {&push, {0, false}, &reference}};
  made = wrap_many(items, rules, "b0undary");
  const auto parts = parse_multipart(made.type, made.body);
  REQUIRE(parts.has_value());
  REQUIRE(parts->size() == 3);
  CHECK((*parts)[0].body == "Goal!");
  CHECK((*parts)[0].headers.get("X-Wap-Application-Id") == "news.ua");
  CHECK((*parts)[1].headers.get("Content-Type") == "application/vnd.oma.push");
  CHECK((*parts)[1].headers.get("Priority") == "urgent");
  CHECK((*parts)[1].body == std::string("\0\r\n--", 5));
  CHECK((*parts)[2].headers.get("Content-Type").value_or("").starts_with("message/external-body;"));
  CHECK((*parts)[2].body.starts_with("Content-Type: text/plain\r\n"));
}

TEST_CASE("sip-push.md 6: what the package may send, and how fast") {
  ServiceProfile service;
  ServiceApplication news;
  news.id = "news.ua";
  news.types = {"text/plain", "image/png"};
  news.max_rate = 0.5;
  ServiceApplication mms;
  mms.id = "mms.ua";
  mms.types = {"text/plain"};
  mms.max_rate = 4;
  service.apps = {news, mms};
  CHECK(package_body_types({service}) ==
        List{"application/vnd.oma.push", "text/plain", "image/png", "message/external-body", "multipart/mixed"});
  CHECK(highest_rate({service}) == 4.0);
  service.apps[0].max_rate = 0;
  CHECK(highest_rate({service}) == 0.0);
  CHECK(highest_rate({}) == 1.0);
  CHECK(is_blocked_key(blocked_key("news.ua")));
  CHECK_FALSE(is_blocked_key("news.ua"));
}

namespace {

struct PlanCase {
  PlanCase() : push(job({{"text/plain", "Goal!"}})) {
    delivery.address = "sip:alice@ims.lab";
    application.id = "news.ua";
    application.consent = ConsentDefault::open;
    rules.next_hop = "sip:127.0.0.1:6060;lr";
    reach.state = Reachability::State::registered;
  }
  [[nodiscard]] Plan decide() const {
    return plan(PlanInput{push, delivery, application, reach, {}, WallTime{}, {}, capabilities, subscriptions}, rules);
  }
  [[nodiscard]] std::string outcome() const {
    const auto decision = decide();
    if (const auto* attempt = std::get_if<Attempt>(&decision)) return std::string(to_string(attempt->mode));
    if (const auto* wait = std::get_if<Wait>(&decision)) return "wait " + wait->cause;
    return "refuse " + std::get<Refuse>(decision).cause;
  }
  PushJob push;
  Delivery delivery;
  ServiceApplication application;
  Reachability reach;
  Capabilities capabilities;
  std::vector<NotifyPath> subscriptions;
  PlanRules rules;
};

}  // namespace

TEST_CASE("PS-81, sip-push.md 8.4: the plan's choice of a mode") {
  PlanCase c;
  SUBCASE("pager without a subscription, NOTIFY with one, registered or not") {
    CHECK(c.outcome() == "pager");
    c.subscriptions = {{{"text/plain"}}};
    CHECK(c.outcome() == "notify");
    c.reach.state = Reachability::State::unregistered;
    CHECK(c.outcome() == "notify");
  }
  SUBCASE("the order is configuration; a mode that is not named is not used") {
    c.subscriptions = {{{}}};
    c.rules.mode_order = {DeliveryMode::pager, DeliveryMode::notify};
    CHECK(c.outcome() == "pager");
    c.reach.state = Reachability::State::unregistered;
    CHECK(c.outcome() == "notify");
    c.rules.mode_order = {DeliveryMode::pager};
    CHECK(c.outcome() == "wait registration:none");
  }
  SUBCASE("the initiator may force either") {
    c.push.mode = Mode::notify;
    CHECK(c.outcome() == "wait subscription:none");
    c.subscriptions = {{{}}};
    CHECK(c.outcome() == "notify");
    c.push.mode = Mode::pager;
    CHECK(c.outcome() == "pager");
    c.application.modes = {DeliveryMode::notify};
    CHECK(c.outcome() == "refuse capability:mode");
  }
  SUBCASE("an application that is for subscribers only waits for one") {
    c.application.modes = {DeliveryMode::notify};
    CHECK(c.outcome() == "wait subscription:none");
  }
  SUBCASE("a subscription that takes none of it leaves it to the next mode") {
    c.subscriptions = {{{"image/png"}}};
    CHECK(c.outcome() == "pager");
    c.subscriptions.push_back({{"text/*"}});
    CHECK(c.outcome() == "notify");
    c.subscriptions.pop_back();
    c.push.mode = Mode::notify;
    CHECK(c.outcome() == "refuse capability:content");
  }
  SUBCASE("what did not fit into a NOTIFY does not try again") {
    c.subscriptions = {{{}}};
    c.delivery.mark_tried(Fix::no_notify);
    CHECK(c.outcome() == "pager");
    c.push.mode = Mode::notify;
    CHECK(c.outcome() == "refuse capability:size");
  }
  SUBCASE("what is known about modes counts; a refused type is not sent in a NOTIFY again") {
    c.subscriptions = {{{"text/plain"}}};
    c.capabilities.facts.push_back({FactKind::type, "text/plain", false, FactSource::failure, {}, {}, {}, {}});
    CHECK(c.outcome() != "notify");
    c.capabilities.facts.clear();
    c.capabilities.facts.push_back({FactKind::mode, "notify", false, FactSource::failure, {}, {}, {}, {}});
    CHECK(c.outcome() == "pager");
  }
}
