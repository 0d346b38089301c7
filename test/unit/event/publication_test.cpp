#include <doctest/doctest.h>

#include "doubles/chaos_store.h"
#include "doubles/fake_sip_stack.h"
#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "event/publication_table.h"
#include "store/memory_store.h"

using namespace herald;
using namespace herald::event;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct PresencePackage final : PublicationPackage {
  PublicationRules rules() const override {
    PublicationRules made;
    made.package = "presence";
    made.types = {"application/pidf+xml", "text/plain"};
    made.max_body_bytes = 100;
    made.max_per_resource = 3;
    return made;
  }
  Expected<void> check(const Publication& publication) const override {
    if (publication.body == "malformed") return fail(ErrorCode::invalid, "malformed");
    if (publication.body == "odd") return fail(ErrorCode::unsupported, "odd");
    if (publication.body == "foreign") return fail(ErrorCode::forbidden, "foreign");
    if (publication.body == "throw") throw std::runtime_error("check");
    return {};
  }
  void changed(const std::string& resource, const std::vector<Publication>& current) override {
    std::string text = resource + ":";
    for (const auto& each : current) text += " " + each.body;
    told.push_back(text);
    if (throws) throw std::runtime_error("changed");
  }
  std::vector<std::string> told;
  bool throws = false;
};

store::MemoryOptions on(const Clock& clock) {
  store::MemoryOptions options;
  options.clock = &clock;
  return options;
}

struct Node {
  Node(ManualExecutor& where, Store& store, PublicationTable::Options options = {})
      : executor(where), table(PublicationTable::make(where, store, std::move(options))) {
    table->add_package(package);
  }
  ~Node() {
    executor.run([&] { table->stop(); });
    executor.run_ready();
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  static Task<void> run(std::shared_ptr<PublicationTable> where, PublishOrder order, std::optional<PublishAnswer>& answer) {
    auto task = PublicationTable::publish(std::move(where), std::move(order));
    answer = co_await std::move(task);
  }
  static Task<void> read_back(std::shared_ptr<PublicationTable> where, bool& good) {
    auto task = PublicationTable::load(std::move(where));
    const auto loaded = co_await std::move(task);
    good = loaded.has_value();
  }
  PublishAnswer publish(std::vector<SipHeaderField> headers, std::string body = {}, std::string resource = "sip:alice@ims.lab") {
    bool has_event = false;
    for (const auto& header : headers) has_event = has_event || header.name == "Event";
    if (!has_event) headers.push_back({"Event", "presence"});
    auto order = read_publish(sip_request("PUBLISH", resource, std::move(headers), std::move(body)));
    if (!order) return {400};
    order->resource = std::move(resource);
    order->publisher = "sip:alice@ims.lab";
    std::optional<PublishAnswer> answer;
    executor.run([&] { spawn(run(table, std::move(*order), answer)); });
    executor.run_ready();
    return answer.value_or(PublishAnswer{0});
  }
  std::string create(const std::string& body, const std::string& expires = "600") {
    const auto answer = publish({{"Content-Type", "text/plain"}, {"Expires", expires}}, body);
    CHECK(answer.status == 200);
    return header(answer, "SIP-ETag");
  }
  bool load() {
    bool good = false;
    executor.run([&] { spawn(read_back(table, good)); });
    executor.run_ready();
    return good;
  }
  static std::string header(const PublishAnswer& answer, std::string_view name) {
    for (const auto& each : answer.headers)
      if (same_header_name(each.name, name)) return each.value;
    return "<none>";
  }
  [[nodiscard]] std::vector<Publication> current(std::string_view resource = "sip:alice@ims.lab") const {
    return table->find("presence", resource);
  }

  ManualExecutor& executor;
  PresencePackage package;
  std::shared_ptr<PublicationTable> table;
};

struct Lab {
  VirtualClock clock;
  ManualExecutor executor{clock};
  store::MemoryStore store{on(clock)};
  Node node{executor, store};
};

}  // namespace

TEST_CASE("PUBLISH with a body and no entity-tag creates: a new SIP-ETag and the granted Expires (PS-103)") {
  Lab lab;
  const auto answer = lab.node.publish({{"Content-Type", "text/plain;charset=utf-8"}, {"Expires", "600"}}, "open");
  CHECK(answer.status == 200);
  CHECK(Node::header(answer, "SIP-ETag").size() >= 13);  // 64 random bits
  CHECK(Node::header(answer, "Expires") == "600");
  REQUIRE(lab.node.current().size() == 1);
  const auto kept = lab.node.current()[0];
  CHECK(kept.body == "open");
  CHECK(kept.type == "text/plain;charset=utf-8");
  CHECK(kept.publisher == "sip:alice@ims.lab");
  CHECK(kept.etag == Node::header(answer, "SIP-ETag"));
  CHECK(kept.expires - kept.updated == 600s);
  CHECK(lab.node.package.told == std::vector<std::string>{"sip:alice@ims.lab: open"});
}

