#include <arpa/inet.h>
#include <array>
#include <charconv>

#include "sip/sip_stack.h"

namespace herald::sip {

std::string_view to_string(Transport transport) noexcept {
  switch (transport) {
    case Transport::udp:
      return "udp";
    case Transport::tcp:
      return "tcp";
    case Transport::tls:
      return "tls";
  }
  return "udp";
}

Expected<ListenAddress> ListenAddress::parse(std::string_view text) {
  const auto bad = [&](const char* why) {
    return fail(ErrorCode::invalid,
                "listen address '" + std::string(text) + "': " + why + " (as udp:127.0.0.1:5060, tls:[::1]:5061)");
  };
  ListenAddress out;
  const auto first = text.find(':');
  if (first == std::string_view::npos) return bad("no transport");
  const auto transport = text.substr(0, first);
  if (transport == "udp") {
    out.transport = Transport::udp;
  } else if (transport == "tcp") {
    out.transport = Transport::tcp;
  } else if (transport == "tls") {
    out.transport = Transport::tls;
  } else {
    return bad("transport is udp, tcp or tls");
  }
  const auto rest = text.substr(first + 1);
  const auto last = rest.rfind(':');
  if (last == std::string_view::npos || last == 0) return bad("no port");
  auto host = rest.substr(0, last);
  const auto port = rest.substr(last + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || number > 65535) return bad("bad port");
  out.port = static_cast<std::uint16_t>(number);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  out.host = host;
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (::inet_pton(brackets ? AF_INET6 : AF_INET, out.host.c_str(), address.data()) != 1) return bad("host is not numeric");
  return out;
}

std::string ListenAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(to_string(transport)) + ":" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace herald::sip
