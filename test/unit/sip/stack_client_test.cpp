#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;
using sip::Transport;

namespace {

std::size_t taken(SipPeer& peer) {
  std::size_t n = 0;
  while (peer.receive()) ++n;
  return n;
}

}  // namespace

TEST_CASE("a MESSAGE over TCP, and the connection is used again") {
  Stack stack;
  SipPeer peer(SipPeer::Kind::tcp);
  for (int i = 0; i < 2; ++i) {
    stack.send(request_to(peer.uri()));
    const auto request = stack.next(peer);
    REQUIRE(request);
    CHECK(SipPeer::header(*request, "Via").starts_with("SIP/2.0/TCP 127.0.0.1:"));
    CHECK(peer.connected());
    peer.answer(*request, 200);
    CHECK(stack.result().response.status() == 200);
    stack.results.clear();
  }
  CHECK(stack.stack->hops().at(0).hop == "127.0.0.1:" + std::to_string(peer.port()) + ";transport=tcp");
}

TEST_CASE("provisional responses come first, 100 is the stack's own; the final one ends it") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri(), "", "INVITE"));
  const auto request = stack.next(peer);
  REQUIRE(request);
  peer.answer(*request, 100);
  peer.answer(*request, 183);
  peer.answer(*request, 200);
  REQUIRE(stack.until([&] { return stack.results.size() == 2; }));
  CHECK(stack.results[0].response.status() == 183);
  CHECK(stack.results[1].response.status() == 200);
}

TEST_CASE("our ACK to a 2xx is sent as given, with a Via of its own") {
  Stack stack;
  SipPeer peer;
  stack.root.inside([&] { stack.stack->send_ack(request_to(peer.uri(), "", "ACK")); });
  const auto ack = stack.next(peer);
  REQUIRE(ack);
  CHECK(SipPeer::method(*ack) == "ACK");
  CHECK(SipPeer::headers(*ack, "Via").size() == 1);
}

TEST_CASE("INVITE without an answer ends by timer B, and CANCEL after a provisional response brings the peer's 487") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri(), "", "INVITE"));
  stack.advance(33s, 100ms);
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin == ResponseOrigin::timer);
  CHECK(taken(peer) == 7);  // timer A
  stack.results.clear();
  stack.send(request_to(peer.uri(), "", "INVITE"));
  const auto invite = stack.next(peer);
  REQUIRE(invite);
  peer.answer(*invite, 180);
  REQUIRE(stack.until([&] { return stack.results.size() == 1; }));
  stack.client->cancel();
  const auto cancel = stack.next(peer);
  REQUIRE(cancel);
  CHECK(SipPeer::method(*cancel) == "CANCEL");
  CHECK(SipPeer::header(*cancel, "Via") == SipPeer::header(*invite, "Via"));
  peer.answer(*cancel, 200);
  peer.answer(*invite, 487);
  REQUIRE(stack.until([&] { return stack.results.size() == 2; }));
  CHECK(stack.results[1].response.status() == 487);
  const auto ack = stack.next(peer);
  REQUIRE(ack);
  CHECK(SipPeer::method(*ack) == "ACK");
}

TEST_CASE("an unreachable UDP port is told by ICMP at once (SM-2)") {
  Stack stack;
  SipPeer peer;
  const auto uri = peer.uri();
  peer.close();
  stack.send(request_to(uri));
  const auto& result = stack.result();
  CHECK(result.origin == ResponseOrigin::unreachable);
  CHECK(result.response.status() == 503);
}

TEST_CASE("a refused TCP connection is connect_failed, and nothing falls back to UDP (PS-21)") {
  Stack stack;
  SipPeer peer(SipPeer::Kind::tcp);
  const auto uri = peer.uri();
  peer.close();
  stack.send(request_to(uri));
  CHECK(stack.result().origin == ResponseOrigin::connect_failed);
  CHECK(stack.result().response.status() == 503);
}

