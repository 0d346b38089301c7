#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

// Every character of it belongs to the S-CSCF.
const std::string kMark = "<sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=1;a=7369703a616c69636540696d732e6c6162>";

SipMessage request_with_routes(std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{{"Route", "<sip:127.0.0.1:5065;lr>, " + kMark},
                                      {"P-Asserted-Identity", "<sip:push-news@ims.lab>"},
                                      {"P-Charging-Vector", "icid-value=\"a9f-17\";orig-ioi=\"Type 3home\""}};
  for (auto& field : extra) {
    std::erase_if(headers, [&](const auto& each) { return same_header_name(each.name, field.name); });
    headers.push_back(std::move(field));
  }
  return sip_request("MESSAGE", "sip:alice@ims.lab", std::move(headers), "body");
}

void proxy_everything(Bench& bench) {
  bench.script.hooks["MESSAGE"] = [](SipServletRequest request) -> Task<void> {
    static_cast<void>(request.proxy_onward());
    co_return;
  };
}

}  // namespace

TEST_CASE("proxy_onward keeps the original dialog identifier byte for byte (AS-40, AS-41, AS-42)") {
  Bench bench;
  proxy_everything(bench);
  std::string route = "<sip:127.0.0.1:5065;lr>, " + kMark;
  std::vector<std::string> expected{kMark};
  SUBCASE("one header line with our own") {}
  SUBCASE("odd spelling") {
    expected = {"\"S, CSCF\" <SIP:%6Fdi_4711@SCSCF1.home.example:6060;LR;Foo=\"a,b\">;bar"};
    route = "<sip:127.0.0.1:5065;lr;app=push;sess=hold>," + expected[0];
  }
  SUBCASE("several remain") {
    expected = {kMark, "<sip:edge.example;lr>"};
    route += " ,<sip:edge.example;lr>";
  }
  const auto call = bench.stack().receive(request_with_routes({{"Route", route}}));
  bench.settle();
  REQUIRE(bench.stack().sent().size() == 1);
  const auto& out = bench.stack().sent()[0]->request;
  std::vector<std::string> routes;
  for (const auto value : out.headers.list("Route")) routes.emplace_back(value);
  CHECK(routes == expected);
  CHECK(out.uri() == "sip:alice@ims.lab");
  CHECK(out.headers.get("Max-Forwards") == "69");
  CHECK_FALSE(out.headers.has("Record-Route"));
  CHECK(out.headers.get("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(out.headers.get("P-Charging-Vector") == "icid-value=\"a9f-17\";orig-ioi=\"Type 3home\"");
  CHECK(out.headers.all("Via").size() == 2);
  CHECK(out.body == "body");
  bench.stack().sent()[0]->answer(200, {{"X-Note", "from alice"}}, "thanks");
  bench.settle();
  CHECK(call->final() == 200);
  CHECK(call->last().headers.get("X-Note") == "from alice");
  CHECK(call->last().headers.all("Via").size() == 1);
  CHECK(call->last().headers.get("To")->find("peer-tag") != std::string_view::npos);
  CHECK(call->last().body == "thanks");
  CHECK(bench.status().application_sessions == 0);
  CHECK(bench.status().server_transactions == 0);
}

TEST_CASE("without a Route to go on the answer is 404") {
  Bench bench;
  proxy_everything(bench);
  const auto call = bench.stack().receive(request_with_routes({{"Route", "<sip:127.0.0.1:5065;lr>"}}));
  bench.settle();
  CHECK(call->final() == 404);
}

TEST_CASE("responses are relayed: 100 not, 1xx yes, 503 becomes 500 without Retry-After (RFC 3261 16.7, AS-84)") {
  Bench bench;
  proxy_everything(bench);
  const auto call = bench.stack().receive(request_with_routes());
  bench.settle();
  auto& sent = *bench.stack().sent().at(0);
  sent.answer(100);
  CHECK(call->responses.empty());
  sent.answer(183);
  CHECK(call->responses.size() == 1);
  SUBCASE("503") {
    sent.answer(503, {{"Retry-After", "120"}});
    bench.settle();
    CHECK(call->final() == 500);
    CHECK_FALSE(call->last().headers.has("Retry-After"));
  }
  SUBCASE("transport failure") {
    sent.fail(503, ResponseOrigin::connect_failed);
    bench.settle();
    CHECK(call->final() == 500);
  }
  SUBCASE("silence") {
    bench.advance(33s);
    CHECK(call->final() == 408);
  }
  SUBCASE("600") {
    sent.answer(600);
    bench.settle();
    CHECK(call->final() == 600);
  }
  CHECK(bench.status().server_transactions == 0);
}

TEST_CASE("CANCEL is forwarded and its 487 relayed (RFC 3261 16.10)") {
  Bench bench;
  bench.script.hooks["INVITE"] = [](SipServletRequest request) -> Task<void> {
    static_cast<void>(request.proxy_onward());
    co_return;
  };
  const auto call = bench.stack().receive(sip_request(
      "INVITE", "sip:alice@ims.lab", {{"Route", "<sip:127.0.0.1:5065;lr>, " + kMark}, {"Contact", "<sip:bob@127.0.0.1:6101>"}}));
  bench.settle();
  auto& sent = *bench.stack().sent().at(0);
  CHECK(sent.request.headers.get("Contact") == "<sip:bob@127.0.0.1:6101>");
  sent.answer(180);
  call->cancel();
  CHECK(sent.cancelled);
  CHECK(call->final() == 0);
  sent.answer(487);
  bench.settle();
  CHECK(call->final() == 487);
  CHECK(bench.status().dialogs == 0);
}

TEST_CASE("the ninth round of one request is a loop: 482 (SV-10)") {
  Bench bench;
  proxy_everything(bench);
  auto request = request_with_routes();
  std::vector<std::shared_ptr<FakeSipStack::Call>> calls;
  for (int round = 0; round < 9; ++round) {
    auto next = request;
    next.headers.set("Route", "<sip:127.0.0.1:5065;lr>, <sip:iscmark@127.0.0.1:6060;lr;s=" + std::to_string(round) + ">");
    calls.push_back(bench.stack().receive(std::move(next)));
    bench.settle();
  }
  CHECK(bench.stack().sent().size() == 8);
  CHECK(calls.back()->final() == 482);
  for (const auto& sent : bench.stack().sent()) sent->answer(200);
  bench.settle();
  CHECK(bench.stack().receive(request)->final() == 0);  // forgotten: it may pass again
}

TEST_CASE("a request of this node that comes back is recognised by identity or Call-ID, from trusted peers only (AS-47)") {
  Bench bench;
  bool own = false;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    own = request.originated_here();
    static_cast<void>(request.respond(200));
    co_return;
  };
  const auto is_own = [&](std::vector<SipHeaderField> extra, const std::string& from = "127.0.0.1") {
    own = false;
    bench.stack().receive(request_with_routes(std::move(extra)), {sip::Transport::udp, from, 6060});
    bench.settle();
    return own;
  };
  CHECK(is_own({}));                                                        // configured sender identity
  CHECK(is_own({{"P-Asserted-Identity", "<sip:push@IMS.lab:5060;x=y>"}}));  // a PSI of a service
  CHECK_FALSE(is_own({{"P-Asserted-Identity", "<sip:bob@ims.lab>"}}));
  CHECK(is_own({{"P-Asserted-Identity", "<sip:bob@ims.lab>"}, {"Call-ID", "abc@as1"}}));
  CHECK_FALSE(is_own({{"Call-ID", "abc@as1"}}, "192.0.2.7"));
}
