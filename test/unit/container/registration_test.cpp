#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const char* const kUeRegister =
    "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bK1\r\n"
    "From: <sip:alice@ims.lab>;tag=1\r\nTo: <sip:alice@ims.lab>\r\nCall-ID: ue\r\nCSeq: 2 REGISTER\r\n"
    "Contact: <sip:alice@127.0.0.1:6101>;+sip.instance=\"<urn:uuid:1>\";+g.oma.pusheventapp=\"news.ua\"\r\n"
    "Authorization: Digest username=\"alice@ims.lab\", response=\"secret\"\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n";

SipMessage third_party_register(std::string user = "sip:alice@ims.lab", std::string expires = "720",
                                std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{{"To", "<" + user + ">"},
                                      {"From", "<sip:127.0.0.1:6060>;tag=x"},
                                      {"CSeq", "10 REGISTER"},
                                      {"Max-Forwards", "10"},
                                      {"Expires", std::move(expires)},
                                      {"Contact", "<sip:127.0.0.1:6060>"},
                                      {"P-Associated-URI", "<" + user + ", tel:+15551000001>"},
                                      {"Event", "registration"},
                                      {"Content-Type", "message/sip"}};
  for (auto& field : extra) {
    std::erase_if(headers, [&](const auto& each) { return same_header_name(each.name, field.name); });
    headers.push_back(std::move(field));
  }
  return sip_request("REGISTER", "sip:127.0.0.1:5065", std::move(headers), kUeRegister);
}

}  // namespace

TEST_CASE("a third-party REGISTER is answered 200 at once and shows in GET /v1/registrations (AS-11, AS-12)") {
  Bench bench;
  std::vector<std::pair<RegistrationEvent, std::string>> events;
  const auto subscription = bench.script.context->registrations().listen(
      [&](RegistrationEvent event, const Registration& who) { events.emplace_back(event, who.user); });
  const auto call = bench.stack().receive(third_party_register());
  CHECK(call->final() == 200);  // before anything else ran
  CHECK(events.empty());
  CHECK(call->last().headers.get("Expires") == "720");
  CHECK(call->last().headers.get("Contact") == "<sip:127.0.0.1:6060>");
  bench.settle();
  CHECK(events.size() == 1);
  REQUIRE(bench.registered("sip:alice@ims.lab") != nullptr);
  CHECK(bench.status().registrations == 1);
  CHECK(bench.status().application_sessions == 0);

  const auto answer = bench.get("/v1/registrations/{user}", {{"user", "sip:alice@IMS.lab"}});
  CHECK(answer.status == 200);
  const auto json = nlohmann::json::parse(answer.body);
  CHECK(json["user"] == "sip:alice@ims.lab");
  CHECK(json["registered"] == true);
  CHECK(json["scscf"] == "sip:127.0.0.1:6060");
  CHECK(json["associated"][0] == "tel:+15551000001");
  CHECK(json["expires"] == "2026-01-01T00:12:00.000Z");
  CHECK(json["source"] == "third-party-register");
  REQUIRE(json["contacts"].size() == 1);
  CHECK(json["contacts"][0]["uri"] == "sip:alice@127.0.0.1:6101");
  CHECK(json["contacts"][0]["instance"] == "<urn:uuid:1>");
  CHECK(json["contacts"][0]["applications"][0] == "news.ua");
  CHECK(json["contacts"][0]["feature_tags"]["+g.oma.pusheventapp"] == "news.ua");
  CHECK(answer.body.find("secret") == std::string::npos);
  CHECK(bench.get("/v1/registrations/{user}", {{"user", "tel:+1-555-1000001"}}).status == 200);
  CHECK(bench.get("/v1/registrations/{user}", {{"user", "sip:bob@ims.lab"}}).status == 404);
  CHECK(bench.get("/v1/registrations/{user}", {{"user", "alice"}}).status == 400);
  CHECK(bench.http.routes.empty());  // who is registered is not told to whoever asks

  // Every one has CSeq 10 and a new Call-ID: nothing is ordered by it.
  CHECK(bench.stack().receive(third_party_register())->final() == 200);
  CHECK(bench.stack().receive(third_party_register("sip:alice@ims.lab", "0"))->final() == 200);
  bench.settle();
  CHECK(events.size() == 3);
  CHECK(events[2].first == RegistrationEvent::deregistered);
  CHECK(bench.registered("sip:alice@ims.lab") == nullptr);
}

