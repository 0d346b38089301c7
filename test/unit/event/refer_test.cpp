#include "client_bench.h"

using namespace herald;
using namespace herald::test;
using namespace herald::event;
using namespace std::chrono_literals;

namespace {

constexpr const char* kReferTo =
    "<sip:push@as1.ims.lab;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dmms.ua&Expires=3600>;+g.oma.pusheventapp=\"mms.ua\"";

ReferPlan refer_plan() {
  ReferPlan plan;
  plan.from = "<sip:push@ims.lab>";
  plan.to = "<sip:alice@ims.lab>";
  plan.uri = "sip:alice@ims.lab;gr=urn:uuid:1";
  plan.routes = {"<sip:127.0.0.1:6060;lr>"};
  plan.refer_to = kReferTo;
  plan.referred_by = "<sip:push@ims.lab>";
  plan.headers.push_back({"P-Asserted-Identity", "<sip:push@ims.lab>"});
  return plan;
}

Task<void> wait_for(Future<ReferResult> future, std::optional<Expected<ReferResult>>& result) { result = co_await future; }

struct ReferBench : ClientBench {
  ReferBench() = default;
  ReferBench(const ReferBench&) = delete;
  ReferBench& operator=(const ReferBench&) = delete;
  ~ReferBench() {  // who still waits writes into `result`
    executor.run([&] { refers->stop(); });
    settle();
  }
  std::shared_ptr<NotingReferWatcher> watcher = std::make_shared<NotingReferWatcher>();
  std::optional<Expected<ReferResult>> result;

  void refer(ReferPlan plan) {
    executor.run([&] { spawn(wait_for(refers->refer(std::move(plan), watcher), result)); });
    settle();
  }
  void answer(int status, std::vector<SipHeaderField> headers = {}) {
    last()->answer(status, std::move(headers));
    settle();
  }
  event::NotifyAnswer report(const FakeSipStack::Sent& refer, const std::string& state, const std::string& fragment,
                             std::vector<SipHeaderField> extra = {}) {
    if (!fragment.empty()) extra.push_back({"Content-Type", "message/sipfrag;version=2.0"});
    return notify(refer, state, std::move(extra), fragment);
  }
  std::string header(std::string_view name) const { return std::string(last()->request.headers.get(name).value_or("<none>")); }
};

}  // namespace

TEST_CASE("REFER goes out of dialog with one Refer-To, Referred-By and a Contact of ours (PS-90, PS-91, PS-96, PS-97)") {
  ReferBench bench;
  bench.refer(refer_plan());
  REQUIRE(bench.sent() == 1);
  CHECK(bench.last()->request.method() == "REFER");
  CHECK(bench.last()->request.uri() == "sip:alice@ims.lab;gr=urn:uuid:1");
  CHECK(bench.header("Refer-To") == kReferTo);
  CHECK(bench.header("Referred-By") == "<sip:push@ims.lab>");
  CHECK(bench.header("Contact") == "<sip:push@127.0.0.1:5065>");
  CHECK(bench.header("P-Asserted-Identity") == "<sip:push@ims.lab>");
  CHECK(bench.header("Require") == "nosub");
  CHECK(bench.header("To").find("tag=") == std::string::npos);
}

TEST_CASE("a REFER that cannot be right is refused before it is sent (PS-90)") {
  const auto refused = [](auto change) {
    ReferBench bench;
    auto plan = refer_plan();
    change(plan);
    bench.refer(plan);
    REQUIRE(bench.result.has_value());
    CHECK_FALSE(bench.result->has_value());
    CHECK(bench.sent() == 0);
    CHECK(bench.refers->size() == 0);
  };
  refused([](auto& plan) { plan.refer_to = ""; });
  refused([](auto& plan) { plan.refer_to = "<sip:a@b>, <sip:c@d>"; });
  refused([](auto& plan) { plan.refer_to = "<sip:a@b>\r\nX: y"; });
  refused([](auto& plan) { plan.referred_by = "x\r\ny"; });
  refused([](auto& plan) { plan.variants.clear(); });
  refused([](auto& plan) { plan.to = "nobody"; });
}

