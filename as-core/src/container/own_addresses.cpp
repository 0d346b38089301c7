#include "container/own_addresses.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace herald::container {
namespace {

std::string plain(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::string text(host);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void OwnAddresses::build(const std::vector<sip::ListenAddress>& listening, const std::vector<std::string>& hosts,
                         const std::string& node_name) {
  hosts_.clear();
  for (const auto& address : listening) {
    const bool wildcard = address.host == "0.0.0.0" || address.host == "::" || address.host == "*";
    hosts_.push_back({wildcard ? std::string() : plain(address.host), address.port});
  }
  if (!node_name.empty()) hosts_.push_back({plain(node_name), std::nullopt});
  for (const auto& text : hosts) {
    const auto colon = text.rfind(':');
    const bool has_port = colon != std::string::npos && text.find(':') == colon;  // an IPv6 address has several, "[::1]:5065" too
    const bool bracketed = !text.empty() && text.front() == '[' && text.find("]:") != std::string::npos;
    std::uint16_t port = 0;
    if (has_port || bracketed) std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (port != 0) {
      hosts_.push_back({plain(text.substr(0, colon)), port});
    } else {
      hosts_.push_back({plain(text), std::nullopt});
    }
  }
}

bool OwnAddresses::contains(const SipUri& uri) const {
  if (!uri.is_sip()) return false;
  const auto name = plain(uri.host);
  const bool tls = uri.scheme == "sips" || uri.params.get("transport").value_or("") == "tls";
  const std::uint16_t port = uri.port.value_or(static_cast<std::uint16_t>(tls ? 5061 : 5060));
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const Host& host) {
    return (host.name.empty() || host.name == name) && (!host.port || *host.port == port);
  });
}

}  // namespace herald::container
