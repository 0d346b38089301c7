#include "sip/resolver.h"

#include <set>

#include "fake_dns.h"
#include "sip/dns_ttl.h"
#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;
using sip::Target;
using sip::Transport;
using Targets = std::vector<Target>;

namespace {

struct Fixture {
  FakeDns dns;
  VirtualClock clock;
  sip::SofiaRoot root{clock};
  sip::Resolver resolver{root, {{dns.server()}, 5s}};
  SipPeer idle;

  std::optional<Expected<Targets>> start(const std::string& uri) {
    const auto hop = sip::next_hop_of_uri(uri);
    REQUIRE(hop);
    auto result = std::make_shared<std::optional<Expected<Targets>>>();
    last = result;
    root.inside([&] { resolver.resolve(*hop, [result](Expected<Targets> targets) { *result = std::move(targets); }); });
    return *result;
  }
  Expected<Targets> ask(const std::string& uri) {
    start(uri);
    for (int i = 0; i < 2000 && !*last; ++i) {
      root.step();
      dns.serve();
      idle.wait([] {}, 1);
    }
    REQUIRE(*last);
    return **last;
  }
  std::shared_ptr<std::optional<Expected<Targets>>> last;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a name with a port needs only its addresses, IPv4 and IPv6") {
  dns.a("scscf.ims.lab", "127.0.0.1");
  dns.aaaa("scscf.ims.lab", "::1");
  const auto targets = ask("sip:u@scscf.ims.lab:6060;transport=tcp");
  REQUIRE(targets);
  REQUIRE(targets->size() == 2);
  const std::set<std::string> names{(*targets)[0].name(), (*targets)[1].name()};
  CHECK(names == std::set<std::string>{"127.0.0.1:6060;transport=tcp", "[::1]:6060;transport=tcp"});
  CHECK(dns.asked("_sip._tcp.scscf.ims.lab") == 0);
}

TEST_CASE_FIXTURE(Fixture, "without port and transport: SRV of UDP, by priority (RFC 3263 4.1, 4.2)") {
  dns.srv("_sip._udp.ims.lab", 20, 1, 5062, "b.ims.lab");
  dns.srv("_sip._udp.ims.lab", 10, 1, 5061, "a.ims.lab");
  dns.a("a.ims.lab", "127.0.0.1");
  dns.a("b.ims.lab", "127.0.0.2");
  const auto targets = ask("sip:u@ims.lab");
  REQUIRE(targets);
  CHECK(*targets == Targets{{Transport::udp, "127.0.0.1", 5061}, {Transport::udp, "127.0.0.2", 5062}});
}

TEST_CASE_FIXTURE(Fixture, "no SRV of UDP: SRV of TCP; none of both: the name itself on 5060") {
  dns.srv("_sip._tcp.ims.lab", 1, 1, 5070, "a.ims.lab");
  dns.a("a.ims.lab", "127.0.0.1");
  auto targets = ask("sip:u@ims.lab");
  REQUIRE(targets);
  CHECK(*targets == Targets{{Transport::tcp, "127.0.0.1", 5070}});
  dns.a("plain.lab", "127.0.0.9");
  targets = ask("sip:u@plain.lab");
  REQUIRE(targets);
  CHECK(*targets == Targets{{Transport::udp, "127.0.0.9", 5060}});
  dns.srv("_sips._tcp.ims.lab", 1, 1, 5071, "a.ims.lab");
  targets = ask("sips:u@ims.lab");
  REQUIRE(targets);
  CHECK(*targets == Targets{{Transport::tls, "127.0.0.1", 5071}});
}

TEST_CASE_FIXTURE(Fixture, "answers are kept for their TTL, and joined while they are asked for") {
  dns.a("kept.lab", "127.0.0.1", 30);
  REQUIRE(ask("sip:kept.lab:5060"));
  const auto asked = dns.asked("kept.lab");
  CHECK(start("sip:kept.lab:5060").has_value());  // at once
  CHECK(dns.asked("kept.lab") == asked);
  clock.advance(31s);
  CHECK_FALSE(start("sip:kept.lab:5060").has_value());
  int answers = 0;
  root.inside([&] {
    for (int i = 0; i < 3; ++i)
      resolver.resolve(*sip::next_hop_of_uri("sip:kept.lab:5060"), [&](const Expected<Targets>&) { ++answers; });
  });
  CHECK(ask("sip:kept.lab:5060"));
  CHECK(answers == 3);
  CHECK(dns.asked("kept.lab") == 2 * asked);
}

TEST_CASE_FIXTURE(Fixture, "the TTL of SRV counts too") {
  dns.srv("_sip._udp.s.lab", 1, 1, 5070, "a.lab", 5);
  dns.a("a.lab", "127.0.0.1", 3600);
  REQUIRE(ask("sip:s.lab"));
  clock.advance(6s);
  CHECK_FALSE(start("sip:s.lab").has_value());
}

TEST_CASE_FIXTURE(Fixture, "an unknown name is not_found, remembered for ten seconds") {
  const auto none = ask("sip:nobody.lab:5060");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  const auto asked = dns.asked("nobody.lab");
  CHECK(start("sip:nobody.lab:5060").has_value());
  CHECK(dns.asked("nobody.lab") == asked);
  dns.a("nobody.lab", "127.0.0.1");
  clock.advance(10s);
  CHECK(ask("sip:nobody.lab:5060"));
}

TEST_CASE_FIXTURE(Fixture, "a name server that is silent, failing or talking rubbish ends in an error within the time-out") {
  start("sip:silent.lab:5060");
  for (int i = 0; i < 49; ++i) {
    clock.advance(100ms);
    root.step();
  }
  CHECK_FALSE(last->has_value());
  clock.advance(200ms);
  root.step();
  REQUIRE(last->has_value());
  CHECK((*last)->error().code == ErrorCode::timeout);
  dns.serve();
  dns.fail(2);
  const auto failed = ask("sip:failing.lab");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code != ErrorCode::not_found);
  dns.fail(0);
  dns.garbage(true);
  CHECK_FALSE(ask("sip:rubbish.lab"));
}

