// What operators do to a node: who may ask it, drain, reload, restart, look at numbers.
#include <doctest/doctest.h>

#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kRegistration = "/v1/registrations/sip:alice@ims.lab";

Lab::Options on_sqlite() {
  Lab::Options options;
  options.sqlite = true;
  return options;
}

}  // namespace

TEST_CASE("nothing below /v1 is told on the public listener without an initiator's token (S-4)") {
  Lab lab;
  lab.registers(kAlice);
  for (const char* path : {kRegistration, "/v1/pushes", "/v1/pushes/0123456789abcdef0123"}) {
    CAPTURE(path);
    CHECK(lab.call("GET", path, {}, {}, "").status == 401);
    CHECK(lab.call("GET", path, {}, {}, "wrong-token").status == 401);
  }
  CHECK(lab.call("POST", "/v1/pushes", lab.push_body(kAlice), {}, "wrong-token").status == 401);
  CHECK(lab.scscf.requests.empty());
  const auto shown = lab.call("GET", kRegistration);
  CHECK(shown.status == 200);
  CHECK(shown.body == lab.admin("GET", kRegistration).body);
  CHECK(lab.call("GET", "/v1/registrations/sip:bob@ims.lab").status == 404);
  CHECK(lab.call("GET", "/v1/registrations/bob").status == 400);
  // What only operators may see is not there at all.
  for (const char* path : {"/v1/registrations", "/v1/node", "/v1/status", "/metrics"}) {
    CAPTURE(path);
    CHECK(lab.call("GET", path).status == 404);
    CHECK(lab.admin("GET", path).status == 200);
  }
}

TEST_CASE("drain: new pushes are refused with 503, what is on its way is finished") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.rule = nullptr;
  const auto id = lab.push(kAlice);
  const auto message = lab.scscf.last();
  CHECK_FALSE(lab.node().idle());
  CHECK(lab.admin("POST", "/v1/drain").status == 200);
  CHECK(lab.admin("GET", "/readyz").status == 503);
  CHECK(lab.admin("GET", "/livez").status == 200);
  const auto refused = lab.call("POST", "/v1/pushes", lab.push_body("sip:bob@ims.lab"));
  CHECK(refused.status == 503);
  CHECK(refused.headers.count("retry-after") == 1);
  REQUIRE(lab.scscf.socket.answer(message.text, 200));
  lab.settle();
  CHECK(lab.status(id) == "delivered");
  lab.advance(40s);
  CHECK(lab.node().idle());
}

TEST_CASE("reload: a changed token applies at once, the old one is worth nothing any more") {
  Lab lab;
  auto changed = Lab::Options();
  changed.push = "initiators:\n  - {name: news, token: another-token, identities: [sip:push-news@ims.lab]}\n";
  lab.write_configuration(changed);
  CHECK(lab.call("GET", "/v1/pushes").status == 200);
  const auto result = lab.admin("POST", "/v1/config/reload");
  CHECK(result.status == 200);
  CHECK(result.body["ok"] == true);
  CHECK(result.text.find("another-token") == std::string::npos);
  lab.settle();
  CHECK(lab.call("GET", "/v1/pushes").status == 401);
  CHECK(lab.call("GET", "/v1/pushes", {}, {}, "another-token").status == 200);
}

TEST_CASE("reload of a broken file changes nothing, and says where it is broken (all or nothing)") {
  Lab lab;
  auto broken = Lab::Options();
  broken.push =
      "initiators:\n  - {name: news, token: another-token, identities: [sip:push-news@ims.lab]}\non_hss_failure: perhaps\n";
  lab.write_configuration(broken);
  const auto result = lab.admin("POST", "/v1/config/reload");
  CHECK(result.status == 422);
  CHECK(result.body["ok"] == false);
  REQUIRE_FALSE(result.body["issues"].empty());
  CHECK(result.body["issues"][0].get<std::string>().find("on_hss_failure") != std::string::npos);
  lab.settle();
  CHECK(lab.call("GET", "/v1/pushes").status == 200);
  CHECK(lab.call("GET", "/v1/pushes", {}, {}, "another-token").status == 401);
  lab.write_file("herald.yaml", "sip: [");
  CHECK(lab.admin("POST", "/v1/config/reload").status == 422);
  CHECK(lab.call("GET", "/v1/pushes").status == 200);
}

