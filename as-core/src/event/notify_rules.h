// What becomes of a subscription after a NOTIFY, and when the next one may go. RFC 6665 4.2.2, RFC 6446, RFC 3261 12.2.1.2.
// Thread: pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "herald/notifier.h"

namespace herald::event {

// PS-73.
enum class NotifyVerdict : std::uint8_t { delivered, keep, remove };
[[nodiscard]] NotifyVerdict verdict_of(int status, ResponseOrigin origin) noexcept;

// Before the NOTIFY that failed is tried again: Retry-After, else 5 s, doubled with each failure, at most five minutes.
[[nodiscard]] Duration retry_delay(unsigned failures, std::optional<std::chrono::seconds> retry_after) noexcept;

// PS-75: a NOTIFY that must not wait for its rate.
[[nodiscard]] constexpr bool is_exempt(NotifyCause cause) noexcept { return cause != NotifyCause::change; }
// Two NOTIFYs in one: the weightier cause.
[[nodiscard]] NotifyCause weightier(NotifyCause a, NotifyCause b) noexcept;

// What is used of the rates asked for: never so slow that nothing would come before the expiry, never faster than the package's
// own limit (AS-64; 0: none), the lower ones never above the upper.
[[nodiscard]] EventRates used_rates(const EventRates& asked, std::chrono::seconds expires, double local_max) noexcept;

// Least time between two NOTIFYs; zero: none.
[[nodiscard]] Duration least_interval(const EventRates& used, double local_max) noexcept;

// RFC 6446 5.2, 5.3: when there must be a NOTIFY even without a change. `history`: of former NOTIFYs, oldest first.
[[nodiscard]] std::optional<Duration> longest_interval(const EventRates& used, const std::vector<TimePoint>& history,
                                                       TimePoint now) noexcept;
// How far back the history of adaptive-min-rate goes.
[[nodiscard]] Duration history_period(double adaptive_min_rate) noexcept;

// PS-64, PS-65: what is granted. Error{invalid}: too short, to be answered 423.
Expected<std::chrono::seconds> granted_expires(std::optional<std::chrono::seconds> asked, const EventRules& rules,
                                               double jitter);  // 0..1

}  // namespace herald::event