TEST_CASE("200 and 202 to nosub accept without reports (PS-92, PS-97)") {
  for (const int status : {200, 202}) {
    CAPTURE(status);
    ReferBench bench;
    bench.refer(refer_plan());
    bench.answer(status);
    REQUIRE(bench.result.has_value());
    REQUIRE(bench.result->has_value());
    CHECK((*bench.result)->status == status);
    CHECK((*bench.result)->accepted());
    CHECK((*bench.result)->variant == ReferVariant::nosub);
    CHECK_FALSE((*bench.result)->reports);
    CHECK(bench.refers->size() == 0);
    CHECK(bench.watcher->reports.empty());
    CHECK(bench.report(*bench.last(), "active", "SIP/2.0 100 Trying\r\n").status == 0);
  }
}

TEST_CASE("420 for nosub is followed by Refer-Sub: false in the same call (PS-92)") {
  ReferBench bench;
  bench.refer(refer_plan());
  bench.answer(420, {{"Unsupported", "nosub"}});
  REQUIRE(bench.sent() == 2);
  CHECK(bench.header("Require") == "<none>");
  CHECK(bench.header("Supported") == "norefersub");
  CHECK(bench.header("Refer-Sub") == "false");
  CHECK(bench.header("CSeq") == "2 REFER");
  CHECK(bench.header("Call-ID") == std::string(*bench.stack.sent()[0]->request.headers.get("Call-ID")));
  SUBCASE("and the peer agrees: no reports") {
    bench.answer(202, {{"Refer-Sub", "false"}});
    REQUIRE(bench.result.has_value());
    CHECK((*bench.result)->variant == ReferVariant::norefersub);
    CHECK_FALSE((*bench.result)->reports);
    CHECK(bench.refers->size() == 0);
  }
  SUBCASE("and the peer says nothing of it: a subscription exists") {
    bench.answer(202);
    REQUIRE(bench.result.has_value());
    CHECK((*bench.result)->reports);
    CHECK(bench.report(*bench.last(), "active;expires=60", "SIP/2.0 100 Trying\r\n").status == 200);
    CHECK(bench.report(*bench.last(), "terminated;reason=noresource", "SIP/2.0 200 OK\r\n").status == 200);
    REQUIRE(bench.watcher->reports.size() == 2);
    CHECK(bench.watcher->reports[0].status == 100);
    CHECK_FALSE(bench.watcher->reports[0].last);
    CHECK(bench.watcher->reports[1].status == 200);
    CHECK(bench.watcher->reports[1].last);
    CHECK(bench.refers->size() == 0);
  }
}

TEST_CASE("420 for something else, or for the last variant, is the answer (PS-92)") {
  ReferBench bench;
  auto plan = refer_plan();
  SUBCASE("another option") {
    bench.refer(plan);
    bench.answer(420, {{"Unsupported", "path"}});
  }
  SUBCASE("the last variant") {
    plan.variants = {ReferVariant::nosub};
    bench.refer(plan);
    bench.answer(420, {{"Unsupported", "nosub"}});
  }
  CHECK(bench.sent() == 1);
  REQUIRE(bench.result.has_value());
  CHECK((*bench.result)->status == 420);
  CHECK_FALSE((*bench.result)->accepted());
}

TEST_CASE("603 and 403 come back as they are, for the consent (PS-97)") {
  for (const int status : {403, 603, 405}) {
    ReferBench bench;
    bench.refer(refer_plan());
    bench.answer(status);
    REQUIRE(bench.result.has_value());
    CHECK((*bench.result)->status == status);
    CHECK((*bench.result)->origin == ResponseOrigin::peer);
    CHECK(bench.refers->size() == 0);
  }
}

TEST_CASE("a REFER that nobody answers ends with its origin (PS-97)") {
  ReferBench bench;
  bench.refer(refer_plan());
  bench.advance(33s);
  REQUIRE(bench.result.has_value());
  CHECK((*bench.result)->status == 408);
  CHECK((*bench.result)->origin == ResponseOrigin::timer);
  CHECK(bench.refers->size() == 0);
}

