// Owner of one nta_agent_t with its listeners.
// Thread: the shard's.
#pragma once

#include <sofia-sip/nta.h>
#include <sofia-sip/tport.h>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "sip/sip_stack.h"
#include "sip/sofia_root.h"

namespace herald::sip {

class SofiaAgent {
 public:
  struct Local {
    ListenAddress address;  // with the real port
    std::string sent_by;    // host:port for Via and Contact; brackets round IPv6
    bool ipv6 = false;
  };

  SofiaAgent() = default;
  ~SofiaAgent();
  SofiaAgent(const SofiaAgent&) = delete;
  SofiaAgent& operator=(const SofiaAgent&) = delete;

  // Binds every address. A UDP listener without a TCP one on its host gets one, on the same port when that is free: RFC 3261
  // 18.2.1, and large requests need it (PS-22).
  Expected<void> open(SofiaRoot& root, const StackOptions& options, nta_message_f* on_message, void* magic);
  void close() noexcept;

  [[nodiscard]] nta_agent_t* get() const noexcept { return agent_; }
  [[nodiscard]] const std::vector<Local>& locals() const noexcept { return locals_; }
  [[nodiscard]] const Local* local(Transport transport, bool ipv6) const noexcept;
  [[nodiscard]] const Local* local(Transport transport) const noexcept;

 private:
  Expected<void> bind(const ListenAddress& address, std::string_view tls_directory, bool verify_peer);

  SofiaRoot* root_ = nullptr;
  nta_agent_t* agent_ = nullptr;
  bool batch_ = true;
  std::vector<tport_t*> batched_;
  std::vector<Local> locals_;
};

[[nodiscard]] bool is_ipv6(std::string_view host) noexcept;
// With brackets round IPv6.
[[nodiscard]] std::string host_port(std::string_view host, std::uint16_t port);

}  // namespace herald::sip
