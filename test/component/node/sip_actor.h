// A SIP peer of the node in a test: an S-CSCF, a receiver or a stranger. It hears everything that comes to its UDP socket and
// answers by rule, or by hand, or not at all.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "doubles/sip_peer.h"
#include "herald/clock.h"

namespace herald::test {

struct Heard {
  std::string text;
  TimePoint at{};

  [[nodiscard]] std::string header(std::string_view name) const { return SipPeer::header(text, name); }
  [[nodiscard]] std::vector<std::string> headers(std::string_view name) const { return SipPeer::headers(text, name); }
  [[nodiscard]] std::string body() const { return SipPeer::body(text); }
  [[nodiscard]] std::string start_line() const { return SipPeer::start_line(text); }
  [[nodiscard]] int status() const { return SipPeer::status(text); }
};

class SipActor {
 public:
  explicit SipActor(const std::string& host = "127.0.0.1") : socket(SipPeer::Kind::udp, host) {}

  // What to answer to a request; empty: silence. Also asked for retransmissions.
  using Rule = std::function<std::string(const std::string& request)>;
  Rule rule;
  void answers(int status, const std::string& extra = {}) {
    rule = [status, extra](const std::string& request) { return SipPeer::response(request, status, "Answer", extra); };
  }

  SipPeer socket;
  std::vector<Heard> requests;   // every datagram, retransmissions too
  std::vector<Heard> responses;  // to what was sent from here

  // The requests of one method, each transaction once.
  [[nodiscard]] std::vector<Heard> transactions(std::string_view method) const;
  [[nodiscard]] Heard last(std::string_view method = "MESSAGE") const;
  // The S-CSCF's name as the node is to know it.
  [[nodiscard]] std::string uri() const { return socket.uri(); }

  // Takes what has come. True when there was something.
  bool poll(TimePoint now);
};

// What an S-CSCF sends when `user` registers (AS-10, AS-11): the UE's REGISTER is in its body. Contacts name `applications` in
// +g.oma.pusheventapp; no seconds: the user is gone.
struct ThirdPartyRegister {
  std::string user;
  int seconds = 600;
  std::string applications = "news.ua";
  [[nodiscard]] std::string text(const SipActor& scscf, std::uint16_t to_port, unsigned number) const;
};

}  // namespace herald::test
