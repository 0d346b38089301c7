#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;
using sip::Transport;

namespace {

sip::StackOptions listening(std::vector<sip::ListenAddress> addresses) {
  sip::StackOptions options;
  options.listen = std::move(addresses);
  return options;
}

std::string invite_from(const SipPeer& peer, const std::string& id = "1") {
  return "INVITE sip:herald@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP " + peer.host_port() + ";branch=z9hG4bKinv" + id +
         "\r\nRecord-Route: <sip:p1@127.0.0.1;lr>, <sip:p2@127.0.0.1;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n"
         "To: <sip:b@h>\r\nCall-ID: inv" +
         id + "\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n";
}

std::string same_transaction(std::string invite, const std::string& method, const std::string& to_tag = {}) {
  invite.replace(0, 6, method);
  invite.replace(invite.find("7 INVITE"), 8, "7 " + method);
  if (!to_tag.empty()) invite.replace(invite.find("To: <sip:b@h>"), 13, "To: <sip:b@h>;tag=" + to_tag);
  return invite;
}

}  // namespace

TEST_CASE("a MESSAGE over TCP is answered on its connection; two in one segment are two; keep-alives are ignored") {
  Stack stack(listening({listen_on(Transport::tcp)}));
  SipPeer peer(SipPeer::Kind::tcp);
  peer.connect(stack.port(Transport::tcp));
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", "one") + peer.message("sip:herald@127.0.0.1", "two")));
  for (int i = 0; i < 2; ++i) {
    const auto answer = stack.next(peer);
    REQUIRE(answer);
    CHECK(SipPeer::status(*answer) == 200);
  }
  REQUIRE(stack.requests.size() == 2);
  CHECK(stack.requests[1].body == "two");
  CHECK(stack.peers[0].transport == Transport::tcp);
  REQUIRE(peer.send("\r\n\r\n"));
  stack.step();
  // Alone, and in one segment with a request (RFC 3261 7.5).
  for (const char* before : {"", "\r\n\r\n", "\r\n"}) {
    REQUIRE(peer.send(before + peer.message("sip:herald@127.0.0.1", "more")));
    const auto after = stack.next(peer);
    REQUIRE(after);
    CHECK(SipPeer::status(*after) == 200);
    CHECK(stack.requests.back().uri() == "sip:herald@127.0.0.1");
  }
}

TEST_CASE("a request cut into single bytes over TCP is one request") {
  Stack stack(listening({listen_on(Transport::tcp)}));
  SipPeer peer(SipPeer::Kind::tcp);
  peer.connect(stack.port(Transport::tcp));
  for (const char c : peer.message("sip:herald@127.0.0.1", "slow")) {
    REQUIRE(peer.send(std::string(1, c)));
    stack.step();
  }
  REQUIRE(stack.next(peer));
  REQUIRE(stack.requests.size() == 1);
  CHECK(stack.requests[0].body == "slow");
}

TEST_CASE("a UDP listener has TCP beside it (RFC 3261 18.2.1)") {
  Stack stack;
  REQUIRE(stack.stack->listening().size() == 2);
  CHECK(stack.stack->listening()[1].transport == Transport::tcp);
  CHECK(stack.stack->contact_uri(Transport::udp, "as") == "sip:as@127.0.0.1:" + std::to_string(stack.port()));
  CHECK(stack.stack->contact_uri(Transport::tcp, "") ==
        "sip:127.0.0.1:" + std::to_string(stack.port(Transport::tcp)) + ";transport=tcp");
}

TEST_CASE("IPv6 over UDP and TCP, both ways") {
  Stack stack(listening({listen_on(Transport::udp, "::1"), listen_on(Transport::tcp, "::1")}));
  SipPeer udp(SipPeer::Kind::udp, "::1");
  udp.connect(stack.port());
  REQUIRE(udp.send(udp.message("sip:herald@[::1]")));
  const auto answer = stack.next(udp);
  REQUIRE(answer);
  CHECK(SipPeer::status(*answer) == 200);
  CHECK(stack.peers.at(0).host == "::1");
  SipPeer tcp(SipPeer::Kind::tcp, "::1");
  stack.send(request_to(tcp.uri()));
  const auto request = stack.next(tcp);
  REQUIRE(request);
  CHECK(SipPeer::header(*request, "Via").starts_with("SIP/2.0/TCP [::1]:"));
  tcp.answer(*request, 200);
  CHECK(stack.result().response.status() == 200);
}

