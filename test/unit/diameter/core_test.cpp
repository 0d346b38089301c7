#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <vector>

#include "doubles/manual_executor.h"
#include "scripted_transport.h"
#include "sh_core.h"

using namespace herald;
using namespace herald::diameter;
using herald::diameter::test::ScriptedTransport;
using namespace std::chrono_literals;

namespace {

using Slot = std::shared_ptr<std::optional<ShReply>>;

Task<void> keep(Future<ShReply> future, Slot into) {
  auto reply = co_await future;
  CHECK(reply);  // never an error while the process lives
  if (reply) into->emplace(std::move(*reply));
}

struct Sh {
  herald::test::VirtualClock clock;
  herald::test::ManualExecutor shard{clock};
  std::shared_ptr<ScriptedTransport> hss = std::make_shared<ScriptedTransport>();
  std::shared_ptr<ShCore> core;

  explicit Sh(ShOptions options = {}) {
    options.destination_realm = "hss.lab";
    core = std::make_shared<ShCore>(hss, options);
  }
  // As at the end of a process: everything pending ends before the shards do.
  ~Sh() {
    hss->table.stop();
    shard.advance(20s);
  }
  Sh(const Sh&) = delete;
  Sh& operator=(const Sh&) = delete;
  Slot ask_on(herald::test::ManualExecutor& executor, const std::string& user, Duration deadline = 5s,
              ShDataRef data = ShDataRef::user_state, const std::string& indication = "push-profile") {
    auto into = std::make_shared<std::optional<ShReply>>();
    executor.run([&] {
      ShQuery query;
      query.user = user;
      query.data = data;
      query.service_indication = indication;
      spawn(keep(core->ask(std::move(query), Deadline::after(clock, deadline)), into));
    });
    return into;
  }
  Slot ask(const std::string& user, Duration deadline = 5s, ShDataRef data = ShDataRef::user_state) {
    return ask_on(shard, user, deadline, data);
  }
  // Everything is settled: nothing open, no timer left.
  void check_idle() {
    shard.run_ready();
    CHECK(core->flights() == 0);
    CHECK(hss->table.size() == 0);
    CHECK(shard.timer_count() == 0);
  }
};

const std::string kAlice = "sip:alice@ims.lab";

}  // namespace

TEST_CASE("an answer reaches the asker and then everybody from the cache, until its time is over") {
  Sh sh;
  const auto first = sh.ask(kAlice);
  REQUIRE(sh.hss->sent.size() == 1);
  CHECK(sh.hss->sent[0].request.destination_realm == "hss.lab");
  CHECK(sh.hss->sent[0].request.destination_host.empty());
  CHECK(sh.hss->sent[0].timeout == 2s);
  sh.hss->answer_state(1);
  sh.shard.run_ready();
  REQUIRE(first->has_value());
  CHECK((*first)->ok());
  CHECK((*first)->data->state == ImsUserState::registered);

  sh.shard.advance(9s);
  const auto cached = sh.ask("sip:alice@IMS.LAB:5060;x=y");  // SH-51: the same user
  CHECK(sh.hss->sent.empty());
  sh.shard.run_ready();
  CHECK((*cached)->ok());
  CHECK((*cached)->age == 9s);
  CHECK_FALSE((*cached)->stale);

  sh.shard.advance(1s);
  sh.ask(kAlice);
  REQUIRE(sh.hss->sent.size() == 1);
  CHECK(sh.hss->sent[0].request.destination_host == "hss1.hss.lab");  // SH-60: who answered is asked again
  sh.hss->answer_state(0);
  sh.check_idle();
}

TEST_CASE("SH-50: askers of one thing on several shards share one request, each answered on its own shard") {
  Sh sh;
  herald::test::ManualExecutor other(sh.clock);
  const auto a = sh.ask(kAlice);
  const auto b = sh.ask(kAlice);
  const auto c = sh.ask_on(other, kAlice);
  CHECK(sh.hss->sent.size() == 1);
  sh.hss->answer_state(1);
  sh.shard.run_ready();
  CHECK(a->has_value());
  CHECK(b->has_value());
  CHECK_FALSE(c->has_value());
  other.run_ready();
  REQUIRE(c->has_value());
  CHECK((*c)->ok());
  CHECK(other.timer_count() == 0);
  sh.check_idle();
}

TEST_CASE("different data and different indications are different questions") {
  Sh sh;
  sh.ask(kAlice, 5s, ShDataRef::user_state);
  sh.ask(kAlice, 5s, ShDataRef::scscf_name);
  sh.ask_on(sh.shard, kAlice, 5s, ShDataRef::repository_data, "a");
  sh.ask_on(sh.shard, kAlice, 5s, ShDataRef::repository_data, "b");
  CHECK(sh.hss->sent.size() == 4);
}

TEST_CASE("FD-33: silence ends at our own timer, whatever comes later") {
  Sh sh;
  const auto asked = sh.ask(kAlice);
  const auto handle = sh.hss->sent[0].handle;
  sh.shard.advance(1999ms);
  CHECK_FALSE(asked->has_value());
  sh.shard.advance(1ms);
  REQUIRE(asked->has_value());
  CHECK((*asked)->result == ShResult::timeout);
  CHECK_FALSE(sh.hss->table.complete(handle, ShAnswer{}));  // late
  sh.check_idle();
}

