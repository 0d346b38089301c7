#include "event/watch_rules.h"

#include <algorithm>
#include <charconv>

namespace herald::event {
namespace {

using std::chrono::seconds;

constexpr unsigned kMostDoublings = 6;
constexpr Duration kFirstPause = seconds(5);
constexpr Duration kLongestPause = seconds(300);
constexpr seconds kLongestWait = std::chrono::hours(24);  // of a Retry-After

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
  });
}

struct Split {
  std::string_view word;
  SipParams params;
};

Expected<Split> split(std::string_view text, const char* header) {
  const auto end = text.find(';');
  Split result;
  result.word = trimmed(text.substr(0, end));
  if (!is_token(result.word)) return fail(ErrorCode::invalid, std::string(header) + " is malformed");
  if (end == std::string_view::npos) return result;
  auto params = SipParams::parse(text.substr(end));
  if (!params) return fail(ErrorCode::invalid, std::string(header) + " has malformed parameters");
  result.params = std::move(*params);
  return result;
}

Duration scaled(Duration span, double factor) noexcept {
  return Duration(static_cast<Duration::rep>(static_cast<double>(span.count()) * factor));
}

}  // namespace

Expected<EventValue> EventValue::parse(std::string_view text) {
  auto parts = split(text, "Event");
  if (!parts) return fail(std::move(parts.error()));
  EventValue value;
  value.package = std::string(parts->word);
  value.id = std::string(parts->params.get("id").value_or(""));
  return value;
}

Expected<StateValue> StateValue::parse(std::string_view text) {
  const auto parts = split(text, "Subscription-State");
  if (!parts) return fail(parts.error());
  StateValue value;
  const auto word = lower(parts->word);
  if (word == "pending") value.status = SubscriptionStatus::pending;
  if (word == "terminated") value.status = SubscriptionStatus::terminated;
  value.reason = parse_end_reason(lower(parts->params.get("reason").value_or(""))).value_or(EndReason::none);
  value.retry_after = delta_seconds(parts->params.get("retry-after"));
  value.expires = delta_seconds(parts->params.get("expires"));
  return value;
}

std::optional<seconds> delta_seconds(std::optional<std::string_view> value) noexcept {
  if (!value) return std::nullopt;
  const auto text = trimmed(*value);
  std::uint32_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return seconds(0xffffffffU);
  if (error != std::errc()) return std::nullopt;
  if (rest != text.data() + text.size() && std::string_view(" \t(;").find(*rest) == std::string_view::npos) return std::nullopt;
  return seconds(number);
}

Duration refresh_after(seconds granted, double jitter) noexcept {
  const Duration all = granted;
  const auto base = granted > seconds(1200) ? all - Duration(seconds(600)) : all / 2;
  return scaled(base, 1.0 - 0.1 * std::clamp(jitter, 0.0, 1.0));
}

Duration back_off(unsigned failures, double jitter) noexcept {
  const auto doublings = std::min(failures > 0 ? failures - 1 : 0, kMostDoublings);
  const auto pause = std::min(kLongestPause, kFirstPause * (1 << doublings));
  return scaled(pause, 0.8 + 0.2 * std::clamp(jitter, 0.0, 1.0));
}

std::optional<Duration> again_after_end(const StateValue& state, unsigned short_lives, double jitter) noexcept {
  const Duration asked = std::min(state.retry_after.value_or(seconds(0)), kLongestWait);
  switch (state.reason) {
    case EndReason::rejected:
    case EndReason::noresource:
    case EndReason::invariant:
      return std::nullopt;
    case EndReason::deactivated:
    case EndReason::timeout:
      // At once (retry-after has no meaning here), but not in circles.
      return short_lives == 0 ? Duration::zero() : back_off(short_lives, jitter);
    case EndReason::probation:
    case EndReason::giveup:
    case EndReason::none:
      break;
  }
  return std::max(asked, state.retry_after && short_lives == 0 ? Duration::zero() : back_off(short_lives + 1, jitter));
}

std::optional<Duration> again_after_refusal(int status, bool local, std::optional<seconds> retry_after, unsigned failures,
                                            double jitter) noexcept {
  const auto pause = back_off(failures, jitter);
  if (local) return pause;
  switch (status) {
    case 408:
    case 480:
    case 486:
    case 500:
    case 502:
    case 503:
    case 504:
      return retry_after ? std::max<Duration>(std::min(*retry_after, kLongestWait), pause) : pause;
    // RFC 3261 20.33: these may say when.
    case 404:
    case 413:
    case 600:
    case 603:
      if (!retry_after) return std::nullopt;
      return std::max<Duration>(std::min(*retry_after, kLongestWait), pause);
    default:
      return std::nullopt;
  }
}

RefreshVerdict refresh_refused(int status, bool local) noexcept {
  if (local) return RefreshVerdict::later;
  if (status == 481) return RefreshVerdict::new_dialog;
  // 480 ends the usage (RFC 6665 4.1.2.2); 408, 491 and 5xx but 501 do not.
  if (status == 408 || status == 491 || (status >= 500 && status < 600 && status != 501)) return RefreshVerdict::later;
  return RefreshVerdict::lost;
}

bool one_line(std::string_view text) noexcept {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace herald::event
