// What a subscriber makes of what it is told: pure rules of RFC 6665 4.1. PR-2..PR-5, PS-72, AS-22.
// Thread: pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "herald/notifier.h"

namespace herald::event {

// Event: package;id=…;other
struct EventValue {
  std::string package;
  std::string id;  // empty: none
  static Expected<EventValue> parse(std::string_view text);
  friend bool operator==(const EventValue&, const EventValue&) = default;
};

// Subscription-State: active;expires=…
struct StateValue {
  SubscriptionStatus status = SubscriptionStatus::active;
  EndReason reason = EndReason::none;
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::chrono::seconds> expires;
  // A state of a later RFC counts as active, an unknown reason as none.
  static Expected<StateValue> parse(std::string_view text);
};

// The first number of a header field's value (Expires, Min-Expires, Retry-After with its comment).
[[nodiscard]] std::optional<std::chrono::seconds> delta_seconds(std::optional<std::string_view> value) noexcept;

// When to refresh what was granted for so long: 600 s before its end, half time below 1200 s (AS-22); `jitter` in 0..1 brings it
// forward by up to a tenth, so that subscriptions made together do not return together.
[[nodiscard]] Duration refresh_after(std::chrono::seconds granted, double jitter) noexcept;

// 5 s, 10 s, … 300 s by `failures` (1: the first), spread by up to a fifth.
[[nodiscard]] Duration back_off(unsigned failures, double jitter) noexcept;

// Whether and when there is a new subscription; none: never.
// After Subscription-State: terminated. `short_lives`: how often in a row it ended soon after its start.
[[nodiscard]] std::optional<Duration> again_after_end(const StateValue& state, unsigned short_lives, double jitter) noexcept;
// After a final response that refused a SUBSCRIBE outside a dialog, or a time-out or transport failure (`local`).
[[nodiscard]] std::optional<Duration> again_after_refusal(int status, bool local, std::optional<std::chrono::seconds> retry_after,
                                                          unsigned failures, double jitter) noexcept;

// What a refused refresh means for the subscription. RFC 6665 4.1.2.2, RFC 5057.
enum class RefreshVerdict {
  new_dialog,  // 481
  lost,        // the notifier or its policy says no
  later,       // still there until it expires: try again
};
[[nodiscard]] RefreshVerdict refresh_refused(int status, bool local) noexcept;

// Fit for a header field: no line ends, no NUL.
[[nodiscard]] bool one_line(std::string_view text) noexcept;

}  // namespace herald::event
