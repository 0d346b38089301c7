// What an NTA transaction without an answer from the peer means. Pure. status-mapping.md 6.
#pragma once

#include <optional>
#include <string>

#include "sip/sip_stack.h"

namespace herald::sip {

// `status` is the one NTA made up, `error` the errno that Sofia's transport left with the request (0 = none), `connected`
// whether its TCP connection, and the TLS handshake on it, had been completed.
[[nodiscard]] ResponseOrigin origin_of(int status, int error, Transport transport, bool connected) noexcept;

// RFC 3261 8.1.3.1: 408 for time-outs, 503 for transport errors.
[[nodiscard]] int local_status(ResponseOrigin origin) noexcept;

// The request certainly was not taken by the hop, so the next address may be tried. AS-3
[[nodiscard]] bool may_fail_over(ResponseOrigin origin) noexcept;

// RFC 3261 20.33: delta-seconds, then a comment and parameters we do not use.
[[nodiscard]] std::optional<Duration> retry_after(const SipMessage& response);

// The answer we make up for a request that got none.
[[nodiscard]] SipMessage local_response(const SipMessage& request, int status, std::string reason, std::optional<Duration> retry);

}  // namespace herald::sip
