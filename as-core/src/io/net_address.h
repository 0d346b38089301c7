// Socket addresses as values, and which of them belong to the public Internet.
// Thread: value type, pure functions.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>

namespace herald::io {

struct NetAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // "192.0.2.1" or "2001:db8::1"
  static std::optional<NetAddress> parse(const std::string& text, std::uint16_t port);
  static std::optional<NetAddress> from(const sockaddr* address, std::size_t size) noexcept;  // AF_INET and AF_INET6 only
  [[nodiscard]] const sockaddr* get() const noexcept { return static_cast<const sockaddr*>(static_cast<const void*>(&storage)); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
  [[nodiscard]] std::string text() const;  // without port
};

// False for whatever the IANA special-purpose registries (RFC 6890) take out of the Internet: loopback, private, shared,
// link-local, unique local, documentation, benchmarking, multicast, reserved, and IPv6 forms that carry an IPv4 address of those
// kinds. PR-12
[[nodiscard]] bool is_public(const NetAddress& address) noexcept;

}  // namespace herald::io