TEST_CASE("retransmissions are absorbed and answered again (RFC 3261 17.2.2)") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  const auto message = peer.message("sip:herald@127.0.0.1");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(peer.send(message));
    const auto answer = stack.next(peer);
    REQUIRE(answer);
    CHECK(SipPeer::status(*answer) == 200);
  }
  CHECK(stack.requests.size() == 1);
  stack.advance(33s, 500ms);  // timer J ends: the same bytes are a new request
  REQUIRE(peer.send(message));
  REQUIRE(stack.next(peer));
  CHECK(stack.requests.size() == 2);
}

TEST_CASE("an unanswered request gets 500 when its transaction is dropped (SV-11)") {
  Stack stack;
  stack.on_request = [](std::unique_ptr<sip::ServerTransaction> transaction) { transaction.reset(); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  const auto answer = stack.next(peer);
  REQUIRE(answer);
  CHECK(SipPeer::status(*answer) == 500);
}

TEST_CASE("an exception out of a handler answers 500 and the stack goes on") {
  Stack stack;
  stack.on_request = [](std::unique_ptr<sip::ServerTransaction>) { throw std::runtime_error("no"); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  const auto answer = stack.next(peer);
  REQUIRE(answer);
  CHECK(SipPeer::status(*answer) == 500);
}

TEST_CASE("one final response: a second is a conflict; provisional ones may come before") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held = std::move(transaction); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  CHECK(held->respond(response_of(100)));
  auto accepted = response_of(202, "body");
  accepted.headers.add("Content-Type", "text/plain");
  accepted.headers.add("P-Charging-Vector", "icid-value=1");
  accepted.headers.add("Call-ID", "another");  // the stack's business
  CHECK(held->respond(accepted));
  const auto again = held->respond(response_of(486));
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::conflict);
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 100);
  const auto final = stack.next(peer);
  REQUIRE(final);
  CHECK(SipPeer::status(*final) == 202);
  CHECK(SipPeer::header(*final, "To") == "<sip:herald@example.com>;tag=" + held->local_tag());
  CHECK(SipPeer::header(*final, "P-Charging-Vector") == "icid-value=1");
  CHECK(SipPeer::header(*final, "Server") == "Herald");
  CHECK(SipPeer::body(*final) == "body");
  CHECK(SipPeer::headers(*final, "Call-ID").size() == 1);
}

TEST_CASE("a response that would not parse is refused, and another may still be sent") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held = std::move(transaction); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  auto bad = response_of(200);
  bad.headers.add("Route", "<<<>>>");
  CHECK_FALSE(held->respond(bad));
  CHECK_FALSE(held->respond(response_of(99)));
  CHECK_FALSE(held->respond(request_to("sip:a@b")));
  CHECK(held->respond(response_of(200)));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 200);
}

TEST_CASE("CANCEL of an INVITE is answered 200, the handler hears it, and the failure is acknowledged") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  bool cancelled = false;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) {
    held = std::move(transaction);
    held->on_cancel([&] {
      cancelled = true;
      CHECK(held->respond(response_of(487)));
    });
  };
  SipPeer peer;
  peer.connect(stack.port());
  const auto invite = invite_from(peer);
  REQUIRE(peer.send(invite));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  stack.advance(300ms);  // 100 Trying comes by itself after 200 ms (RFC 3261 17.2.1)
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 100);
  REQUIRE(peer.send(same_transaction(invite, "CANCEL")));
  const auto first = stack.next(peer);
  REQUIRE(first);
  CHECK(SipPeer::status(*first) == 200);
  CHECK(SipPeer::header(*first, "CSeq") == "7 CANCEL");
  CHECK(cancelled);
  const auto second = stack.next(peer);
  REQUIRE(second);
  CHECK(SipPeer::status(*second) == 487);
  REQUIRE(peer.send(same_transaction(invite, "ACK", held->local_tag())));
  stack.advance(2s);
  CHECK_FALSE(peer.receive());  // timer G stopped
  CHECK(stack.acks.empty());    // that ACK is the transaction's own
}

