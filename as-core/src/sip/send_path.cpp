#include "sip/send_path.h"

#include <array>
#include <cstdio>

namespace herald::sip {
namespace {

const char* protocol_name(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "UDP";
    case Transport::tcp:
      return "TCP";
    case Transport::tls:
      return "TLS";
  }
  return "UDP";
}

}  // namespace

SendPaths::SendPaths(const SofiaAgent& agent, std::size_t tcp_above_bytes)
    : agent_(agent), tcp_above_bytes_(tcp_above_bytes), random_(std::random_device{}()) {}

bool SendPaths::reachable(const Target& target) const { return agent_.local(target.transport, is_ipv6(target.host)) != nullptr; }

std::string SendPaths::via(const SofiaAgent::Local& local) {
  std::array<char, 20> branch{};
  std::snprintf(branch.data(), branch.size(), "%016llx", static_cast<unsigned long long>(random_()));  // NOLINT
  return std::string("Via: SIP/2.0/") + protocol_name(local.address.transport) + " " + local.sent_by + ";rport;branch=z9hG4bK" +
         branch.data() + "\r\n";
}

std::optional<SendPaths::Path> SendPaths::path(const Target& target, std::size_t bytes) {
  const bool ipv6 = is_ipv6(target.host);
  const auto* local = agent_.local(target.transport, ipv6);
  if (!local) return std::nullopt;
  Path out{target, via(*local)};
  // RFC 3261 18.1.1, PS-22: what would be cut into IP fragments goes over TCP, and its Via says so. No way back to UDP (PS-21).
  if (target.transport == Transport::udp && bytes + out.via.size() > tcp_above_bytes_) {
    const auto* tcp = agent_.local(Transport::tcp, ipv6);
    if (!tcp) return std::nullopt;
    out.target.transport = Transport::tcp;
    out.via = via(*tcp);
  }
  return out;
}

}  // namespace herald::sip