TEST_CASE("reload names the keys that need a restart, leaves them as they run, and applies the rest") {
  Lab lab;
  auto changed = Lab::Options();
  changed.push = "initiators:\n  - {name: news, token: another-token, identities: [sip:push-news@ims.lab]}\n";
  changed.shards = 2;
  lab.write_configuration(changed);
  for (int round = 0; round < 2; ++round) {  // told again as long as the restart is due
    const auto result = lab.admin("POST", "/v1/config/reload");
    CHECK(result.status == 200);
    bool named = false;
    for (const auto& change : result.body["changes"])
      named = named || (change["key"] == "sip.shards" && change["needs_restart"] == true);
    CHECK(named);
  }
  lab.settle();
  CHECK(lab.call("GET", "/v1/pushes", {}, {}, "another-token").status == 200);
  CHECK(lab.admin("GET", "/v1/node").body["shards"] == 1);
}

TEST_CASE("a restart loses nothing: waiting pushes go on, registrations are known, Idempotency-Keys count (ST-1)") {
  Lab lab;
  const std::vector<HttpField> key{{"Idempotency-Key", "once"}};
  const auto submitted = lab.call("POST", "/v1/pushes", lab.push_body(kAlice), key);
  const std::string waiting = submitted.body["id"];
  lab.registers("sip:bob@ims.lab");
  lab.restart();
  CHECK(lab.status(waiting) == "waiting_reachable");
  CHECK(lab.call("GET", "/v1/registrations/sip:bob@ims.lab").status == 200);
  CHECK(lab.call("POST", "/v1/pushes", lab.push_body(kAlice), key).body["id"] == waiting);
  CHECK(lab.status(lab.push("sip:bob@ims.lab")) == "delivered");
  lab.registers(kAlice);
  CHECK(lab.status(waiting) == "delivered");
  CHECK(lab.scscf.transactions("MESSAGE").size() == 2);
}

TEST_CASE("a push that was being sent when the process ended is sent again under the same Content-ID (PS-6, PR-9)") {
  Lab lab;
  lab.registers(kAlice);
  lab.scscf.rule = nullptr;
  const auto id = lab.push(kAlice);
  const auto first = lab.scscf.last();
  lab.scscf.answers(200);
  lab.restart();
  lab.advance(10s);
  REQUIRE(lab.scscf.transactions("MESSAGE").size() == 2);
  CHECK(lab.scscf.last().header("Content-ID") == first.header("Content-ID"));
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("a retry that was due while the node was down is made up for") {
  Lab lab;
  lab.registers(kAlice, 7200);
  lab.scscf.answers(486);
  const auto id = lab.push(kAlice);
  lab.scscf.answers(200);
  lab.restart();
  CHECK(lab.status(id) == "retrying");
  lab.advance(10s);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("the same on SQLite: another node on the same file goes on where the first one stopped (ST-1)") {
  Lab lab(on_sqlite());
  lab.registers("sip:bob@ims.lab");
  lab.until([&] { return lab.call("GET", "/v1/registrations/sip:bob@ims.lab").status == 200; });
  const auto id = lab.push(kAlice);
  lab.until([&] { return lab.status(id) == "waiting_reachable"; });
  lab.restart();
  lab.until([&] { return lab.call("GET", "/v1/registrations/sip:bob@ims.lab").status == 200; });
  CHECK(lab.status(id) == "waiting_reachable");
  lab.registers(kAlice);
  lab.until([&] { return lab.status(id) == "delivered"; });
  CHECK(lab.scscf.last().header("Content-ID") == "<" + id + "@ims.lab>");
}

TEST_CASE("the metrics text counts what happened (OP-1)") {
  Lab lab;
  const auto accepted = lab.metric("herald_push_accepted_total");
  const auto finished = lab.metric("herald_push_finished_total");
  const auto refused = lab.metric("herald_push_refused_total");
  lab.registers(kAlice);
  lab.push(kAlice);
  lab.push("sip:bob@ims.lab");
  lab.call("POST", "/v1/pushes", json::object());
  CHECK(lab.metric("herald_push_accepted_total") == accepted + 2);
  CHECK(lab.metric("herald_push_finished_total") == finished + 1);
  CHECK(lab.metric("herald_push_refused_total") == refused + 1);
  CHECK(lab.metric("herald_push_waiting_deliveries") == 1);
  const auto status = lab.admin("GET", "/v1/status");
  CHECK(status.status == 200);
  CHECK(status.body["counts"]["registrations"] == 1);
}

TEST_CASE("shards: a push finds its user's home shard wherever it was submitted and registered") {
  Lab::Options options;
  options.shards = 3;
  Lab lab(options);
  for (int i = 0; i < 6; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    CAPTURE(user);
    lab.registers(user);
    CHECK(lab.call("GET", "/v1/registrations/" + user).status == 200);
    CHECK(lab.status(lab.push(user)) == "delivered");
  }
  CHECK(lab.scscf.transactions("MESSAGE").size() == 6);
}