TEST_CASE("implicit: reports are matched by dialog and by the REFER's CSeq as id (PS-94)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::implicit};
  bench.refer(plan);
  CHECK(bench.header("Require") == "<none>");
  CHECK(bench.header("Refer-Sub") == "<none>");
  bench.answer(202);
  REQUIRE(bench.result.has_value());
  CHECK((*bench.result)->reports);
  const auto& refer = *bench.last();
  CHECK(bench.report(refer, "active;expires=60", "SIP/2.0 100 Trying\r\n", {{"Event", "refer;id=1"}}).status == 200);
  CHECK(bench.report(refer, "active", "SIP/2.0 180 Ringing\r\n", {{"Event", "refer"}}).status == 200);
  CHECK(bench.report(refer, "active", "SIP/2.0 200 OK\r\n", {{"Event", "refer;id=9"}}).status == 481);
  CHECK(bench.report(refer, "active", "SIP/2.0 200 OK\r\n", {{"Event", "presence"}}).status == 489);
  CHECK(bench.report(refer, "active", "SIP/2.0 200 OK\r\n", {{"From", "<sip:alice@ims.lab>;tag=fork"}}).status == 481);
  CHECK(bench.report(refer, "active", "SIP/2.0 200 OK\r\n", {{"CSeq", "1 NOTIFY"}}).status == 500);
  CHECK(bench.watcher->reports.size() == 2);
  // The final status comes before the end of the subscription.
  CHECK(bench.report(refer, "active", "SIP/2.0 603 Decline\r\n").status == 200);
  CHECK(bench.report(refer, "terminated;reason=noresource", "").status == 200);
  REQUIRE(bench.watcher->reports.size() == 4);
  CHECK(bench.watcher->reports[2].status == 603);
  CHECK(bench.watcher->reports[3].status == 603);
  CHECK(bench.watcher->reports[3].last);
  CHECK(bench.report(refer, "active", "SIP/2.0 200 OK\r\n").status == 0);
}

TEST_CASE("implicit: without a report for Timer N there will be none; the SUBSCRIBE that arrives is what counts (PS-94, PS-95)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::implicit};
  bench.refer(plan);
  bench.answer(200);
  bench.advance(33s);
  REQUIRE(bench.watcher->reports.size() == 1);
  CHECK(bench.watcher->reports[0].status == 0);
  CHECK(bench.watcher->reports[0].last);
  // The REFER was accepted all the same: its result does not depend on reports.
  CHECK((*bench.result)->accepted());
  CHECK(bench.refers->size() == 0);
}

TEST_CASE("implicit: reports that stop end with what the peer granted (PS-94)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::implicit};
  bench.refer(plan);
  bench.answer(202);
  CHECK(bench.report(*bench.last(), "active;expires=60", "SIP/2.0 100 Trying\r\n").status == 200);
  bench.advance(61s);
  REQUIRE(bench.watcher->reports.size() == 2);
  CHECK(bench.watcher->reports[1].last);
  CHECK(bench.watcher->reports[1].status == 0);
  CHECK(bench.refers->size() == 0);
}

TEST_CASE("a report may come before the answer to the REFER, even the last one (PS-94)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::implicit};
  bench.refer(plan);
  CHECK(bench.report(*bench.last(), "terminated;reason=noresource", "SIP/2.0 202 Accepted\r\n").status == 200);
  REQUIRE(bench.watcher->reports.size() == 1);
  CHECK(bench.watcher->reports[0].status == 202);
  CHECK(bench.watcher->reports[0].last);
  bench.answer(202);
  REQUIRE(bench.result.has_value());
  CHECK((*bench.result)->reports);
  CHECK(bench.refers->size() == 0);
  bench.advance(1h);
  CHECK(bench.watcher->reports.size() == 1);
}

TEST_CASE("reports that cannot be read are answered and ignored; other types get 415 (PS-94)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::implicit};
  bench.refer(plan);
  bench.answer(202);
  const auto& refer = *bench.last();
  CHECK(bench.report(refer, "active;expires=60", "garbage").status == 200);
  CHECK(bench.report(refer, "active;expires=60", "SIP/2.0 999 Odd\r\n").status == 200);
  const auto typed = bench.notify(refer, "active", {{"Content-Type", "text/plain"}}, "SIP/2.0 200 OK");
  CHECK(typed.status == 415);
  REQUIRE(typed.headers.size() == 1);
  CHECK(typed.headers[0].value == "message/sipfrag;version=2.0");
  CHECK(bench.watcher->reports.empty());
  CHECK(bench.report(refer, "terminated", "also garbage").status == 200);
  REQUIRE(bench.watcher->reports.size() == 1);
  CHECK(bench.watcher->reports[0].last);
  CHECK(bench.watcher->reports[0].status == 0);
}