TEST_CASE("Expires: default without, at most the maximum, 423 with Min-Expires below the least (PS-103)") {
  Lab lab;
  CHECK(Node::header(lab.node.publish({{"Content-Type", "text/plain"}}, "a"), "Expires") == "3600");
  CHECK(Node::header(lab.node.publish({{"Content-Type", "text/plain"}, {"Expires", "9999999"}}, "b"), "Expires") == "86400");
  const auto brief = lab.node.publish({{"Content-Type", "text/plain"}, {"Expires", "59"}}, "c");
  CHECK(brief.status == 423);
  CHECK(Node::header(brief, "Min-Expires") == "60");
  CHECK(lab.node.publish({{"Content-Type", "text/plain"}, {"Expires", "soon"}}, "d").status == 400);
  CHECK(lab.node.current().size() == 2);
}

TEST_CASE("an entity-tag without a body refreshes, and every 2xx brings a new tag (PS-103)") {
  Lab lab;
  const auto first = lab.node.create("open");
  lab.executor.advance(500s);
  const auto answer = lab.node.publish({{"SIP-If-Match", first}, {"Expires", "600"}});
  CHECK(answer.status == 200);
  const auto second = Node::header(answer, "SIP-ETag");
  CHECK(second != first);
  CHECK(Node::header(answer, "Expires") == "600");
  lab.executor.advance(500s);
  REQUIRE(lab.node.current().size() == 1);
  CHECK(lab.node.current()[0].body == "open");
  // The old one is worth nothing any more.
  CHECK(lab.node.publish({{"SIP-If-Match", first}}).status == 412);
}

TEST_CASE("an entity-tag with a body modifies (PS-103)") {
  Lab lab;
  const auto first = lab.node.create("open");
  const auto answer = lab.node.publish({{"SIP-If-Match", first}, {"Content-Type", "text/plain"}}, "closed");
  CHECK(answer.status == 200);
  CHECK(Node::header(answer, "SIP-ETag") != first);
  REQUIRE(lab.node.current().size() == 1);
  CHECK(lab.node.current()[0].body == "closed");
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab: closed");
}

TEST_CASE("an entity-tag with Expires 0 removes, at once (PS-103, PS-106)") {
  Lab lab;
  const auto tag = lab.node.create("open");
  const auto answer = lab.node.publish({{"SIP-If-Match", tag}, {"Expires", "0"}});
  CHECK(answer.status == 200);
  CHECK(Node::header(answer, "Expires") == "0");
  CHECK(Node::header(answer, "SIP-ETag") != tag);
  CHECK(lab.node.current().empty());
  CHECK(lab.node.table->size() == 0);
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab:");
  CHECK(lab.node.publish({{"SIP-If-Match", tag}, {"Expires", "0"}}).status == 412);
  // And nothing comes back after a restart.
  Node again(lab.executor, lab.store);
  CHECK(again.load());
  CHECK(again.table->size() == 0);
}

TEST_CASE("unknown entity-tags, also of another user or package, get 412 (PS-103)") {
  Lab lab;
  const auto tag = lab.node.create("open");
  CHECK(lab.node.publish({{"SIP-If-Match", "nonsense"}}).status == 412);
  CHECK(lab.node.publish({{"SIP-If-Match", tag}}, {}, "sip:bob@ims.lab").status == 412);
  CHECK(lab.node.publish({{"SIP-If-Match", tag}}).status == 200);
}

TEST_CASE("unknown packages get 489 with Allow-Events (PS-103)") {
  Lab lab;
  for (const char* event : {"weather", "", "pres ence"}) {
    CAPTURE(event);
    const auto answer = lab.node.publish({{"Event", event}, {"Content-Type", "text/plain"}}, "x");
    CHECK(answer.status == 489);
    CHECK(Node::header(answer, "Allow-Events") == "presence");
  }
}

