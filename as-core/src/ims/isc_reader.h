// From an initial request to its IscContext. The one place that believes or strips what a peer asserts.
// Thread: pure, apart from the message it is given.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "herald/isc_context.h"
#include "herald/sip_message.h"

namespace herald::ims {

using IsOwnUri = std::function<bool(const SipUri&)>;

// Strips P- headers of an untrusted peer from `request` (S-2), pops our own Route value (AS-1) and reads the rest
// (AS-30..AS-34). The Route values that are left stay byte for byte (AS-40).
IscContext read_isc_context(SipMessage& request, bool trusted, const IsOwnUri& is_own_uri);

// AS-47: a trusted peer says that one of `identities` (canonical) made this request.
[[nodiscard]] bool is_own_request(const IscContext& context, std::span<const std::string> identities);

}  // namespace herald::ims