TEST_CASE("the first line of a sipfrag is its status (PS-94)") {
  CHECK(fragment_status("SIP/2.0 100 Trying\r\n") == 100);
  CHECK(fragment_status("SIP/2.0 200 OK") == 200);
  CHECK(fragment_status("sip/2.0 603 Decline\r\nFrom: x\r\n\r\n") == 603);
  CHECK(fragment_status("\r\nSIP/2.0 486\r\n") == 486);
  for (const char* bad : {"", "SIP/2.0", "SIP/2.0 ", "SIP/2.0 20", "SIP/2.0 2000 OK", "SIP/2.0 abc", "SIP/2.0 099 x",
                          "SIP/2.0 700 x", "SIP/3.0 200 OK", "INVITE sip:a@b SIP/2.0", "From: <sip:a@b>"}) {
    CAPTURE(bad);
    CHECK_FALSE(fragment_status(bad).has_value());
  }
}

TEST_CASE("explicit: the reports are subscribed to where Refer-Events-At says, in a dialog of their own (PS-93)") {
  ReferBench bench;
  auto plan = refer_plan();
  plan.variants = {ReferVariant::explicitsub, ReferVariant::implicit};
  bench.refer(plan);
  CHECK(bench.header("Require") == "explicitsub");
  const auto refer_call = bench.header("Call-ID");
  SUBCASE("unsupported: the next variant") {
    bench.answer(420, {{"Unsupported", "explicitsub"}});
    CHECK(bench.sent() == 2);
    CHECK(bench.header("Require") == "<none>");
  }
  SUBCASE("without Refer-Events-At there are none") {
    bench.answer(200);
    CHECK_FALSE((*bench.result)->reports);
    CHECK(bench.sent() == 1);
  }
  SUBCASE("with it") {
    bench.answer(200, {{"Refer-Events-At", "<sip:vPT3izGmo8NTxaPADRZvEAY22VBzzKSG@10.0.0.7;gr>"}});
    REQUIRE((*bench.result)->reports);
    REQUIRE(bench.sent() == 2);
    const auto subscribe = bench.last();
    CHECK(subscribe->request.method() == "SUBSCRIBE");
    CHECK(subscribe->request.uri() == "sip:vPT3izGmo8NTxaPADRZvEAY22VBzzKSG@10.0.0.7;gr");
    CHECK(bench.header("Event") == "refer");
    CHECK(bench.header("Accept") == "message/sipfrag;version=2.0");
    CHECK(bench.header("Call-ID") != refer_call);
    SUBCASE("which reports") {
      bench.answer(200, {{"Expires", "60"}});
      CHECK(bench.report(*subscribe, "active;expires=60", "SIP/2.0 100 Trying\r\n").status == 200);
      CHECK(bench.notify(*subscribe, "active", {{"Content-Type", "text/plain"}}, "x").status == 415);
      CHECK(bench.report(*subscribe, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n").status == 200);
      REQUIRE(bench.watcher->reports.size() == 2);
      CHECK(bench.watcher->reports[1].status == 200);
      CHECK(bench.watcher->reports[1].last);
    }
    SUBCASE("which is refused") {
      bench.answer(489);
      REQUIRE(bench.watcher->reports.size() == 1);
      CHECK(bench.watcher->reports[0].status == 0);
      CHECK(bench.watcher->reports[0].last);
    }
    SUBCASE("which is still going on when the shard stops") { bench.answer(200, {{"Expires", "60"}}); }
    CHECK(bench.refers->size() == 0);
  }
}

TEST_CASE("who waits for a REFER when the shard stops gets Error{gone} (PS-97)") {
  ReferBench bench;
  bench.refer(refer_plan());
  bench.executor.run([&] { bench.refers->stop(); });
  bench.settle();
  REQUIRE(bench.result.has_value());
  REQUIRE_FALSE(bench.result->has_value());
  CHECK(bench.result->error().code == ErrorCode::gone);
}