TEST_CASE("a connection that ends after the request was written is connection_lost: outcome unknown") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    Stack stack;
    SipPeer peer(SipPeer::Kind::tcp);
    stack.send(request_to(peer.uri()));
    REQUIRE(stack.next(peer));
    peer.hang_up(reset);
    // Sofia sends once more over a new connection when the old one breaks; that one ends likewise.
    for (int i = 0; i < 4 && stack.results.empty(); ++i) {
      if (stack.until([&] { return !stack.results.empty(); }, 20)) break;
      if (peer.receive()) peer.hang_up(reset);
    }
    if (stack.results.empty()) stack.advance(33s, 100ms);
    REQUIRE(stack.results.size() == 1);
    CHECK(stack.results[0].origin == ResponseOrigin::connection_lost);
  }
}

TEST_CASE("a request of 1300 bytes goes over UDP, one of 1301 over TCP with a Via that says so (PS-22)") {
  for (const std::size_t size : {1299U, 1300U, 1301U}) {
    CAPTURE(size);
    Stack stack;
    SipPeer udp;
    auto fields = request_to(udp.uri(), std::string(500, 'x'));
    fields.headers.add("Subject", std::string(200, 's'));  // keeps the body's length at three digits
    stack.send(fields);
    const auto probe = stack.next(udp);
    REQUIRE(probe);
    udp.answer(*probe, 200);
    REQUIRE(stack.result().response.status() == 200);
    stack.results.clear();
    auto request = fields;  // same fields, another body: the size on the wire is known, Via included
    request.body = std::string(500 + size - probe->size(), 'x');
    stack.send(request);
    if (size <= 1300) {
      const auto sent = stack.next(udp);
      REQUIRE(sent);
      CHECK(sent->size() == size);
      CHECK(SipPeer::header(*sent, "Via").starts_with("SIP/2.0/UDP "));
    } else {
      // Nobody listens on TCP there: refused, and not one datagram instead (PS-21).
      CHECK(stack.result().origin == ResponseOrigin::connect_failed);
      CHECK_FALSE(udp.receive());
    }
  }
  Stack stack;
  SipPeer tcp(SipPeer::Kind::tcp);
  stack.send(request_to("sip:" + tcp.host_port(), std::string(1300, 'x')));
  const auto sent = stack.next(tcp);
  REQUIRE(sent);
  CHECK(SipPeer::header(*sent, "Via").starts_with("SIP/2.0/TCP 127.0.0.1:" + std::to_string(stack.port(Transport::tcp))));
  tcp.answer(*sent, 200);
  CHECK(stack.result().response.status() == 200);
}

TEST_CASE("the deadline ends the wait with 408 before Timer F; the transaction stays counted until its own end") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()), Deadline::after(stack.clock, 3s));
  stack.advance(2900ms);
  CHECK(stack.results.empty());
  stack.advance(200ms);
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin == ResponseOrigin::timer);
  CHECK(stack.results[0].response.status() == 408);
  CHECK(stack.stack->hops().at(0).in_flight == 1);
  stack.advance(30s);
  CHECK(stack.stack->hops().at(0).in_flight == 0);
  CHECK(stack.results.size() == 1);
}

TEST_CASE("a late answer after the deadline is not delivered") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()), Deadline::after(stack.clock, 1s));
  const auto request = stack.next(peer);
  REQUIRE(request);
  stack.advance(1s);
  REQUIRE(stack.results.size() == 1);
  peer.answer(*request, 200);
  stack.step();
  CHECK(stack.results.size() == 1);
  CHECK(stack.stack->hops().at(0).in_flight == 0);
}

TEST_CASE("an abandoned request calls nobody, whatever comes") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()));
  const auto request = stack.next(peer);
  REQUIRE(request);
  stack.client.reset();
  peer.answer(*request, 200);
  stack.step();
  stack.send(request_to(peer.uri()));
  stack.client.reset();
  stack.advance(33s, 100ms);
  CHECK(stack.results.empty());
}

