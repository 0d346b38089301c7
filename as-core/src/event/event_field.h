// Event and Subscription-State as values. RFC 6665 8.2.1, 8.2.3; RFC 6446 5-7.
// Thread: pure functions. Errors: Error{invalid} for what no subscriber may write.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/notifier.h"

namespace herald::event {

struct EventField {
  std::string package;
  std::string id;
  SipParams params;  // without id and rates
  EventRates rates;  // a rate out of range is as good as not asked for: there is no echo of it
};
Expected<EventField> parse_event(std::string_view value);

// "oma-push;id=7;appid=news.ua"; `params` as SipParams writes them.
[[nodiscard]] std::string event_text(std::string_view package, std::string_view id, std::string_view params = {});

// RFC 6446 9.1: 1*2DIGIT ["." 1*10DIGIT], zero excluded.
[[nodiscard]] std::optional<double> parse_rate(std::string_view text) noexcept;
[[nodiscard]] std::string rate_text(double rate);

struct StateField {
  SubscriptionStatus status = SubscriptionStatus::active;
  std::chrono::seconds expires{};
  EndReason reason = EndReason::none;
  std::optional<std::chrono::seconds> retry_after;
  EventRates rates;  // PS-75: echo of what is used
};
[[nodiscard]] std::string state_text(const StateField& state);

// The media ranges of Accept, at most 32; none when there is no Accept.
[[nodiscard]] std::vector<std::string> accept_ranges(const SipHeaders& headers);

// "a, b": the header value of a list.
[[nodiscard]] std::string list_text(const std::vector<std::string>& values);

// Expires as delta-seconds; Error{invalid} when malformed.
Expected<std::optional<std::chrono::seconds>> expires_of(const SipHeaders& headers);

// RFC 3261 20.11: what has no `handling` is required. A body of a SUBSCRIBE that must be understood, but nobody here does.
[[nodiscard]] bool body_must_be_understood(const SipMessage& request);

// A value without its quotes, if it has some: SIP-ETag and Suppress-If-Match are tokens (RFC 5839 7).
[[nodiscard]] std::optional<std::string> suppress_if_match(const SipHeaders& headers);

}  // namespace herald::event