TEST_CASE("an asker's own deadline is kept; the request goes on and fills the cache") {
  Sh sh;
  const auto hasty = sh.ask(kAlice, 100ms);
  const auto patient = sh.ask(kAlice, 5s);
  sh.shard.advance(100ms);
  REQUIRE(hasty->has_value());
  CHECK((*hasty)->result == ShResult::timeout);
  CHECK_FALSE(patient->has_value());
  sh.hss->answer_state(1);
  sh.shard.run_ready();
  REQUIRE(patient->has_value());
  CHECK((*patient)->ok());
  CHECK((*hasty)->result == ShResult::timeout);  // exactly once
  sh.check_idle();
}

TEST_CASE("a deadline that has passed is a timeout without a request") {
  Sh sh;
  const auto asked = sh.ask(kAlice, 0s);
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::timeout);
  CHECK(sh.hss->sent.empty());
}

TEST_CASE("while the HSS fails, data past its time stands in, marked and for the grace only") {
  const auto fail_with = [](Sh& sh, int how) {
    switch (how) {
      case 0:
        sh.hss->answer_base(3003);
        break;
      case 1:
        sh.hss->answer_base(5999);
        break;
      case 2:
        sh.shard.advance(2s);
        break;
      case 3:
        sh.hss->answer_data("rubbish");
        break;
      default: {
        ShAnswer none;
        none.kind = ShAnswer::Kind::no_peer;
        sh.hss->answer(none);
        sh.shard.run_ready();
        if (!sh.hss->sent.empty()) sh.hss->answer(none);
      }
    }
    sh.shard.run_ready();
  };
  for (int how = 0; how < 5; ++how) {
    CAPTURE(how);
    Sh sh;
    sh.ask(kAlice);
    sh.hss->answer_state(1);
    sh.shard.advance(60s);
    auto asked = sh.ask(kAlice);
    REQUIRE(sh.hss->sent.size() == 1);
    fail_with(sh, how);
    REQUIRE(asked->has_value());
    CHECK((*asked)->ok());
    CHECK((*asked)->stale);
    CHECK((*asked)->age >= 60s);
    CHECK((*asked)->data->state == ImsUserState::registered);
    sh.hss->sent.clear();
    sh.shard.advance(260s);  // past 10 s + 300 s
    asked = sh.ask(kAlice);
    fail_with(sh, how);
    REQUIRE(asked->has_value());
    CHECK_FALSE((*asked)->ok());
    CHECK((*asked)->data == nullptr);
  }
}

TEST_CASE("SH section 7: unknown users are remembered for a minute") {
  Sh sh;
  auto asked = sh.ask(kAlice);
  sh.hss->answer_experimental(5001);
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::user_unknown);
  CHECK((*asked)->diameter_code == 5001);
  sh.shard.advance(59s);
  asked = sh.ask(kAlice);
  CHECK(sh.hss->sent.empty());
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::user_unknown);
  sh.shard.advance(1s);
  sh.ask(kAlice);
  CHECK(sh.hss->sent.size() == 1);
}

TEST_CASE("SH section 7: after 5102 the kind of data is not asked for ten minutes, others are") {
  Sh sh;
  auto asked = sh.ask(kAlice);
  sh.hss->answer_experimental(5102);
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::not_permitted);
  sh.shard.advance(599s);
  asked = sh.ask("sip:bob@ims.lab");
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::not_permitted);
  CHECK(sh.hss->sent.empty());
  sh.ask("sip:bob@ims.lab", 5s, ShDataRef::scscf_name);
  CHECK(sh.hss->sent.size() == 1);
  sh.hss->sent.clear();
  sh.shard.advance(10s);
  sh.ask("sip:bob@ims.lab");
  CHECK(sh.hss->sent.size() == 1);
}