TEST_CASE("a request may be dropped inside its own callback, and the next one sent from there") {
  Stack stack;
  SipPeer peer;
  int calls = 0;
  std::unique_ptr<sip::ClientTransaction> first, second;
  stack.root.inside([&] {
    first = stack.stack->send(request_to(peer.uri()), Deadline::never(), [&](const sip::ClientResult&) {
      ++calls;
      first.reset();
      second = stack.stack->send(request_to(peer.uri()), Deadline::never(), [&](const sip::ClientResult&) { ++calls; });
    });
  });
  for (int i = 0; i < 2; ++i) {
    const auto request = stack.next(peer);
    REQUIRE(request);
    peer.answer(*request, 200);
    stack.step();
  }
  CHECK(calls == 2);
}

TEST_CASE("the stack may go while requests are in flight, waiting and resolving") {
  sip::StackOptions options;
  options.hops.max_in_flight = 1;
  SipPeer silent_dns;
  options.dns_servers = {silent_dns.host_port()};
  Stack stack(options);
  SipPeer peer;
  std::vector<std::unique_ptr<sip::ClientTransaction>> held;
  int calls = 0;
  for (const auto& uri : {peer.uri(), peer.uri(), std::string("sip:u@somewhere.example")}) {
    stack.root.inside([&] {
      held.push_back(
          stack.stack->send(request_to(uri), Deadline::after(stack.clock, 1h), [&](const sip::ClientResult&) { ++calls; }));
    });
  }
  stack.step();
  stack.stack.reset();
  stack.advance(40s, 100ms);
  for (auto& one : held) one->cancel();
  held.clear();
  CHECK(calls == 0);
}

TEST_CASE("over the cap requests wait their turn in order") {
  sip::StackOptions options;
  options.hops.max_in_flight = 1;
  Stack stack(options);
  SipPeer peer;
  std::vector<std::unique_ptr<sip::ClientTransaction>> held;
  std::vector<int> done;
  for (int i = 0; i < 3; ++i) {
    stack.root.inside([&] {
      held.push_back(stack.stack->send(request_to(peer.uri(), std::to_string(i)), Deadline::never(),
                                       [&, i](const sip::ClientResult&) { done.push_back(i); }));
    });
  }
  CHECK(stack.stack->hops().at(0).queued == 2);
  for (int i = 0; i < 3; ++i) {
    const auto request = stack.next(peer);
    REQUIRE(request);
    CHECK(SipPeer::body(*request) == std::to_string(i));
    CHECK_FALSE(peer.receive());
    peer.answer(*request, 200);
  }
  REQUIRE(stack.until([&] { return done.size() == 3; }));
  CHECK(done == std::vector<int>{0, 1, 2});
}

TEST_CASE("a full queue refuses at once as hop_blocked: nothing was sent") {
  sip::StackOptions options;
  options.hops.max_in_flight = 1;
  options.hops.max_queued = 0;
  Stack stack(options);
  SipPeer peer;
  std::vector<std::unique_ptr<sip::ClientTransaction>> held;
  stack.send(request_to(peer.uri()));
  held.push_back(std::move(stack.client));
  stack.send(request_to(peer.uri()));
  CHECK(stack.results.empty());
  stack.step();
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin == ResponseOrigin::hop_blocked);
  CHECK(stack.results[0].response.status() == 503);
  CHECK(taken(peer) == 1);
}

