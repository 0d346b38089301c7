#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;
using sip::Transport;

TEST_CASE("a MESSAGE over UDP reaches the handler and its answer goes back") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", "hi", "X-Odd:  a  ,b\r\ns: short\r\n")));
  const auto answer = stack.next(peer);
  REQUIRE(answer);
  CHECK(SipPeer::status(*answer) == 200);
  CHECK(SipPeer::header(*answer, "To").find(";tag=") != std::string::npos);
  REQUIRE(stack.requests.size() == 1);
  const auto& request = stack.requests.front();
  CHECK(request.method() == "MESSAGE");
  CHECK(request.uri() == "sip:herald@127.0.0.1");
  CHECK(request.body == "hi");
  CHECK(request.headers.get("X-Odd") == "a  ,b");
  CHECK(request.headers.fields().at(7).name == "Subject");
  CHECK(stack.peers.front().port == peer.port());
  CHECK(stack.peers.front().host == "127.0.0.1");
}

TEST_CASE("a MESSAGE is sent and its answer comes from the peer") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri("alice"), "hello"));
  CHECK(stack.results.empty());
  const auto request = stack.next(peer);
  REQUIRE(request);
  CHECK(SipPeer::start_line(*request) == "MESSAGE " + peer.uri("alice") + " SIP/2.0");
  CHECK(SipPeer::body(*request) == "hello");
  CHECK(SipPeer::header(*request, "Via").starts_with("SIP/2.0/UDP 127.0.0.1:" + std::to_string(stack.port())));
  CHECK(SipPeer::header(*request, "User-Agent") == "Herald");
  peer.answer(*request, 202, "Accepted", "X-Note: n\r\n");
  const auto& result = stack.result();
  CHECK(result.origin == ResponseOrigin::peer);
  CHECK(result.response.status() == 202);
  CHECK(result.response.headers.get("X-Note") == "n");
  CHECK(stack.stack->hops().at(0).in_flight == 0);
}

TEST_CASE("a silent UDP peer hears eleven sends and the sender gets 408 after 64*T1 (RFC 3261 timers E and F)") {
  Stack stack;
  SipPeer peer;
  stack.send(request_to(peer.uri()));
  stack.advance(31900ms);
  CHECK(stack.results.empty());
  stack.advance(300ms);
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].response.status() == 408);
  CHECK(stack.results[0].origin == ResponseOrigin::timer);
  int sends = 0;
  while (peer.receive()) ++sends;
  CHECK(sends == 11);
}