TEST_CASE("retries: which, how often, when") {
  Sh sh;
  SUBCASE("4100: after 1 and 2 s; the fourth would be past the budget") {
    const auto asked = sh.ask(kAlice, 10s);
    std::vector<Duration> pauses;
    auto last = sh.clock.now();
    for (int i = 0; i < 3; ++i) {
      REQUIRE(sh.hss->sent.size() == 1);
      pauses.push_back(sh.clock.now() - last);
      last = sh.clock.now();
      sh.hss->answer_experimental(4100);
      sh.shard.run_ready();
      while (sh.hss->sent.empty() && !asked->has_value() && sh.clock.now() - last < 10s) sh.shard.advance(100ms);
    }
    CHECK(pauses == std::vector<Duration>{0s, 1s, 2s});
    REQUIRE(asked->has_value());
    CHECK((*asked)->result == ShResult::busy);
    CHECK(sh.hss->sent.empty());
  }
  SUBCASE("nobody waits any more: no retry") {
    const auto asked = sh.ask(kAlice, 500ms);
    sh.hss->answer_experimental(4100);
    sh.shard.advance(600ms);
    REQUIRE(asked->has_value());
    sh.shard.advance(5s);
    // One request may follow the pause that had begun; no further one does.
    while (!sh.hss->sent.empty()) sh.hss->answer_experimental(4100);
    sh.shard.advance(10s);
    CHECK(sh.hss->sent.empty());
  }
  SUBCASE("5012: once after a second") {
    const auto asked = sh.ask(kAlice);
    sh.hss->answer_base(5012);
    sh.shard.advance(999ms);
    CHECK(sh.hss->sent.empty());
    sh.shard.advance(1ms);
    REQUIRE(sh.hss->sent.size() == 1);
    sh.hss->answer_base(5012);
    sh.shard.run_ready();
    CHECK((*asked)->result == ShResult::busy);
  }
  SUBCASE("FD-51: 3002 of the host we chose: once more without it") {
    sh.ask(kAlice);
    sh.hss->answer_state(1);
    sh.shard.advance(11s);
    const auto asked = sh.ask(kAlice);
    CHECK(sh.hss->sent[0].request.destination_host == "hss1.hss.lab");
    sh.hss->answer_base(3002);
    sh.shard.run_ready();
    REQUIRE(sh.hss->sent.size() == 1);
    CHECK(sh.hss->sent[0].request.destination_host.empty());
    sh.hss->answer_base(3002);
    sh.shard.run_ready();
    REQUIRE(asked->has_value());
    CHECK((*asked)->stale);
    sh.ask(kAlice);
    CHECK(sh.hss->sent[0].request.destination_host.empty());  // forgotten
  }
  SUBCASE("no peer and no host chosen: no retry") {
    const auto asked = sh.ask(kAlice);
    ShAnswer none;
    none.kind = ShAnswer::Kind::no_peer;
    sh.hss->answer(none);
    sh.shard.run_ready();
    CHECK((*asked)->result == ShResult::unavailable);
    CHECK(sh.hss->sent.empty());
  }
  SUBCASE("5001 is final") {
    sh.ask(kAlice);
    sh.hss->answer_experimental(5001);
    sh.shard.run_ready();
    CHECK(sh.hss->sent.empty());
  }
  sh.shard.advance(20s);
  CHECK(sh.core->flights() <= 1);
}

TEST_CASE("SH-68: limits on requests and on waiting askers") {
  ShOptions options;
  options.max_in_flight = 2;
  options.max_waiting = 3;
  Sh sh(options);
  sh.ask("sip:a@x");
  sh.ask("sip:b@x");
  const auto third = sh.ask("sip:c@x");
  sh.shard.run_ready();
  REQUIRE(third->has_value());
  CHECK((*third)->result == ShResult::busy);
  const auto joins = sh.ask("sip:a@x");
  const auto too_many = sh.ask("sip:a@x");
  sh.shard.run_ready();
  CHECK_FALSE(joins->has_value());
  REQUIRE(too_many->has_value());
  CHECK((*too_many)->result == ShResult::busy);
}

TEST_CASE("questions that cannot be asked are refused without a request") {
  Sh sh;
  for (const std::string& user : {std::string(), std::string("sip:a b@c"), std::string("sip:a\r\nb@c"), std::string(2000, 'a')}) {
    const auto asked = sh.ask(user);
    sh.shard.run_ready();
    REQUIRE(asked->has_value());
    CHECK((*asked)->result == ShResult::malformed);
  }
  const auto asked = sh.ask_on(sh.shard, kAlice, 5s, ShDataRef::repository_data, "");
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::malformed);
  CHECK(sh.hss->sent.empty());
}

TEST_CASE("data of another service indication is not taken") {
  Sh sh;
  const auto asked = sh.ask(kAlice, 5s, ShDataRef::repository_data);
  sh.hss->answer_data(
      "<Sh-Data><RepositoryData><ServiceIndication>other</ServiceIndication><SequenceNumber>1</SequenceNumber></RepositoryData></"
      "Sh-Data>");
  sh.shard.run_ready();
  CHECK((*asked)->result == ShResult::malformed);
}

TEST_CASE("FD-03: the end of the stack completes every asker, and later ones hear at once") {
  Sh sh;
  std::vector<Slot> asked;
  for (int i = 0; i < 50; ++i) asked.push_back(sh.ask("sip:" + std::to_string(i) + "@x"));
  CHECK(sh.hss->table.stop() == 50);
  sh.shard.run_ready();
  for (const auto& one : asked) {
    REQUIRE(one->has_value());
    CHECK((*one)->result == ShResult::unavailable);
  }
  const auto after = sh.ask(kAlice);
  sh.shard.run_ready();
  CHECK((*after)->result == ShResult::unavailable);
  sh.check_idle();
}

TEST_CASE("asked outside any executor, the answer is there and says unavailable") {
  Sh sh;
  ShQuery query;
  query.user = kAlice;
  query.data = ShDataRef::user_state;
  CHECK(sh.core->ask(std::move(query), Deadline::never()).ready());
}
