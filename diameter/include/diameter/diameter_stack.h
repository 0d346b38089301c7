// The Diameter node: peers, watchdogs, TLS. One per process, once: the library cannot be started a second time.
//
//   auto stack = DiameterStack::start(options);            // Expected: says what is wrong with the options
//   auto sh    = make_sh_client(**stack, ShOptions{});     // a herald::ShClient
//   ...
//   (*stack)->shutdown();                                  // while the executors still run: completes everything pending
//
// Thread: start() and shutdown() on the main thread; the rest from any.
// Lifetime: executors that asked outlive shutdown(); clients may outlive the stack, they then answer `unavailable`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "diameter/sh_options.h"
#include "herald/clock.h"
#include "herald/expected.h"
#include "herald/sh.h"

namespace herald::diameter {

struct DiameterPeer {
  std::string identity;  // as in its capabilities exchange
  std::string realm;     // empty: not checked
  std::string address;   // numeric; empty: the identity is resolved
  std::uint16_t port = 3868;
  bool tls = false;
};

struct DiameterTls {
  std::string certificate;  // PEM files; the certificate's DNS name is our identity
  std::string key;
  std::string ca;
  std::string priority;  // GnuTLS priority string; empty: the library's default
};

struct DiameterOptions {
  std::string identity;
  std::string realm;
  std::string listen = "127.0.0.1:0";  // numeric address and port; port 0: no listening, peers are only connected to
  std::string destination_realm;       // empty: realm
  std::vector<DiameterPeer> peers;
  std::optional<DiameterTls> tls;                // needed by peers with tls, and to listen with TLS
  Duration watchdog = std::chrono::seconds(30);  // Tw, at least 6 s (RFC 3539)
  Duration reconnect = std::chrono::seconds(5);  // Tc, at least 1 s
  unsigned app_threads = 4;                      // of the library, for answers and notifications
  std::size_t send_queue = 2000;                 // requests that wait for the sender; beyond: busy
};

class StackCore;

class DiameterStack {
 public:
  static Expected<std::unique_ptr<DiameterStack>> start(const DiameterOptions& options);
  ~DiameterStack();
  DiameterStack(const DiameterStack&) = delete;
  DiameterStack& operator=(const DiameterStack&) = delete;

  // Completes all pending requests, says goodbye to the peers (DPR) and waits until the library has ended. Idempotent.
  void shutdown();

  [[nodiscard]] std::vector<ShClient::PeerState> peers() const;
  [[nodiscard]] std::uint32_t library_sessions() const;  // stays flat: we make none (FD-64)
  [[nodiscard]] const std::shared_ptr<StackCore>& core() const noexcept { return core_; }
  [[nodiscard]] const DiameterOptions& options() const noexcept { return options_; }

 private:
  DiameterStack(DiameterOptions options, std::shared_ptr<StackCore> core);
  DiameterOptions options_;
  std::shared_ptr<StackCore> core_;
};

// Any number of clients over one stack, each with its own cache; usually one for all shards.
std::unique_ptr<ShClient> make_sh_client(DiameterStack& stack, ShOptions options = {});

}  // namespace herald::diameter
