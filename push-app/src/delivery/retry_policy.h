// When a push is tried again, if ever: status-mapping.md 4. Pure; chance comes in as a number.
#pragma once

#include <optional>
#include <string>

#include "delivery/status_table.h"

namespace herald::push {

struct RetryRules {
  unsigned max_attempts = 8;
  unsigned negotiation_retries = 2;  // other contents tried after capability errors (sip-push.md 8.5)
  std::chrono::milliseconds first_delay{5000};
  std::chrono::milliseconds max_delay{600000};
  double jitter = 0.2;
  std::chrono::milliseconds unknown_delay{60000};  // class U
  bool receivers_deduplicate = true;               // PR-9; without it an unknown outcome is never repeated
};

struct RetryState {
  WallTime now{};
  WallTime expires{};
  unsigned attempts = 0;          // the one that just ended included (SM-10)
  unsigned unknown_outcomes = 0;  // those before this one
  bool fix_available = false;     // class F: there is something different to send
  std::optional<Duration> retry_after;
  double chance = 0.5;  // [0,1): where in the jitter band
};

struct RetryDecision {
  enum class Kind { finish, at_time, at_once, on_registration, on_consent };
  Kind kind = Kind::finish;
  WallTime at{};
  friend bool operator==(const RetryDecision&, const RetryDecision&) = default;
};

// min(max, first * 2^(n-1)) with jitter; n counts from 1.
[[nodiscard]] std::chrono::milliseconds retry_delay(const RetryRules& rules, unsigned n, double chance);
[[nodiscard]] RetryDecision decide_retry(const Reading& reading, const RetryState& state, const RetryRules& rules);

}  // namespace herald::push
