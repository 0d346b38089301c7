// Where an initiator may be told something: the URL it gave against the patterns of its account (PAP-37, SSRF). Parsed once, and
// what was parsed is what is called: text that two parsers may read differently is refused. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "push_config.h"
#include "text/problem.h"

namespace herald::push {

struct CallbackUrl {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; IPv6 in brackets
  std::uint16_t port = 0;
  std::string path = "/";  // with the query

  // Error{invalid}: no absolute http or https URL, or one with userinfo, fragment, dot segments, an address in disguise
  // (0x7f.1, 2130706433), or characters that have no place in it.
  [[nodiscard]] static Expected<CallbackUrl> parse(std::string_view text);
  [[nodiscard]] std::string origin() const;  // "https://news.example:443"
  [[nodiscard]] std::string text() const;    // canonical
};

// "https://news.example/herald/": scheme, host and port equal, path a prefix that ends at a segment ("/a" has "/a/b" and "/a?x",
// not "/ab"); a closing "*" is the same without it. "https://*.news.example/": any host below it.
struct CallbackPattern {
  CallbackUrl url;
  bool below = false;  // hosts below url.host
  bool open = false;   // the path may go on within its last segment: "/report*"

  [[nodiscard]] static Expected<CallbackPattern> parse(std::string_view text);
  [[nodiscard]] bool matches(const CallbackUrl& candidate) const;
};

struct CallbackPermit {
  CallbackUrl url;
  // No pattern names that host itself: it must not lead to a loopback or private address.
  bool public_only = true;
};

// May this account be called there? Asked at submission and again before each attempt. 2001 when not, 2000 when it is no URL.
[[nodiscard]] Checked<CallbackPermit> permit_callback(const Initiator& initiator, std::string_view url);
// An operator may be called anywhere.
[[nodiscard]] Checked<CallbackPermit> permit_operator(std::string_view url);

}  // namespace herald::push