TEST_CASE("types the package does not take get 415 with Accept, bodies over the limit 413 (PS-103)") {
  Lab lab;
  const auto answer = lab.node.publish({{"Content-Type", "image/png"}}, "x");
  CHECK(answer.status == 415);
  CHECK(Node::header(answer, "Accept") == "application/pidf+xml, text/plain");
  CHECK(lab.node.publish({}, "no type").status == 415);
  const auto encoded = lab.node.publish({{"Content-Type", "text/plain"}, {"Content-Encoding", "gzip"}}, "x");
  CHECK(encoded.status == 415);
  CHECK(Node::header(encoded, "Accept-Encoding") == "identity");
  CHECK(lab.node.publish({{"Content-Type", "text/plain"}}, std::string(101, 'x')).status == 413);
  CHECK(lab.node.publish({{"Content-Type", "text/plain"}}, std::string(100, 'x')).status == 200);
}

TEST_CASE("neither body nor entity-tag, two entity-tags, removal of nothing: 400 (PS-103)") {
  Lab lab;
  CHECK(lab.node.publish({}).status == 400);
  CHECK(lab.node.publish({{"Expires", "0"}}).status == 400);
  CHECK(lab.node.publish({{"Content-Type", "text/plain"}, {"Expires", "0"}}, "x").status == 400);
  CHECK(lab.node.publish({{"SIP-If-Match", "a"}, {"SIP-If-Match", "b"}}).status == 400);
  CHECK(lab.node.publish({{"SIP-If-Match", "a, b"}}).status == 400);
  CHECK(lab.node.publish({{"SIP-If-Match", ""}}).status == 400);
  CHECK(lab.node.publish({{"SIP-If-Match", std::string(1000, 'a')}}).status == 400);
  CHECK(lab.node.current().empty());
}

TEST_CASE("what the package objects to becomes 400, 403, 415 or, when it throws, 500 (PS-103)") {
  Lab lab;
  const auto status = [&](const char* body) { return lab.node.publish({{"Content-Type", "text/plain"}}, body).status; };
  CHECK(status("malformed") == 400);
  CHECK(status("foreign") == 403);
  CHECK(status("odd") == 415);
  CHECK(status("throw") == 500);
  CHECK(lab.node.current().empty());
  lab.node.package.throws = true;
  CHECK(status("fine") == 200);
}

TEST_CASE("publications expire by themselves and take their facts along, each in its time (PS-106)") {
  Lab lab;
  lab.node.create("short", "60");
  lab.node.create("long", "600");
  lab.executor.advance(59s);
  CHECK(lab.node.current().size() == 2);
  lab.executor.advance(1s);
  REQUIRE(lab.node.current().size() == 1);
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab: long");
  lab.executor.advance(600s);
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab:");
  CHECK(lab.node.table->size() == 0);
  Node again(lab.executor, lab.store);
  CHECK(again.load());
  CHECK(again.table->size() == 0);
}

TEST_CASE("a thousand publications that expire together are told one by one user (PS-106)") {
  Lab lab;
  for (int i = 0; i < 1000; ++i) {
    const auto answer =
        lab.node.publish({{"Content-Type", "text/plain"}, {"Expires", "60"}}, "x", "sip:u" + std::to_string(i) + "@ims.lab");
    CHECK(answer.status == 200);
  }
  lab.node.package.told.clear();
  lab.executor.advance(60s);
  CHECK(lab.node.package.told.size() == 1000);
  CHECK(lab.node.table->size() == 0);
}

TEST_CASE("publications survive a restart with their entity-tags; the package is told once (ST-46, AS-65)") {
  Lab lab;
  const auto tag = lab.node.create("open");
  lab.executor.advance(1s);
  lab.node.create("second");
  Node again(lab.executor, lab.store);
  REQUIRE(again.load());
  CHECK(again.table->size() == 2);
  CHECK(again.package.told == std::vector<std::string>{"sip:alice@ims.lab: open second"});
  const auto answer = again.publish({{"SIP-If-Match", tag}, {"Expires", "700"}});
  CHECK(answer.status == 200);
  // And what ran out in between is not told of at all.
  lab.executor.advance(650s);
  Node third(lab.executor, lab.store);
  REQUIRE(third.load());
  CHECK(third.table->size() == 1);
}

TEST_CASE("each shard reads back the users at home on it (ST-46)") {
  Lab lab;
  lab.node.publish({{"Content-Type", "text/plain"}}, "a", "sip:a@ims.lab");
  lab.node.publish({{"Content-Type", "text/plain"}}, "b", "sip:b@ims.lab");
  PublicationTable::Options options;
  options.is_home = [](std::string_view resource) { return resource == "sip:b@ims.lab"; };
  Node other(lab.executor, lab.store, options);
  REQUIRE(other.load());
  CHECK(other.table->size() == 1);
  CHECK(other.package.told == std::vector<std::string>{"sip:b@ims.lab: b"});
}

