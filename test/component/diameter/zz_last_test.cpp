// Runs after the other files: the long run, and the end, after which the library cannot be used again.
#include <chrono>
#include <cstdio>
#include <doctest/doctest.h>

#include "sh_lab.h"

using namespace herald;
using namespace herald::diameter;
using namespace herald::diameter::test;

TEST_CASE("FD-64: 10 000 requests leave no session and no pending entry behind") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  constexpr int kRequests = 10000;
  constexpr int kAtOnce = 100;
  const auto sessions = lab.stack().library_sessions();
  const auto begun = std::chrono::steady_clock::now();
  int ok = 0;
  for (int i = 0; i < kRequests; i += kAtOnce) {
    std::vector<std::shared_ptr<std::optional<ShReply>>> asked;
    for (int k = 0; k < kAtOnce; ++k) asked.push_back(lab.start(*client, "sip:many" + std::to_string(i + k) + "@ims.lab"));
    for (const auto& one : asked) ok += lab.finish(one).ok() ? 1 : 0;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf("Sh: %d requests in %.2f s, %.0f/s, %d at once\n", kRequests, took.count(), kRequests / took.count(), kAtOnce);
  CHECK(ok == kRequests);
  CHECK(lab.stack().library_sessions() == sessions);
  CHECK(lab.shard.timer_count() == 0);
}

TEST_CASE("FD-03: the shutdown completes what is pending, and a second start is refused") {
  auto& lab = ShLab::instance();
  lab.settle();
  auto client = lab.client();
  for (auto* peer : {&lab.hss(), &lab.second()}) peer->on_request([](const DiameterRequest&) { return DiameterReply{}; });
  const auto before = lab.hss().requests() + lab.second().requests();
  std::vector<std::shared_ptr<std::optional<ShReply>>> asked;
  for (int i = 0; i < 20; ++i) asked.push_back(lab.start(*client, "sip:end" + std::to_string(i) + "@ims.lab"));
  REQUIRE(lab.wait_until([&] { return lab.hss().requests() + lab.second().requests() == before + 20; }));
  lab.stack().shutdown();
  for (const auto& one : asked) CHECK(lab.finish(one).result == ShResult::unavailable);
  CHECK(lab.ask(*client, "sip:after@ims.lab").result != ShResult::ok);
  CHECK(lab.shard.timer_count() == 0);
  DiameterOptions options;
  options.identity = "as2.ims.lab";
  options.realm = "ims.lab";
  const auto again = DiameterStack::start(options);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::unsupported);
}
