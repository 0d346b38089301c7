// Batched UDP I/O must show in the number of system calls and nowhere else.
#include <array>
#include <atomic>
#include <cerrno>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "herald/clock.h"
#include "sip/udp_ring.h"
#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;
using sip::ReceiveRing;
using sip::SendRing;
using sip::Transport;

namespace {

sip::StackOptions listening(std::vector<sip::ListenAddress> addresses) {
  sip::StackOptions options;
  options.listen = std::move(addresses);
  return options;
}

struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds.data()) == 0); }
  ~Pair() {
    for (const int fd : fds) ::close(fd);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void push(SendRing& ring, std::string text) const {
    const iovec piece{text.data(), text.size()};
    const sockaddr none{};
    ring.push({&piece, 1}, text.size(), &none, 0);
  }
  std::array<int, 2> fds{};
};

}  // namespace

TEST_CASE("a burst of 200 datagrams is received in order, each is answered, in few system calls") {
  Stack stack;
  std::array<SipPeer, 2> peers;  // the answers must fit into their sockets
  for (auto& peer : peers) peer.connect(stack.port());
  for (std::size_t i = 0; i < 200; ++i) {
    auto& peer = peers[i % 2];
    REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", "number " + std::to_string(i))));
  }
  stack.step();
  REQUIRE(stack.requests.size() == 200);
  for (std::size_t i = 0; i < 200; ++i) CHECK(stack.requests[i].body == "number " + std::to_string(i));
  for (auto& peer : peers) {
    std::size_t answers = 0;
    for (; const auto answer = peer.receive(); ++answers) CHECK(SipPeer::status(*answer) == 200);
    CHECK(answers == 100);
  }
  const auto counts = stack.root.udp().counts();
  CHECK(counts.received == 200);
  CHECK(counts.sent == 200);
  CHECK(counts.receive_calls <= 200 / ReceiveRing::kSlots + 2);
  CHECK(counts.send_calls <= 200 / SendRing::kSlots + 2);
}

TEST_CASE("work from the mailbox runs between the datagrams of one batch") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  for (int i = 0; i < 20; ++i) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  std::vector<std::size_t> seen;  // requests there were when each piece ran
  for (int i = 0; i < 40; ++i) stack.root.complete([&] { seen.push_back(stack.requests.size()); });
  stack.step();
  REQUIRE(seen.size() == 40);
  CHECK(stack.requests.size() == 20);
  CHECK(seen.back() >= 8);   // no more than four pieces a datagram,
  CHECK(seen.back() <= 12);  // and no fewer
}

TEST_CASE("without batching nothing goes through the rings, and all is answered too") {
  sip::StackOptions options;
  options.udp_batch = false;
  Stack stack(std::move(options));
  SipPeer peer;
  peer.connect(stack.port());
  for (int i = 0; i < 50; ++i) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  stack.step();
  CHECK(stack.requests.size() == 50);
  CHECK(stack.root.udp().counts().received == 0);
  CHECK(stack.root.udp().counts().sent == 0);
}

TEST_CASE("ICMP errors of one address fail its requests and only those, in one batch with others (SM-2)") {
  Stack stack;
  SipPeer alive;
  SipPeer dead;
  const auto dead_uri = dead.uri();
  dead.close();
  constexpr int kEach = 20;
  std::vector<std::unique_ptr<sip::ClientTransaction>> clients;
  int unreachable = 0;
  int answered = 0;
  stack.root.inside([&] {
    for (int i = 0; i < kEach; ++i) {
      clients.push_back(stack.stack->send(request_to(dead_uri), Deadline::never(), [&](const sip::ClientResult& result) {
        if (result.origin == ResponseOrigin::unreachable) ++unreachable;
      }));
      clients.push_back(stack.stack->send(request_to(alive.uri(), "n" + std::to_string(i)), Deadline::never(),
                                          [&](const sip::ClientResult& result) {
                                            if (result.response.status() == 200) ++answered;
                                          }));
    }
  });
  stack.step();
  int heard = 0;
  while (const auto request = alive.receive()) {
    CHECK(SipPeer::body(*request) == "n" + std::to_string(heard++));  // each once, in order
    alive.answer(*request, 200);
  }
  CHECK(heard == kEach);
  CHECK(stack.until([&] { return unreachable == kEach && answered == kEach; }));
}

TEST_CASE("what the kernel refuses to send fails its request at once, and what waits behind it is sent (SM-2)") {
  Stack stack;
  SipPeer alive;
  std::vector<sip::ClientResult> refused;
  std::vector<std::unique_ptr<sip::ClientTransaction>> clients;
  stack.root.inside([&] {
    // A broadcast address without leave to broadcast: EACCES.
    clients.push_back(stack.stack->send(request_to("sip:255.255.255.255:5060"), Deadline::never(),
                                        [&](sip::ClientResult result) { refused.push_back(std::move(result)); }));
    clients.push_back(stack.stack->send(request_to(alive.uri()), Deadline::never(), [](const sip::ClientResult&) {}));
  });
  REQUIRE(stack.next(alive));
  REQUIRE(stack.until([&] { return !refused.empty(); }));
  CHECK(refused.front().origin == ResponseOrigin::unreachable);
  CHECK(refused.front().response.status() == 503);
}

