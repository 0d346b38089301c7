// Bytes and transactions behind our own types. The only folder that includes Sofia-SIP; nothing above sees an nta_* or msg_t, so
// that batched I/O and our own transaction table can take NTA's place.
// Thread: one stack per shard, used only on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "herald/deadline.h"
#include "herald/executor.h"
#include "herald/expected.h"
#include "herald/sip_message.h"
#include "herald/sip_servlet.h"  // ResponseOrigin

namespace herald::sip {

enum class Transport : std::uint8_t { udp, tcp, tls };
[[nodiscard]] std::string_view to_string(Transport transport) noexcept;

struct ListenAddress {
  Transport transport = Transport::udp;
  std::string host;  // numeric; IPv6 without brackets
  std::uint16_t port = 0;
  static Expected<ListenAddress> parse(std::string_view text);  // "udp:127.0.0.1:5065", "tls:[::1]:5061"
  [[nodiscard]] std::string text() const;
};

struct PeerAddress {
  Transport transport = Transport::udp;
  std::string host;  // numeric
  std::uint16_t port = 0;
};

// One incoming request and the right to answer it. Move-only. Destroyed unanswered: 500 is sent and counted.
class ServerTransaction {
 public:
  virtual ~ServerTransaction() = default;
  [[nodiscard]] virtual const SipMessage& request() const noexcept = 0;
  [[nodiscard]] virtual const PeerAddress& peer() const noexcept = 0;
  // Status, extra headers and body are taken from `response`; Via, From, To (with `local_tag` unless it has one), Call-ID, CSeq
  // and Record-Route (for dialog-forming 1xx/2xx) are filled in; To and Record-Route that `response` brings, being relayed by a
  // proxy, are kept. Exactly one final response; a second is Error{conflict}.
  virtual Expected<void> respond(SipMessage response) = 0;
  // The tag that our responses carry in To; chosen when the transaction was made.
  [[nodiscard]] virtual const std::string& local_tag() const noexcept = 0;
  virtual void on_cancel(std::function<void()> callback) = 0;  // INVITE only; the stack has answered the CANCEL with 200
};

struct ClientResult {
  SipMessage response;
  ResponseOrigin origin = ResponseOrigin::peer;
};

// Zero or more provisional responses, then exactly one final one.
using OnResponse = std::function<void(ClientResult)>;

// A sent request. Destroying it abandons the transaction silently: the callback is not called any more.
class ClientTransaction {
 public:
  virtual ~ClientTransaction() = default;
  virtual void cancel() = 0;  // CANCEL for an INVITE that has a provisional response
};

// Next hops that do not answer must not eat the shard. baseline.md 3.
struct HopLimits {
  std::size_t max_in_flight = 200;                    // client transactions per next hop
  std::size_t max_queued = 20000;                     // waiting behind them; beyond: ResponseOrigin::hop_blocked
  unsigned failures_to_open = 5;                      // consecutive time-outs or transport failures
  Duration probe_interval = std::chrono::seconds(5);  // while open, one request is let through per interval
};

struct TlsFiles {
  std::string certificate, key, ca;
  bool verify_peer = true;
};

struct StackOptions {
  std::vector<ListenAddress> listen;
  TlsFiles tls;
  std::string user_agent = "Herald";
  std::size_t max_message_bytes = 128 * 1024;
  std::size_t tcp_above_bytes = 1300;  // RFC 3261 18.1.1, PS-22
  bool udp_batch = true;               // many datagrams a system call
  HopLimits hops;
  Duration t1 = std::chrono::milliseconds(500);  // sets timers B, F, H, J with it
  std::vector<std::string> dns_servers;          // "127.0.0.1:53"; empty: the system's
  Duration dns_timeout = std::chrono::seconds(5);
};

struct HopState {
  std::string hop;  // "127.0.0.1:6060;transport=udp"
  std::size_t in_flight = 0;
  std::size_t queued = 0;
  bool open = false;  // circuit breaker
};

class SipStack {
 public:
  using OnRequest = std::function<void(std::unique_ptr<ServerTransaction>)>;
  using OnAck = std::function<void(SipMessage)>;  // ACK to a 2xx
  using OnLateSuccess = std::function<void(SipMessage)>;

  virtual ~SipStack() = default;
  // Bound addresses with their real ports.
  [[nodiscard]] virtual const std::vector<ListenAddress>& listening() const noexcept = 0;
  // Contact URI for requests and dialogs over that transport.
  [[nodiscard]] virtual std::string contact_uri(Transport transport, std::string_view user) const = 0;
  virtual void on_request(OnRequest handler) = 0;
  virtual void on_ack(OnAck handler) = 0;
  // A 2xx to an INVITE of ours that no OnResponse gets any more: repeated, of another branch of a fork, or after the INVITE was
  // given up. RFC 3261 13.2.2.4: each wants an ACK.
  virtual void on_late_success(OnLateSuccess handler) = 0;
  // `request` needs From with tag, To, Call-ID, CSeq and Max-Forwards; Via is added. Next hop: first Route (loose), else the URI;
  // resolved by c-ares (SRV, A, AAAA), fail-over inside the call (AS-3). Over tcp_above_bytes UDP becomes TCP. The callback never
  // runs inside send().
  [[nodiscard]] virtual std::unique_ptr<ClientTransaction> send(SipMessage request, Deadline deadline, OnResponse callback) = 0;
  // ACK to a 2xx; no transaction.
  virtual void send_ack(SipMessage ack) = 0;
  [[nodiscard]] virtual std::vector<HopState> hops() const = 0;
  virtual void stop_listening() = 0;  // new requests get 503 with Retry-After; running transactions go on (drain)
};

// Makes the stack on the calling shard; `executor` must be the shard's SofiaRoot. Error{unavailable} when an address cannot be
// bound.
Expected<std::unique_ptr<SipStack>> make_sip_stack(Executor& executor, StackOptions options);

}  // namespace herald::sip