TEST_CASE_FIXTURE(Fixture, "an SRV record whose host has no address is passed over") {
  dns.srv("_sip._udp.x.lab", 1, 1, 5070, "gone.lab");
  dns.srv("_sip._udp.x.lab", 2, 1, 5071, "here.lab");
  dns.a("here.lab", "127.0.0.1");
  const auto targets = ask("sip:x.lab");
  REQUIRE(targets);
  CHECK(*targets == Targets{{Transport::udp, "127.0.0.1", 5071}});
}

TEST_CASE("SRV order: by priority, then by weight in proportion (RFC 2782)") {
  std::minstd_rand random(1);
  int heavy_first = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto order = sip::srv_order({{2, 0, 1, "z"}, {1, 30, 1, "heavy"}, {1, 10, 1, "light"}}, random);
    REQUIRE(order.size() == 3);
    CHECK(order[2].host == "z");
    if (order[0].host == "heavy") ++heavy_first;
  }
  CHECK(heavy_first > 1400);
  CHECK(heavy_first < 1600);
}

TEST_CASE("the TTL reader survives every truncation of an answer") {
  const std::string answer("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1x\0\0\x21\0\1\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\7\0\1\0\1\x13\xc4\0",
                           38);
  const auto* bytes = reinterpret_cast<const unsigned char*>(answer.data());
  CHECK(sip::answer_ttl(bytes, answer.size()) == 60s);
  for (std::size_t n = 0; n < answer.size(); ++n) {
    const std::vector<unsigned char> cut(bytes, bytes + n);  // its own block, so that a sanitizer sees an overrun
    const auto ttl = sip::answer_ttl(cut.data(), cut.size());
    if (n < 36) CHECK_FALSE(ttl);
  }
}

TEST_CASE("a request to a name: SRV targets are tried in order, on from one that is not there to the next (AS-3)") {
  FakeDns dns;
  sip::StackOptions options;
  options.dns_servers = {dns.server()};
  Stack stack(options);
  SipPeer closed, busy, good;
  dns.srv("_sip._udp.core.lab", 1, 1, closed.port(), "a.lab");
  dns.srv("_sip._udp.core.lab", 2, 1, busy.port(), "a.lab");
  dns.srv("_sip._udp.core.lab", 3, 1, good.port(), "a.lab");
  dns.a("a.lab", "127.0.0.1");
  closed.close();
  stack.send(request_to("sip:u@core.lab"));
  CHECK(stack.results.empty());
  const auto turn = [&] {
    stack.step();
    dns.serve();
  };
  const auto first = busy.wait(turn);
  REQUIRE(first);
  busy.answer(*first, 503);
  const auto second = good.wait(turn);
  REQUIRE(second);
  CHECK(SipPeer::header(*first, "Via") != SipPeer::header(*second, "Via"));  // a branch of its own (RFC 3263 4.3)
  CHECK(SipPeer::header(*first, "Call-ID") == SipPeer::header(*second, "Call-ID"));
  good.answer(*second, 200);
  CHECK(stack.result().response.status() == 200);
}

TEST_CASE("a name that is not there ends as not_resolved") {
  FakeDns dns;
  sip::StackOptions options;
  options.dns_servers = {dns.server()};
  Stack stack(options);
  stack.send(request_to("sip:u@nowhere.lab"));
  REQUIRE(stack.until([&] {
    dns.serve();
    return !stack.results.empty();
  }));
  CHECK(stack.results[0].origin == ResponseOrigin::not_resolved);
  CHECK(stack.results[0].response.status() == 503);
}

TEST_CASE("a name whose addresses our listeners cannot reach is not_resolved") {
  FakeDns dns;
  sip::StackOptions options;
  options.dns_servers = {dns.server()};
  Stack stack(options);  // IPv4 only
  dns.aaaa("six.lab", "::1");
  stack.send(request_to("sip:u@six.lab:5060"));
  REQUIRE(stack.until([&] {
    dns.serve();
    return !stack.results.empty();
  }));
  CHECK(stack.results[0].origin == ResponseOrigin::not_resolved);
}
