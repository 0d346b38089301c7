// The border of the trust domain: what may come in, what stays inside. S-2, S-6, S-7, S-10.
#include <doctest/doctest.h>

#include "container/border_stack.h"
#include "container/peer_rates.h"
#include "doubles/fake_sip_stack.h"
#include "doubles/virtual_clock.h"

using namespace herald;
using namespace herald::container;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const sip::PeerAddress kInside{sip::Transport::udp, "10.1.0.7", 5060};
const sip::PeerAddress kStranger{sip::Transport::udp, "192.0.2.9", 5060};

BorderRules rules_with(PeerRateLimits rates = {}, bool protect = false) {
  BorderRules rules;
  rules.trusted = [](const sip::PeerAddress& peer) { return peer.host.starts_with("10.1.") || peer.host == "127.0.0.1"; };
  rules.trusted_domains = {"IMS.lab"};
  rules.next_hop = "sip:scscf.other.example:6060;lr";
  rules.require_protected = protect;
  rules.rates = rates;
  return rules;
}

struct Border {
  explicit Border(BorderRules rules) {
    auto made = std::make_unique<FakeSipStack>(executor);
    wire = made.get();
    stack = std::make_unique<BorderStack>(std::move(made), clock, std::move(rules));
    stack->on_request([this](std::unique_ptr<sip::ServerTransaction> request) {
      ++arrived;
      SipMessage ok;
      ok.start = SipStatusLine{200, "OK"};
      static_cast<void>(request->respond(std::move(ok)));
    });
  }
  int receive(const sip::PeerAddress& from) {
    const auto call = wire->receive(sip_request("MESSAGE", "sip:push@ims.lab"), from);
    executor.run_ready();
    return call->final();
  }
  SipMessage send(const std::string& uri, std::vector<SipHeaderField> extra = {}) {
    auto headers = std::vector<SipHeaderField>{{"P-Asserted-Identity", "<sip:push@ims.lab>"},
                                               {"P-Charging-Vector", "icid-value=1"},
                                               {"P-Asserted-Service", "urn:urn-7:3gpp-service.ims.icsi.push"},
                                               {"Privacy", "id"},
                                               {"Accept-Contact", "*;+g.oma.pusheventapp=\"news.ua\""}};
    headers.insert(headers.end(), extra.begin(), extra.end());
    executor.run([&] {
      transaction = stack->send(sip_request("MESSAGE", uri, std::move(headers)), Deadline::never(), [](const auto&) {});
    });
    return wire->sent().back()->request;
  }

  VirtualClock clock;
  ManualExecutor executor{clock};
  FakeSipStack* wire = nullptr;
  std::unique_ptr<BorderStack> stack;
  std::unique_ptr<sip::ClientTransaction> transaction;
  int arrived = 0;
};

bool has_p_header(const SipMessage& message) {
  for (const auto& field : message.headers.fields()) {
    if (field.name.starts_with("P-")) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("S-7: P- headers go to trusted next hops only; Privacy stays with the request") {
  struct Row {
    std::string uri;
    std::vector<SipHeaderField> routes;
    bool inside;
  };
  const std::vector<Row> rows{
      {"sip:alice@10.1.0.7", {}, true},
      {"sip:alice@10.1.0.7:5070;transport=tcp", {}, true},
      {"sip:alice@192.0.2.9", {}, false},
      {"sip:alice@192.0.2.9", {{"Route", "<sip:10.1.0.7;lr>"}}, true},
      {"sip:alice@10.1.0.7", {{"Route", "<sip:192.0.2.9;lr>"}}, false},
      {"sip:alice@ims.lab", {}, true},
      {"sip:alice@scscf1.IMS.LAB", {}, true},
      {"sip:alice@evilims.lab", {}, false},
      {"sip:alice@ims.lab.example", {}, false},
      {"sip:alice@scscf.other.example", {}, true},  // sip.next_hop
      {"sip:alice@other.example", {}, false},
      {"sip:alice@[2001:db8::1]", {}, false},
      {"tel:+15551000001", {}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.uri);
    Border border(rules_with());
    const auto request = border.send(row.uri, row.routes);
    CHECK(has_p_header(request) == row.inside);
    CHECK(request.headers.has("Privacy"));
    CHECK(request.headers.has("Accept-Contact"));
    CHECK(request.uri() == row.uri);
  }
}

TEST_CASE("S-10: a peer over its rate is answered 503 with Retry-After, others go on, and time heals") {
  PeerRateLimits limits;
  limits.untrusted = 5;
  Border border(rules_with(limits));
  for (int i = 0; i < 5; ++i) CHECK(border.receive(kStranger) == 200);
  CHECK(border.receive(kStranger) == 503);
  CHECK(border.arrived == 5);
  CHECK(border.receive({sip::Transport::udp, "192.0.2.10", 5060}) == 200);
  CHECK(border.receive({sip::Transport::tcp, "192.0.2.9", 40000}) == 503);  // the same host by another port
  for (int i = 0; i < 100; ++i) CHECK(border.receive(kInside) == 200);      // trusted: no limit given
  border.clock.advance(1s);
  for (int i = 0; i < 5; ++i) CHECK(border.receive(kStranger) == 200);
  CHECK(border.receive(kStranger) == 503);
}

TEST_CASE("S-10: trusted peers can have a limit of their own") {
  PeerRateLimits limits;
  limits.trusted = 3;
  Border border(rules_with(limits));
  for (int i = 0; i < 3; ++i) CHECK(border.receive(kInside) == 200);
  CHECK(border.receive(kInside) == 503);
  CHECK(border.receive(kStranger) == 200);
}

TEST_CASE("S-10: the table of peers is bounded, and spoofed addresses do not push out one that is being limited") {
  VirtualClock clock;
  PeerRateLimits limits;
  limits.untrusted = 2;
  limits.max_peers = 10;
  PeerRates rates(clock, limits);
  CHECK(rates.admit("192.0.2.1", false));
  CHECK(rates.admit("192.0.2.1", false));
  CHECK_FALSE(rates.admit("192.0.2.1", false));
  for (int i = 0; i < 1000; ++i) static_cast<void>(rates.admit("198.51.100." + std::to_string(i), false));
  CHECK(rates.size() == 10);
  CHECK_FALSE(rates.admit("192.0.2.1", false));
  // All that found no room share one bucket.
  CHECK_FALSE(rates.admit("203.0.113.1", false));
  clock.advance(2s);
  CHECK(rates.admit("203.0.113.1", false));
  CHECK(rates.size() == 10);
}

TEST_CASE("S-6: with require_protected_peers a trusted peer must come over TLS or from this host") {
  Border border(rules_with({}, /*protect=*/true));
  CHECK(border.receive(kInside) == 403);
  CHECK(border.receive({sip::Transport::tcp, "10.1.0.7", 5060}) == 403);
  CHECK(border.receive({sip::Transport::tls, "10.1.0.7", 5061}) == 200);
  CHECK(border.receive({sip::Transport::udp, "127.0.0.1", 6060}) == 200);
  CHECK(border.receive(kStranger) == 200);  // untrusted anyway: nothing it says is believed
  Border lenient(rules_with());
  CHECK(lenient.receive(kInside) == 200);
}
