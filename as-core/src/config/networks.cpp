#include "config/networks.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <optional>

namespace herald {
namespace {

using Bytes = std::array<std::uint8_t, 16>;
constexpr Bytes kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr unsigned kMappedBits = 96;

// inet_pton wants a terminated string; no numeric address is longer than this buffer.
std::optional<Bytes> numeric(std::string_view address) noexcept {
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
  std::array<char, INET6_ADDRSTRLEN + 1> text{};
  if (address.empty() || address.size() >= text.size()) return std::nullopt;
  std::memcpy(text.data(), address.data(), address.size());
  auto bytes = kMappedPrefix;
  if (inet_pton(AF_INET, text.data(), bytes.data() + 12) == 1) return bytes;
  if (inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool same_prefix(const Bytes& a, const Bytes& b, unsigned bits) noexcept {
  const auto whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const auto rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

Bytes masked(Bytes bytes, unsigned bits) noexcept {
  for (unsigned i = bits; i < 128; ++i) bytes[i / 8] &= static_cast<std::uint8_t>(~(0x80U >> (i % 8)));
  return bytes;
}

std::string to_text(const Bytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN + 1> text{};
  const bool v4 = same_prefix(bytes, kMappedPrefix, kMappedBits);
  inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes.data() + 12 : bytes.data(), text.data(), text.size());
  return text.data();
}

}  // namespace

Expected<Network> Network::parse(std::string_view text) {
  const auto quoted = "\"" + std::string(text) + "\"";
  const auto slash = text.find('/');
  const auto bytes = numeric(text.substr(0, slash));
  if (!bytes) return fail(ErrorCode::invalid, quoted + " is no network such as 10.0.0.0/8 or 2001:db8::/32");
  const bool v4 = same_prefix(*bytes, kMappedPrefix, kMappedBits) && text.find(':') == std::string_view::npos;
  const unsigned most = v4 ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto length = text.substr(slash + 1);
    const auto [next, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc() || next != length.data() + length.size() || bits > most) {
      return fail(ErrorCode::invalid, quoted + ": the prefix length must be 0 to " + std::to_string(most));
    }
  }
  Network out;
  out.bits_ = v4 ? bits + kMappedBits : bits;
  out.bytes_ = masked(*bytes, out.bits_);
  if (out.bytes_ != *bytes) {
    return fail(ErrorCode::invalid, quoted + " has bits behind its prefix; did you mean \"" + to_text(out.bytes_) + '/' +
                                        std::to_string(bits) + "\"?");
  }
  out.text_ = to_text(out.bytes_) + '/' + std::to_string(bits);
  return out;
}

bool Network::contains(const Bytes& address) const noexcept { return same_prefix(bytes_, address, bits_); }
bool Network::contains(std::string_view address) const noexcept {
  const auto bytes = numeric(address);
  return bytes && contains(*bytes);
}
bool Networks::contains(std::string_view address) const noexcept {
  const auto bytes = numeric(address);
  return bytes && std::any_of(networks_.begin(), networks_.end(), [&bytes](const Network& n) { return n.contains(*bytes); });
}

Expected<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto quoted = "\"" + std::string(text) + "\"";
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(ErrorCode::invalid, quoted + " must be ADDRESS:PORT");
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!numeric(host) || (host.find(':') != std::string_view::npos) != bracketed) {
    return fail(ErrorCode::invalid, quoted + ": the address must be numeric, as 127.0.0.1:8080 or [::1]:8080");
  }
  SocketAddress out;
  out.host = host;
  const auto port = text.substr(colon + 1);
  const auto [next, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (port.empty() || error != std::errc() || next != port.data() + port.size()) {
    return fail(ErrorCode::invalid, quoted + ": the port must be 0 to 65535");
  }
  return out;
}

std::string SocketAddress::text() const {
  const auto shown = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return shown + ':' + std::to_string(port);
}

Expected<SipListener> SipListener::parse(std::string_view text) {
  const auto colon = text.find(':');
  const auto transport = text.substr(0, colon);
  if (colon == std::string_view::npos || (transport != "udp" && transport != "tcp" && transport != "tls")) {
    return fail(ErrorCode::invalid, "\"" + std::string(text) + "\" must be udp:, tcp: or tls: with ADDRESS:PORT");
  }
  auto address = SocketAddress::parse(text.substr(colon + 1));
  if (!address) return fail(address.error());
  return SipListener{std::string(transport), std::move(*address)};
}

}  // namespace herald
