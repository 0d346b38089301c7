// Networks in CIDR form, and addresses with ports, as configuration values.
// Thread: values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "herald/config_value.h"
#include "herald/expected.h"

namespace herald {

// 10.0.0.0/8, 2001:db8::/32; without a prefix length one address. ::ffff:a.b.c.d is a.b.c.d.
class Network {
 public:
  static Expected<Network> parse(std::string_view text);
  // `address` is numeric, IPv6 with or without brackets; anything else is in no network.
  [[nodiscard]] bool contains(std::string_view address) const noexcept;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  bool operator==(const Network& other) const noexcept { return bytes_ == other.bytes_ && bits_ == other.bits_; }

 private:
  friend class Networks;
  using Bytes = std::array<std::uint8_t, 16>;  // IPv4 mapped into IPv6
  [[nodiscard]] bool contains(const Bytes& address) const noexcept;
  Bytes bytes_{};
  unsigned bits_ = 128;
  std::string text_;
};

class Networks {
 public:
  Networks() = default;
  explicit Networks(std::vector<Network> networks) : networks_(std::move(networks)) {}
  [[nodiscard]] bool contains(std::string_view address) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }

 private:
  std::vector<Network> networks_;
};

// "127.0.0.1:9090", "[::1]:0"; numeric host.
struct SocketAddress {
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 0;
  static Expected<SocketAddress> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  bool operator==(const SocketAddress&) const = default;
};

// "udp:127.0.0.1:5065", "tls:[::1]:5061"
struct SipListener {
  std::string transport;  // udp, tcp or tls
  SocketAddress address;
  static Expected<SipListener> parse(std::string_view text);
  [[nodiscard]] std::string text() const { return transport + ':' + address.text(); }
  bool operator==(const SipListener&) const = default;
};

namespace detail {
template <class T>
ConfigRead<T> read_parsed(const ConfigNode& node) {
  auto text = read_text(node);
  if (!text) return tl::unexpected(std::move(text.error()));
  auto value = T::parse(*text);
  if (!value) return tl::unexpected(std::move(value.error().text));
  return std::move(*value);
}
}  // namespace detail

template <>
struct ConfigValue<Network> {
  static std::string type() { return "network"; }
  static ConfigRead<Network> read(const ConfigNode& node) { return detail::read_parsed<Network>(node); }
  static std::string write(const Network& value) { return detail::write_text(value.text()); }
};
template <>
struct ConfigValue<SocketAddress> {
  static std::string type() { return "address:port"; }
  static ConfigRead<SocketAddress> read(const ConfigNode& node) { return detail::read_parsed<SocketAddress>(node); }
  static std::string write(const SocketAddress& value) { return value.host.empty() ? "" : detail::write_text(value.text()); }
};
template <>
struct ConfigValue<SipListener> {
  static std::string type() { return "transport:address:port"; }
  static ConfigRead<SipListener> read(const ConfigNode& node) { return detail::read_parsed<SipListener>(node); }
  static std::string write(const SipListener& value) { return detail::write_text(value.text()); }
};

}  // namespace herald
