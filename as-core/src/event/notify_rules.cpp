#include "event/notify_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace herald::event {
namespace {

constexpr std::array kEnding{404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604};
constexpr Duration kFirstRetry = std::chrono::seconds(5);
constexpr Duration kLongestRetry = std::chrono::minutes(5);
constexpr std::chrono::seconds kLongestRetryAfter = std::chrono::hours(1);
constexpr std::chrono::seconds kLeastForShort{3600};  // 423 only below this: RFC 6665 4.2.1.1
constexpr double kPeriods = 10;                       // of adaptive-min-rate, over which it is averaged

Duration seconds(double value) {
  // Never beyond what an addition to a TimePoint bears.
  return std::chrono::round<Duration>(std::chrono::duration<double>(std::min(value, 1e8)));
}

unsigned weight(NotifyCause cause) noexcept {
  switch (cause) {
    case NotifyCause::change:
      return 0;
    case NotifyCause::refresh:
      return 1;
    case NotifyCause::decision:
      return 2;
    case NotifyCause::initial:
      return 3;
    case NotifyCause::ended:
      return 4;
  }
  return 0;
}

}  // namespace

NotifyVerdict verdict_of(int status, ResponseOrigin origin) noexcept {
  if (status >= 200 && status < 300) return NotifyVerdict::delivered;
  // Timer F: gone. Any other local failure says nothing about the subscriber.
  if (origin == ResponseOrigin::timer) return NotifyVerdict::remove;
  if (origin != ResponseOrigin::peer) return NotifyVerdict::keep;
  // 408: a proxy's Timer F, which comes before ours when a core stands between (RFC 3261 12.2.1.2).
  return std::find(kEnding.begin(), kEnding.end(), status) != kEnding.end() ? NotifyVerdict::remove : NotifyVerdict::keep;
}

Duration retry_delay(unsigned failures, std::optional<std::chrono::seconds> retry_after) noexcept {
  if (retry_after) return std::clamp(*retry_after, std::chrono::seconds(1), kLongestRetryAfter);
  return std::min(kLongestRetry, kFirstRetry * (1U << std::min(failures, 7U)));
}

NotifyCause weightier(NotifyCause a, NotifyCause b) noexcept { return weight(a) < weight(b) ? b : a; }

EventRates used_rates(const EventRates& asked, std::chrono::seconds expires, double local_max) noexcept {
  const double least = 1.0 / static_cast<double>(std::max<std::int64_t>(1, expires.count()));
  EventRates used;
  double highest = local_max > 0 ? local_max : HUGE_VAL;
  if (asked.max_rate) {
    used.max_rate = std::min(std::max(*asked.max_rate, least), highest);
    highest = *used.max_rate;
  }
  if (asked.min_rate) used.min_rate = std::min(*asked.min_rate, highest);
  if (asked.adaptive_min_rate) used.adaptive_min_rate = std::min(*asked.adaptive_min_rate, highest);
  return used;
}

Duration least_interval(const EventRates& used, double local_max) noexcept {
  double rate = local_max > 0 ? local_max : HUGE_VAL;
  if (used.max_rate) rate = std::min(rate, *used.max_rate);
  return std::isinf(rate) ? Duration::zero() : seconds(1.0 / rate);
}

Duration history_period(double adaptive_min_rate) noexcept { return seconds(kPeriods / adaptive_min_rate); }

std::optional<Duration> longest_interval(const EventRates& used, const std::vector<TimePoint>& history, TimePoint now) noexcept {
  std::optional<Duration> longest;
  if (used.min_rate) longest = seconds(1.0 / *used.min_rate);
  if (used.adaptive_min_rate) {
    // timeout = count / (rate^2 * period); a history shorter than the period counts as one that kept the rate.
    const double rate = *used.adaptive_min_rate;
    const auto period = history_period(rate);
    const auto begin = history.empty() ? now : std::max(history.front(), now - period);
    const auto seen = std::count_if(history.begin(), history.end(), [&](TimePoint sent) { return sent >= begin; });
    const double missing = std::chrono::duration<double>(period - (now - begin)).count() * rate;
    const double count = static_cast<double>(seen) + std::max(0.0, missing);
    const auto adaptive = seconds(count / (rate * rate * std::chrono::duration<double>(period).count()));
    longest = longest ? std::min(*longest, adaptive) : adaptive;
  }
  return longest;
}

Expected<std::chrono::seconds> granted_expires(std::optional<std::chrono::seconds> asked, const EventRules& rules,
                                               double jitter) {
  const auto wanted = asked.value_or(rules.default_expires);
  if (asked && wanted.count() > 0 && wanted < rules.min_expires && wanted < kLeastForShort) {
    return fail(ErrorCode::invalid, "Expires is too short");
  }
  const auto most = std::min(wanted, rules.max_expires);
  const auto part = std::clamp(rules.expiry_jitter, 0.0, 0.9) * std::clamp(jitter, 0.0, 1.0);
  const auto less = std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(most.count()) * part));
  // Jitter does not take anybody below the least: he would be told to ask for more.
  return std::max(most - less, std::min(most, rules.min_expires));
}

}  // namespace herald::event