TEST_CASE("an empty datagram takes none of those round it away") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  REQUIRE(peer.send(""));
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", "one")));
  REQUIRE(peer.send(""));
  REQUIRE(peer.send("x"));
  REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", "two")));
  REQUIRE(peer.send(""));
  stack.step();
  REQUIRE(stack.requests.size() == 2);
  CHECK(stack.requests[0].body == "one");
  CHECK(stack.requests[1].body == "two");
}

TEST_CASE("datagrams of every size come in whole and leave whole, in order") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  const std::array<std::size_t, 6> sizes{1, SendRing::kLargest - 600, SendRing::kLargest, 100, 60'000, 10};
  stack.on_request = [](std::unique_ptr<sip::ServerTransaction> transaction) {
    REQUIRE(transaction->respond(response_of(200, transaction->request().body)));
  };
  for (const auto size : sizes) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", std::string(size, 'b'))));
  stack.step();
  REQUIRE(stack.requests.size() == sizes.size());
  for (const auto size : sizes) {
    const auto answer = stack.next(peer);
    REQUIRE(answer);
    CHECK(SipPeer::body(*answer).size() == size);
  }
}

TEST_CASE("a response too large for any datagram becomes a 500, as without batching; those round it are sent") {
  for (const bool batch : {true, false}) {
    sip::StackOptions options;
    options.udp_batch = batch;
    Stack stack(std::move(options));
    SipPeer peer;
    peer.connect(stack.port());
    stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) {
      const bool large = transaction->request().body == "large";
      [[maybe_unused]] const auto sent = transaction->respond(response_of(200, std::string(large ? 70'000 : 10, 'b')));
    };
    for (const char* body : {"small", "large", "small"}) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1", body)));
    stack.step();
    CHECK(stack.requests.size() == 3);
    for (const int status : {200, 500, 200}) {
      const auto answer = peer.receive();
      REQUIRE(answer);
      CHECK(SipPeer::status(*answer) == status);
    }
  }
}

TEST_CASE("several UDP sockets of one shard, both families, and TCP beside them: each answers from where it was asked") {
  Stack stack(listening({listen_on(Transport::udp), listen_on(Transport::udp, "::1"), listen_on(Transport::udp, "127.0.0.2")}));
  const auto& addresses = stack.stack->listening();
  std::vector<std::unique_ptr<SipPeer>> peers;
  for (const auto& address : addresses) {
    const auto kind = address.transport == Transport::tcp ? SipPeer::Kind::tcp : SipPeer::Kind::udp;
    peers.push_back(std::make_unique<SipPeer>(kind, address.host));
    peers.back()->connect(address.port, address.host);
  }
  REQUIRE(peers.size() == 6);
  constexpr int kEach = 40;
  for (int i = 0; i < kEach; ++i) {
    for (auto& peer : peers) REQUIRE(peer->send(peer->message("sip:herald@127.0.0.1", std::to_string(i))));
  }
  for (auto& peer : peers) {
    for (int i = 0; i < kEach; ++i) {
      const auto answer = stack.next(*peer);
      REQUIRE(answer);
      CHECK(SipPeer::status(*answer) == 200);
    }
  }
  CHECK(stack.requests.size() == peers.size() * kEach);
  CHECK(stack.root.udp().counts().received == 3 * kEach);
}

TEST_CASE("what was not answered when a stack ends is answered 500 still, and what was received then does no harm") {
  SipPeer peer;
  {
    Stack stack;
    peer.connect(stack.port());
    std::vector<std::unique_ptr<sip::ServerTransaction>> held;
    stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) { held.push_back(std::move(transaction)); };
    for (int i = 0; i < 3; ++i) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
    stack.step();
    REQUIRE(held.size() == 3);
    REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
    held.clear();
    stack.stack.reset();
    stack.step();
  }
  int answers = 0;
  while (const auto answer = peer.receive()) {
    CHECK(SipPeer::status(*answer) == 500);
    ++answers;
  }
  CHECK(answers == 3);
}

TEST_CASE("a stack may end inside the handling of a batch") {
  Stack stack;
  SipPeer peer;
  peer.connect(stack.port());
  for (int i = 0; i < 10; ++i) REQUIRE(peer.send(peer.message("sip:herald@127.0.0.1")));
  int handled = 0;
  stack.on_request = [&](std::unique_ptr<sip::ServerTransaction> transaction) {
    REQUIRE(transaction->respond(response_of(200)));
    if (++handled == 3) stack.root.complete([&] { stack.stack.reset(); });  // runs between this datagram and the next
  };
  stack.step();
  CHECK(handled == 3);
  int answers = 0;
  while (peer.receive()) ++answers;
  CHECK(answers == 3);
}

TEST_CASE("shards in their own threads batch their own sockets") {
  const auto& clock = system_clock();
  constexpr int kRequests = 300;
  std::array<std::atomic<int>, 2> answered{};
  std::array<std::atomic<std::uint16_t>, 2> ports{};
  const auto shard = [&](std::size_t self) {
    sip::SofiaRoot root(clock);
    sip::StackOptions options;
    options.listen = {listen_on(Transport::udp)};
    auto made = sip::make_sip_stack(root, std::move(options));
    REQUIRE(made.has_value());
    auto& stack = *made;
    stack->on_request([](std::unique_ptr<sip::ServerTransaction> transaction) {
      [[maybe_unused]] const auto sent = transaction->respond(response_of(200));
    });
    ports[self] = stack->listening().front().port;
    ports[self].notify_all();
    ports[1 - self].wait(0);
    const auto peer = "sip:peer@127.0.0.1:" + std::to_string(ports[1 - self]);
    std::vector<std::unique_ptr<sip::ClientTransaction>> clients;
    root.inside([&] {
      for (int i = 0; i < kRequests; ++i) {
        clients.push_back(stack->send(request_to(peer), Deadline::never(), [&, self](const sip::ClientResult& result) {
          if (result.response.status() == 200) ++answered[self];
        }));
      }
    });
    // Each goes on until both are done: the other one may still need its answers.
    while (answered[0] < kRequests || answered[1] < kRequests) root.step();
    CHECK(root.udp().counts().received >= kRequests);
    clients.clear();
    stack.reset();
  };
  std::thread other([&] { shard(1); });
  shard(0);
  other.join();
  CHECK(answered[0] == kRequests);
  CHECK(answered[1] == kRequests);
}

TEST_CASE("a send ring whose socket has no room keeps what is left, in order, and goes on later") {
  const Pair pair;
  SendRing ring;
  std::vector<SendRing::Failure> failed;
  failed.reserve(4);
  std::size_t before = 0;
  while (::send(pair.fds[0], "full", 4, 0) == 4) ++before;
  for (std::size_t i = 0; i < SendRing::kSlots; ++i) pair.push(ring, "datagram " + std::to_string(i));
  CHECK_FALSE(ring.fits(1));
  CHECK_FALSE(ring.flush(pair.fds[0], failed));
  std::array<char, 64> text{};
  for (std::size_t i = 0; i < before; ++i) REQUIRE(::recv(pair.fds[1], text.data(), text.size(), 0) == 4);
  CHECK(ring.size() == SendRing::kSlots);
  for (std::size_t i = 0; i < SendRing::kSlots; ++i) {
    auto got = ::recv(pair.fds[1], text.data(), text.size(), 0);
    if (got < 0) {
      ring.flush(pair.fds[0], failed);
      got = ::recv(pair.fds[1], text.data(), text.size(), 0);
    }
    REQUIRE(got > 0);
    CHECK(std::string(text.data(), static_cast<std::size_t>(got)) == "datagram " + std::to_string(i));
  }
  CHECK(ring.flush(pair.fds[0], failed));
  CHECK(ring.empty());
  CHECK(failed.empty());
}

TEST_CASE("a send ring hands back what can never be sent, and no more than is asked for") {
  const Pair pair;
  SendRing ring;
  std::vector<SendRing::Failure> failed;
  failed.reserve(4);
  for (int i = 0; i < 6; ++i) pair.push(ring, "x");
  CHECK(ring.flush(-1, failed));  // EBADF for each
  CHECK(ring.empty());
  REQUIRE(failed.size() == failed.capacity());
  CHECK(failed.front().error == EBADF);
}

TEST_CASE("a receive ring passes over what is of no use, and asks the kernel only when it is empty") {
  const Pair pair;
  ReceiveRing ring;
  errno = 0;
  CHECK_FALSE(ring.fill(pair.fds[1]));
  CHECK(errno == EAGAIN);
  REQUIRE(::send(pair.fds[0], "", 0, 0) == 0);
  REQUIRE(::send(pair.fds[0], "a", 1, 0) == 1);
  REQUIRE(::send(pair.fds[0], "", 0, 0) == 0);
  REQUIRE(::send(pair.fds[0], "bc", 2, 0) == 2);
  REQUIRE(::send(pair.fds[0], "", 0, 0) == 0);
  REQUIRE(ring.fill(pair.fds[1]));
  CHECK(ring.front() == "a");
  ring.pop();
  CHECK(ring.front() == "bc");
  ring.pop();
  CHECK(ring.empty());
  CHECK(ring.dropped() == 3);
  REQUIRE(::send(pair.fds[0], "", 0, 0) == 0);
  CHECK_FALSE(ring.fill(pair.fds[1]));
  CHECK_FALSE(ring.fill(-1));
}
