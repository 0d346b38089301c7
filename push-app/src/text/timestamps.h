// Times as text: RFC 3339 in JSON, RFC 1123 in SIP. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "herald/clock.h"

namespace herald::push {

// "2026-11-23T20:00:00Z", fractions and numeric offsets allowed; years 1970..9999.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);
[[nodiscard]] std::string to_rfc3339(WallTime time);  // UTC with milliseconds
[[nodiscard]] std::string to_rfc1123(WallTime time);  // "Mon, 23 Nov 2026 20:00:00 GMT"

}  // namespace herald::push
