// One stack on one loop and a virtual clock, with what its handlers were given.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "doubles/sip_peer.h"
#include "doubles/virtual_clock.h"
#include "sip/sip_stack.h"
#include "sip/sofia_root.h"

namespace herald::test {

using namespace std::chrono_literals;

inline sip::ListenAddress listen_on(sip::Transport transport, const char* host = "127.0.0.1") { return {transport, host, 0}; }

inline SipMessage request_to(const std::string& uri, const std::string& body = "hello", const std::string& method = "MESSAGE") {
  static std::atomic<int> number{0};
  const auto id = std::to_string(++number);
  SipMessage out;
  out.start = SipRequestLine{method, uri};
  out.headers.add("Max-Forwards", "70");
  out.headers.add("From", "<sip:herald@example.com>;tag=f" + id);
  out.headers.add("To", "<sip:alice@example.com>");
  out.headers.add("Call-ID", "call-" + id);
  out.headers.add("CSeq", "1 " + method);
  if (!body.empty()) out.headers.add("Content-Type", "text/plain");
  out.body = body;
  return out;
}

inline SipMessage response_of(int status, const std::string& body = {}) {
  SipMessage out;
  out.start = SipStatusLine{status, ""};
  out.body = body;
  return out;
}

class Stack {
 public:
  explicit Stack(sip::StackOptions options = {}) {
    if (options.listen.empty()) options.listen = {listen_on(sip::Transport::udp)};
    auto made = sip::make_sip_stack(root, std::move(options));
    REQUIRE_MESSAGE(made.has_value(), made.error().text);
    stack = std::move(*made);
    stack->on_request([this](std::unique_ptr<sip::ServerTransaction> transaction) {
      requests.push_back(transaction->request());
      peers.push_back(transaction->peer());
      if (on_request) return on_request(std::move(transaction));
      if (const auto sent = transaction->respond(response_of(200)); !sent) FAIL(sent.error().text);
    });
    stack->on_ack([this](SipMessage ack) { acks.push_back(std::move(ack)); });
  }

  [[nodiscard]] std::uint16_t port(sip::Transport transport = sip::Transport::udp) const {
    for (const auto& address : stack->listening())
      if (address.transport == transport) return address.port;
    return 0;
  }
  void step() { root.step(); }
  // Turns the loop until the condition holds; real time passes only for the kernel's sake.
  template <class Condition>
  bool until(Condition condition, int turns = 2000) {
    for (int i = 0; i < turns; ++i) {
      root.step();
      if (condition()) return true;
      idle.wait([] {}, 1);  // at most a millisecond
    }
    return false;
  }
  // Moves the clock in steps, so that Sofia's timers fire one by one.
  void advance(Duration span, Duration step_size = 50ms) {
    root.step();
    for (Duration done{}; done < span; done += step_size) {
      clock.advance(std::min(step_size, span - done));
      root.step();
    }
  }
  std::optional<std::string> next(SipPeer& peer) {
    return peer.wait([this] { root.step(); });
  }
  void send(SipMessage request, Deadline deadline = Deadline::never()) {
    root.inside([&] {
      client =
          stack->send(std::move(request), deadline, [this](sip::ClientResult result) { results.push_back(std::move(result)); });
    });
  }
  [[nodiscard]] const sip::ClientResult& result() {
    REQUIRE(until([this] { return !results.empty(); }));
    return results.back();
  }

  VirtualClock clock;
  sip::SofiaRoot root{clock};
  std::unique_ptr<sip::SipStack> stack;
  std::function<void(std::unique_ptr<sip::ServerTransaction>)> on_request;
  std::vector<SipMessage> requests;
  std::vector<sip::PeerAddress> peers;
  std::vector<SipMessage> acks;
  std::unique_ptr<sip::ClientTransaction> client;
  std::vector<sip::ClientResult> results;

 private:
  SipPeer idle;
};

}  // namespace herald::test