TEST_CASE("another node knows the entity-tag by the store, and of two that use one tag only the first wins (AS-65, ST-46)") {
  Lab lab;
  Node other(lab.executor, lab.store);
  const auto tag = lab.node.create("open");
  const auto refreshed = other.publish({{"SIP-If-Match", tag}, {"Expires", "1000"}});
  CHECK(refreshed.status == 200);
  CHECK(other.current().size() == 1);
  // The first node has the old tag in memory; the store knows better.
  CHECK(lab.node.publish({{"SIP-If-Match", tag}}).status == 412);
  // Now it has learned the new one.
  CHECK(lab.node.current()[0].etag == Node::header(refreshed, "SIP-ETag"));
}

TEST_CASE("what another node refreshed does not expire here (AS-65, PS-106)") {
  Lab lab;
  Node other(lab.executor, lab.store);
  const auto tag = lab.node.create("open", "60");
  CHECK(other.publish({{"SIP-If-Match", tag}, {"Expires", "1000"}}).status == 200);
  lab.executor.advance(61s);
  CHECK(lab.node.current().size() == 1);
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab: open");
}

TEST_CASE("what another node removed is removed here when its tag is used (AS-65)") {
  Lab lab;
  Node other(lab.executor, lab.store);
  const auto tag = lab.node.create("open");
  CHECK(other.publish({{"SIP-If-Match", tag}, {"Expires", "0"}}).status == 200);
  CHECK(lab.node.publish({{"SIP-If-Match", tag}, {"Content-Type", "text/plain"}}, "x").status == 412);
  CHECK(lab.node.current().empty());
  CHECK(lab.node.package.told.back() == "sip:alice@ims.lab:");
}

TEST_CASE("publications of one user and of the shard are limited: 500 with Retry-After (PS-103)") {
  Lab lab;
  for (int i = 0; i < 3; ++i) lab.node.create("x");
  const auto fourth = lab.node.publish({{"Content-Type", "text/plain"}}, "x");
  CHECK(fourth.status == 500);
  CHECK(Node::header(fourth, "Retry-After") == "10");
  PublicationTable::Options options;
  options.max = 1;
  VirtualClock clock;
  store::MemoryStore store(on(clock));
  Node tiny(lab.executor, store, options);
  tiny.create("x");
  CHECK(tiny.publish({{"Content-Type", "text/plain"}}, "x", "sip:b@ims.lab").status == 500);
}

TEST_CASE("no 200 before the record is written: a store that fails makes 500, and nothing is published (ST-46)") {
  VirtualClock clock;
  ManualExecutor executor(clock);
  store::MemoryStore store(on(clock));
  ChaosStore chaos(store);
  Node node(executor, chaos);
  const auto tag = node.create("open");
  chaos.fail_commits(1, ErrorCode::unavailable);
  const auto answer = node.publish({{"Content-Type", "text/plain"}}, "lost");
  CHECK(answer.status == 500);
  CHECK(Node::header(answer, "Retry-After") == "10");
  CHECK(node.current().size() == 1);
  chaos.fail_commits(1, ErrorCode::unavailable);
  CHECK(node.publish({{"SIP-If-Match", tag}, {"Expires", "0"}}).status == 500);
  CHECK(node.current().size() == 1);
  CHECK(node.publish({{"SIP-If-Match", tag}}).status == 200);
}

TEST_CASE("damaged records are left out; fields of a newer version stay (ST-46)") {
  Lab lab;
  const auto tag = lab.node.create("open");
  CHECK_FALSE(decode_publication("sip:a@b", "garbage").has_value());
  CHECK_FALSE(decode_publication("sip:a@b", "").has_value());
  PublicationRecord record;
  record.publication.package = "presence";
  record.publication.etag = "e";
  record.publication.expires = lab.clock.wall() + 1h;
  auto bytes = encode(record);
  auto newer = decode_publication("sip:a@b", bytes);
  REQUIRE(newer.has_value());
  newer->unknown = std::string("\x64\x03xyz", 5);  // tag 100, three octets
  const auto kept = decode_publication("sip:a@b", encode(*newer));
  REQUIRE(kept.has_value());
  CHECK(kept->unknown == newer->unknown);
}
