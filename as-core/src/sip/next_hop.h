// Where a request goes, before and after DNS. Pure.
// Thread: value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "herald/sip_message.h"
#include "sip/sip_stack.h"

namespace herald::sip {

// What the first Route or the Request-URI says. RFC 3261 8.1.2, RFC 3263 4.
struct NextHop {
  std::string host;  // without brackets; lower case
  std::optional<std::uint16_t> port;
  std::optional<Transport> transport;  // from the parameter, or TLS for sips
  bool secure = false;                 // sips: nothing but TLS will do
  bool numeric = false;

  [[nodiscard]] Transport transport_or_default() const noexcept { return transport.value_or(Transport::udp); }
  [[nodiscard]] std::uint16_t port_or_default(Transport over) const noexcept {
    return port.value_or(over == Transport::tls ? std::uint16_t{5061} : std::uint16_t{5060});
  }
  [[nodiscard]] std::string key() const;  // of the resolver's cache
};

// Error{invalid}: the URI does not parse; Error{unsupported}: neither sip nor sips, or a transport we do not have.
Expected<NextHop> next_hop_of(const SipMessage& request);
Expected<NextHop> next_hop_of_uri(std::string_view uri);

// One address to try.
struct Target {
  Transport transport = Transport::udp;
  std::string host;  // numeric, without brackets
  std::uint16_t port = 0;

  [[nodiscard]] std::string name() const;   // "127.0.0.1:6060;transport=udp"
  [[nodiscard]] std::string route() const;  // numeric URI for Sofia
  friend bool operator==(const Target&, const Target&) = default;
};

[[nodiscard]] bool is_numeric_host(std::string_view host) noexcept;

}  // namespace herald::sip
