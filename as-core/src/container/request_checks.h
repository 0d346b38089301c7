// What RFC 3261 8.2 and 16.3 want to see in a request before anybody is asked. Pure; the order is isc-as.md section 11's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/sip_message.h"

namespace herald::container {

struct Refusal {
  int status = 400;
  std::string reason;                   // empty: the standard phrase
  std::vector<SipHeaderField> headers;  // Allow, Unsupported, …
  std::string why;                      // for the log
};

// Every method some hook exists for.
[[nodiscard]] const std::vector<std::string_view>& known_methods();
[[nodiscard]] bool is_known_method(std::string_view method) noexcept;
[[nodiscard]] std::string allow_list(const std::vector<std::string_view>& methods);

// Mandatory headers and CSeq method (400), Max-Forwards (483; an OPTIONS is answered anyway), Request-URI scheme (416),
// Contact where a dialog needs one (400).
std::optional<Refusal> check_request(const SipMessage& request);
// Require (420): for requests that end here; a proxy looks at Proxy-Require instead.
std::optional<Refusal> check_require(const SipMessage& request, std::string_view header,
                                     const std::vector<std::string_view>& known = {});

[[nodiscard]] int max_forwards(const SipMessage& request) noexcept;  // 70 when absent, -1 when malformed

// RFC 3261 8.2.2.2: two requests that are one and the same but came by two ways. Route and Request-URI belong to it here, for
// ISC brings one request several times, once per session case.
[[nodiscard]] std::string merge_key(const SipMessage& request, std::string_view popped_route);

SipMessage make_response(int status, std::string_view reason = {});

}  // namespace herald::container
