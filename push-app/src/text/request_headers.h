// What every request that this module originates carries, whatever its method: who asks, charging, the way. sip-push.md 4.1.
// Thread: one shard.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/sip_servlet.h"

namespace herald::push {

// P-Asserted-Identity (S-3) and P-Charging-Vector (PS-3) for `sender`; the second form makes a new icid.
[[nodiscard]] std::vector<SipHeaderField> identity_headers(std::string_view sender, std::string_view domain,
                                                           std::string_view icid);
[[nodiscard]] std::vector<SipHeaderField> identity_headers(std::string_view sender, std::string_view domain);
// PS-12: only devices that serve the application.
[[nodiscard]] SipHeaderField accept_contact(std::string_view application);
// PS-13: no device of which any of these feature parameters is true ("automata", "mobility=\"fixed\""); nothing when there are
// none. One that could not stand in a header field is left out.
[[nodiscard]] std::optional<SipHeaderField> reject_contact(const std::vector<std::string>& features);
// A Route URI with ;lr.
[[nodiscard]] std::string loose_route(const std::string& uri);

struct Origination {
  std::string method;
  std::string from;   // name-addr
  std::string to;     // name-addr
  std::string uri;    // Request-URI
  std::string route;  // empty: by the URI
  std::vector<SipHeaderField> headers;
  std::string trace;  // 32 hexadecimal digits; empty: a new one
};
// Out of any dialog, in an application session that ends with the transaction. Error{invalid} when a header is refused.
[[nodiscard]] Expected<SipServletRequest> originate(SipFactory& factory, const Origination& wish);

}  // namespace herald::push