TEST_CASE("a silent hop opens its breaker; a probe that is answered closes it; another hop is not touched") {
  sip::StackOptions options;
  options.hops.failures_to_open = 2;
  Stack stack(options);
  SipPeer silent, healthy;
  std::vector<std::unique_ptr<sip::ClientTransaction>> held;
  for (int i = 0; i < 2; ++i) {
    stack.send(request_to(silent.uri()));
    held.push_back(std::move(stack.client));
  }
  stack.advance(33s, 100ms);
  REQUIRE(stack.results.size() == 2);
  taken(silent);
  stack.results.clear();
  stack.send(request_to(silent.uri()));
  stack.step();
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin == ResponseOrigin::hop_blocked);
  CHECK(stack.results[0].response.headers.has("Retry-After"));
  CHECK(taken(silent) == 0);
  stack.results.clear();
  stack.send(request_to(healthy.uri()));
  const auto fine = stack.next(healthy);
  REQUIRE(fine);
  healthy.answer(*fine, 200);
  CHECK(stack.result().response.status() == 200);
  stack.results.clear();
  stack.advance(5s);
  stack.send(request_to(silent.uri()));
  const auto probe = stack.next(silent);
  REQUIRE(probe);
  silent.answer(*probe, 200);
  CHECK(stack.result().response.status() == 200);
  for (const auto& hop : stack.stack->hops()) CHECK_FALSE(hop.open);
}

TEST_CASE("503 with Retry-After closes the hop; the peer's own answer is handed up (AS-84)") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()));
  const auto request = stack.next(peer);
  REQUIRE(request);
  peer.answer(*request, 503, "Busy", "Retry-After: 20 (maintenance)\r\n");
  CHECK(stack.result().origin == ResponseOrigin::peer);
  CHECK(stack.result().response.status() == 503);
  stack.results.clear();
  stack.send(request_to(peer.uri()));
  stack.step();
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin == ResponseOrigin::hop_blocked);
  CHECK(stack.results[0].response.headers.get("Retry-After") == "20");
  stack.advance(20s, 500ms);
  stack.results.clear();
  stack.send(request_to(peer.uri()));
  REQUIRE(stack.next(peer));
}

TEST_CASE("the next hop is the first Route, else the Request-URI; without one the request ends as not_resolved") {
  Stack stack;
  SipPeer route, target;
  auto request = request_to(target.uri());
  request.headers.add("Route", "<" + route.uri() + ";lr>, <sip:mark@127.0.0.1:1;lr;s=2>");
  stack.send(request);
  const auto sent = stack.next(route);
  REQUIRE(sent);
  CHECK(SipPeer::header(*sent, "Route") == "<" + route.uri() + ";lr>, <sip:mark@127.0.0.1:1;lr;s=2>");
  CHECK(SipPeer::start_line(*sent) == "MESSAGE " + target.uri() + " SIP/2.0");
  for (const auto* uri : {"tel:+15551000001", "sip:[::1]:9", "sip:127.0.0.1:9;transport=sctp", "sips:127.0.0.1:9", "sip:"}) {
    CAPTURE(uri);
    stack.results.clear();
    stack.send(request_to(uri));
    stack.step();
    REQUIRE(stack.results.size() == 1);
    CHECK(stack.results[0].origin == ResponseOrigin::not_resolved);
  }
}

TEST_CASE("a request of ours that is no SIP is never sent and says so") {
  Stack stack;
  SipPeer peer;
  auto request = request_to(peer.uri());
  request.headers.remove("Call-ID");
  stack.send(request);
  stack.step();
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].response.status() == 400);
  CHECK(stack.results[0].origin == ResponseOrigin::hop_blocked);
  CHECK(taken(peer) == 0);
  CHECK(stack.stack->hops().at(0).in_flight == 0);
}

TEST_CASE("malformed responses neither harm nor answer: the request goes on to its end") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()));
  const auto request = stack.next(peer);
  REQUIRE(request);
  const auto good = SipPeer::response(*request, 200);
  const auto cut = good.find("CSeq:");
  for (const auto& bad : {std::string("SIP/2.0 99999 x\r\n\r\n"), std::string("SIP/2.0\r\n"), good.substr(0, cut) + "\r\n",
                          good.substr(0, cut) + "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                          good.substr(0, cut) + "CSeq: x\r\nContent-Length: 0\r\n\r\n"}) {
    peer.send(bad);
    stack.step();
  }
  CHECK(stack.results.empty());
  peer.send(good);
  CHECK(stack.result().response.status() == 200);
}
