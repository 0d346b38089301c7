#include "delivery/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace herald::push {
namespace {

using Kind = RetryDecision::Kind;

// Class T and A: a time that is not worth waiting for ends the push now, with the class's failure.
RetryDecision at_time(WallTime at, const RetryState& state, const RetryRules& rules) {
  if (state.attempts >= rules.max_attempts || at >= state.expires) return {Kind::finish, {}};
  return {Kind::at_time, at};
}

RetryDecision backoff(const RetryState& state, const RetryRules& rules, bool honour_retry_after) {
  auto delay = retry_delay(rules, std::max(1U, state.attempts), state.chance);
  if (honour_retry_after && state.retry_after) {
    // A peer may say any number: beyond a year it is "never".
    constexpr Duration kYear = std::chrono::hours(24 * 365);
    delay = std::max(delay, std::chrono::ceil<std::chrono::milliseconds>(std::min(*state.retry_after, kYear)));
  }
  return at_time(state.now + delay, state, rules);
}

}  // namespace

std::chrono::milliseconds retry_delay(const RetryRules& rules, unsigned n, double chance) {
  const double first = static_cast<double>(rules.first_delay.count());
  const double most = static_cast<double>(rules.max_delay.count());
  const double plain = std::min(most, first * std::exp2(static_cast<double>(std::min(n, 64U)) - 1.0));
  const double factor = 1.0 + rules.jitter * (2.0 * chance - 1.0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(plain * factor));
}

RetryDecision decide_retry(const Reading& reading, const RetryState& state, const RetryRules& rules) {
  switch (reading.retry) {
    case RetryClass::none:
    case RetryClass::never:
      return {};
    case RetryClass::transient:
      return backoff(state, rules, false);
    case RetryClass::after:
      return backoff(state, rules, true);
    case RetryClass::fix:
      if (state.fix_available && state.attempts < rules.max_attempts) return {Kind::at_once, state.now};
      // SM-8 for 413: no smaller content, but the peer says when it may have room.
      if (state.retry_after && reading.cause == "sip:413") return backoff(state, rules, true);
      return {};
    case RetryClass::reachability:
      return {Kind::on_registration, {}};  // deliver-before bounds it, not the number of attempts
    case RetryClass::consent:
      return {Kind::on_consent, {}};
    case RetryClass::unknown:
      if (!rules.receivers_deduplicate || state.unknown_outcomes >= 1) return {};
      return at_time(state.now + rules.unknown_delay, state, rules);
  }
  return {};
}

}  // namespace herald::push