TEST_CASE("a body that cannot be read still gets 200 (AS-15); a stranger's REGISTER and the user's own get 403 (AS-10)") {
  Bench bench;
  auto malformed = third_party_register();
  malformed.body = "REGISTER nonsense";
  CHECK(bench.stack().receive(malformed)->final() == 200);
  bench.settle();
  CHECK(bench.registered("sip:alice@ims.lab") != nullptr);
  CHECK(bench.stack().receive(third_party_register("sip:bob@ims.lab"), {sip::Transport::udp, "192.0.2.1", 5060})->final() == 403);
  CHECK(bench.stack().receive(third_party_register("sip:bob@ims.lab", "720", {{"From", "<sip:bob@ims.lab>;tag=1"}}))->final() ==
        403);
  bench.settle();
  CHECK(bench.registered("sip:bob@ims.lab") == nullptr);
}

TEST_CASE("a registration survives a restart of the node") {
  VirtualClock clock;
  store::MemoryStore durable;
  {
    Bench::Options options;
    options.store = &durable;
    Bench bench(std::move(options));
    bench.stack().receive(third_party_register());
    bench.settle();
  }
  Bench::Options options;
  options.store = &durable;
  Bench bench(std::move(options));
  CHECK_FALSE(bench.start_error);
  CHECK(bench.registered("sip:alice@ims.lab") != nullptr);
}

TEST_CASE("with several shards a REGISTER finds the user's home, and every alias its own (AS-17)") {
  Bench::Options options;
  options.shards = 4;
  Bench bench(std::move(options));
  for (int i = 0; i < 8; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    const auto alias = "tel:+1555000000" + std::to_string(i);
    const auto call = bench.stack(static_cast<unsigned>(i) % 4)
                          .receive(third_party_register(user, "720", {{"P-Associated-URI", "<" + user + ">, <" + alias + ">"}}));
    CHECK(call->final() == 200);
    bench.settle();
    const auto home = container::home_shard_of(user, 4);
    REQUIRE(bench.registered(user, home) != nullptr);
    const auto* const by_alias = bench.registered(alias, container::home_shard_of(alias, 4));
    REQUIRE(by_alias != nullptr);
    CHECK(by_alias->user == user);
    CHECK(bench.get("/v1/registrations/{user}", {{"user", user}}).status == 200);
  }
}

TEST_CASE("work posted to another shard runs there with its servlet; a full mailbox says so") {
  Bench::Options options;
  options.shards = 2;
  Bench bench(std::move(options));
  int ran = 0;
  // The script's context is the last shard's.
  CHECK(bench.script.context->shard() == 1);
  CHECK(bench.script.context->post(0, [&](SipServlet&) { ++ran; }));
  CHECK(bench.script.context->post(0, [&](SipServlet&) { throw std::runtime_error("fault"); }));
  CHECK_FALSE(bench.script.context->post(7, [&](SipServlet&) { ++ran; }));
  bench.settle();
  CHECK(ran == 1);
  CHECK(bench.status(0).modules[0].exceptions == 1);
}

TEST_CASE("drain refuses new work and stop ends servlets once") {
  Bench bench;
  CHECK(bench.script.context->accepting());
  CHECK(bench.containers[0]->idle());
  bench.containers[0]->drain();
  CHECK(bench.stack().stopped());
  CHECK_FALSE(bench.script.context->accepting());
  CHECK(bench.status().draining);
  bench.executors[0]->run([&] {
    bench.containers[0]->stop();
    bench.containers[0]->stop();
  });
  CHECK(bench.script.destroyed == 1);
}
