#include "io/net_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>

namespace herald::io {
namespace {

struct Range4 {
  std::uint32_t network;
  unsigned bits;
};
constexpr std::array<Range4, 16> kSpecial4{{
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared, RFC 6598
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local: also where clouds keep their metadata
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // IETF protocols
    {0xc0000200, 24},  // documentation
    {0xc01fc400, 24},  // AS112
    {0xc034c100, 24},  // AMT
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarking
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 3},   // multicast and reserved
}};

bool is_public4(std::uint32_t address) noexcept {
  return std::none_of(kSpecial4.begin(), kSpecial4.end(),
                      [address](const Range4& range) { return ((address ^ range.network) >> (32 - range.bits)) == 0; });
}

bool is_public6(const in6_addr& address) noexcept {
  const auto* b = &address.s6_addr[0];
  const auto word = [b](int i) { return (static_cast<unsigned>(b[i]) << 8U) | b[i + 1]; };
  const auto embedded = (static_cast<std::uint32_t>(word(12)) << 16U) | word(14);
  const bool high_zero = std::all_of(b, b + 10, [](unsigned char c) { return c == 0; });
  if (high_zero && word(10) == 0xffff) return is_public4(embedded);  // mapped
  // NAT64 (RFC 6052) takes it to the IPv4 host that it names.
  const bool nat64 = word(0) == 0x64 && word(2) == 0xff9b && std::all_of(b + 4, b + 12, [](unsigned char c) { return c == 0; });
  if (nat64) return is_public4(embedded);
  if ((b[0] & 0xe0U) != 0x20) return false;                       // only 2000::/3 is global unicast
  if (word(0) == 0x2001 && word(2) < 0x0200) return false;        // IETF protocols, Teredo, ORCHID
  if (word(0) == 0x2001 && word(2) == 0x0db8) return false;       // documentation
  if (word(0) == 0x2002) return false;                            // 6to4: carries any IPv4 address
  if (word(0) == 0x3fff && (b[2] & 0xf0U) == 0) return false;     // documentation
  if (word(0) == 0x2620 && word(2) == 0x4f && word(4) == 0x8000)  // AS112
    return false;
  return true;
}

}  // namespace

std::optional<NetAddress> NetAddress::parse(const std::string& text, std::uint16_t port) {
  NetAddress address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, address.size = sizeof v4);
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, address.size = sizeof v6);
    return address;
  }
  return std::nullopt;
}

std::optional<NetAddress> NetAddress::from(const sockaddr* address, std::size_t size) noexcept {
  if (address == nullptr || size > sizeof(sockaddr_storage)) return std::nullopt;
  const bool v4 = address->sa_family == AF_INET && size >= sizeof(sockaddr_in);
  const bool v6 = address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6);
  if (!v4 && !v6) return std::nullopt;
  NetAddress copy;
  copy.size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(&copy.storage, address, copy.size);
  return copy;
}

std::string NetAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  std::memcpy(&v4, &storage, sizeof v4);
  std::memcpy(&v6, &storage, sizeof v6);
  const void* bytes = family() == AF_INET ? static_cast<const void*>(&v4.sin_addr) : &v6.sin6_addr;
  return ::inet_ntop(family(), bytes, out.data(), out.size()) != nullptr ? out.data() : "";
}

bool is_public(const NetAddress& address) noexcept {
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    return is_public4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.family() != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  return is_public6(v6.sin6_addr);
}

}  // namespace herald::io
