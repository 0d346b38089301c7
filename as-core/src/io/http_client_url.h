// URLs that the HTTP client follows: http and https, RFC 3986 read strictly.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::io {

struct HttpUrl {
  bool tls = false;
  std::string host;      // lower case, IPv6 without brackets
  bool literal = false;  // an IP address, not a name
  std::uint16_t port = 80;
  std::string target;  // "/path?query"

  // Error{invalid}: another scheme, user information, a host that is neither a name nor an address, unescaped characters.
  static Expected<HttpUrl> parse(std::string_view text);
  // "hooks.example:8443", the port only where it is not the scheme's.
  [[nodiscard]] std::string authority() const;
};

}  // namespace herald::io
