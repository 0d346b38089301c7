#include "sip/next_hop.h"

#include <arpa/inet.h>
#include <array>
#include <cctype>

#include "herald/sip_uri.h"
#include "sip/sofia_agent.h"

namespace herald::sip {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string without_brackets(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return lower(host);
}

}  // namespace

bool is_numeric_host(std::string_view host) noexcept {
  std::array<char, 64> text{};
  if (host.empty() || host.size() >= text.size()) return false;
  host.copy(text.data(), host.size());
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, text.data(), address.data()) == 1 || ::inet_pton(AF_INET6, text.data(), address.data()) == 1;
}

std::string NextHop::key() const {
  return host + "|" + (port ? std::to_string(*port) : "") + "|" + (transport ? std::string(to_string(*transport)) : "");
}

std::string Target::name() const { return host_port(host, port) + ";transport=" + std::string(to_string(transport)); }
std::string Target::route() const { return "sip:" + name(); }

Expected<NextHop> next_hop_of_uri(std::string_view text) {
  auto uri = SipUri::parse(text);
  if (!uri) return fail(uri.error());
  if (!uri->is_sip()) return fail(ErrorCode::unsupported, "no route for a " + uri->scheme + " URI");
  NextHop out;
  out.secure = uri->scheme == "sips";
  const auto maddr = uri->params.get("maddr");
  out.host = without_brackets(maddr && !maddr->empty() ? *maddr : std::string_view(uri->host));
  if (out.host.empty()) return fail(ErrorCode::invalid, "URI without a host");
  if (uri->port && *uri->port != 0) out.port = uri->port;
  out.numeric = is_numeric_host(out.host);
  if (const auto transport = uri->params.get("transport"); transport && !transport->empty()) {
    const auto name = lower(*transport);
    if (name == "udp") {
      out.transport = Transport::udp;
    } else if (name == "tcp") {
      out.transport = Transport::tcp;
    } else if (name == "tls") {
      out.transport = Transport::tls;
    } else {
      return fail(ErrorCode::unsupported, "no transport " + name);
    }
  }
  if (out.secure) out.transport = Transport::tls;
  return out;
}

Expected<NextHop> next_hop_of(const SipMessage& request) {
  const auto routes = request.headers.list("Route");
  if (routes.empty()) return next_hop_of_uri(request.uri());
  const auto first = NameAddr::parse(routes.front());
  if (!first) return fail(first.error());
  return next_hop_of_uri(first->uri);
}

}  // namespace herald::sip