TEST_CASE("a cancelled INVITE nobody asked about is answered 487 by the stack") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held = std::move(transaction); };
  SipPeer peer;
  peer.connect(stack.port());
  const auto invite = invite_from(peer);
  REQUIRE(peer.send(invite));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  REQUIRE(peer.send(same_transaction(invite, "CANCEL")));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 200);
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 487);
  CHECK_FALSE(held->respond(response_of(200)));
}

TEST_CASE("a 2xx to INVITE carries the route set, and its ACK comes up") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  const auto invite = invite_from(peer);
  std::string tag;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) {
    tag = transaction->local_tag();
    auto ok = response_of(200);
    ok.headers.add("Contact", "<sip:herald@127.0.0.1>");
    CHECK(transaction->respond(ok));
  };
  REQUIRE(peer.send(invite));
  const auto answer = stack.next(peer);
  REQUIRE(answer);
  CHECK(SipPeer::header(*answer, "Record-Route") == "<sip:p1@127.0.0.1;lr>, <sip:p2@127.0.0.1;lr>");
  auto ack = same_transaction(invite, "ACK", tag);
  ack.replace(ack.find("z9hG4bKinv1"), 11, "z9hG4bKack1");
  REQUIRE(peer.send(ack));
  REQUIRE(stack.until([&] { return !stack.acks.empty(); }));
  CHECK(stack.acks[0].method() == "ACK");
}

TEST_CASE("draining: new requests get 503 with Retry-After, running ones go on") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held = std::move(transaction); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  stack.stack->stop_listening();
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  const auto refused = stack.next(peer);
  REQUIRE(refused);
  CHECK(SipPeer::status(*refused) == 503);
  CHECK(SipPeer::header(*refused, "Retry-After") == "5");
  CHECK(held->respond(response_of(200)));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 200);
}

TEST_CASE("draining: a request inside a dialog is still served, as a refresh of a subscription is (AS-67)") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  stack.stack->stop_listening();
  auto refresh = peer.message("sip:herald@127.0.0.1");
  const auto to = refresh.find("\r\nTo:");
  REQUIRE(to != std::string::npos);
  refresh.insert(refresh.find("\r\n", to + 2), ";tag=ours");
  REQUIRE(peer.send(refresh));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 200);
  CHECK(stack.requests.size() == 1);
}

TEST_CASE("a request over max_message_bytes gets 513, far over it 413 and an end") {
  auto options = listening({listen_on(Transport::tcp)});
  options.max_message_bytes = 4000;
  Stack stack(options);
  SipPeer peer(SipPeer::Kind::tcp);
  peer.connect(stack.port(Transport::tcp));
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", std::string(3000, 'x'))));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 200);
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", std::string(5000, 'x'))));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 513);
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", std::string(5000, 'x'))));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 513);
  peer.send(peer.message("sip:herald@127.0.0.1", std::string(200000, 'x')));
  CHECK(SipPeer::status(stack.next(peer).value_or("")) == 413);
  CHECK(stack.requests.size() == 1);
  SipPeer other(SipPeer::Kind::tcp);
  other.connect(stack.port(Transport::tcp));
  REQUIRE(other.send(other.message("sip:herald@127.0.0.1")));
  CHECK(SipPeer::status(stack.next(other).value_or("")) == 200);
}

TEST_CASE("a transaction that outlives the stack does nothing") {
  Stack stack;
  std::unique_ptr<sip::ServerTransaction> held;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held = std::move(transaction); };
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  REQUIRE(stack.until([&] { return held != nullptr; }));
  stack.stack.reset();
  const auto late = held->respond(response_of(200));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::gone);
}

TEST_CASE("an address that is taken is a clear error") {
  Stack stack;
  sip::StackOptions options;
  options.listen = {sip::ListenAddress{Transport::tcp, "127.0.0.1", stack.port(Transport::tcp)}};
  const auto second = sip::make_sip_stack(stack.root, options);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::unavailable);
  CHECK(second.error().text.find("tcp:127.0.0.1") != std::string::npos);
}
