// The P- headers of TS 24.229 as typed values, read leniently: what one core writes badly must not cost a user his service.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/isc_context.h"
#include "herald/sip_message.h"

namespace herald::ims {

// RFC 5502.
struct ServedUser {
  std::string uri;
  std::optional<SessionCase> session_case;  // absent when sescase is
};
[[nodiscard]] std::optional<ServedUser> served_user(const SipHeaders& headers);

// P-Asserted-Identity, at most two values; malformed ones are skipped. RFC 3325.
[[nodiscard]] std::vector<NameAddr> asserted_identity(const SipHeaders& headers);

// RFC 7315 5.6; quotes removed.
struct ChargingVector {
  std::string icid;
  std::string orig_ioi;
};
[[nodiscard]] ChargingVector charging_vector(const SipHeaders& headers);

// Canonical identities of P-Associated-URI, also of the malformed `<sip:alice@ims.lab, tel:+15551000001>` that Kamailio sends.
[[nodiscard]] std::vector<std::string> associated_uris(const SipHeaders& headers);

// RFC 3323: has the Privacy header that token?
[[nodiscard]] bool wants_privacy(const SipHeaders& headers, std::string_view token);

// S-2, AS-2: removes every P- header and Feature-Caps; true when there was one.
bool strip_trusted_headers(SipHeaders& headers);

}  // namespace herald::ims
