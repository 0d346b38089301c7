#include "event/event_field.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace herald::event {
namespace {

constexpr std::size_t kMaxField = 1024;
constexpr std::size_t kMaxParams = 16;
constexpr std::size_t kMaxId = 128;
constexpr std::size_t kMaxRanges = 32;
constexpr std::size_t kMaxRange = 128;
constexpr std::size_t kMaxETag = 128;
constexpr double kLowestRate = 0.0000000001;
constexpr double kHighestRate = 99.9999999999;

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
  });
}

std::optional<double> take_rate(SipParams& params, std::string_view name) {
  const auto value = params.get(name);
  const auto rate = value ? parse_rate(*value) : std::nullopt;
  params.remove(name);
  return rate;
}

}  // namespace

std::optional<double> parse_rate(std::string_view text) noexcept {
  const auto dot = text.find('.');
  const auto whole = text.substr(0, dot);
  const auto part = dot == std::string_view::npos ? std::string_view("0") : text.substr(dot + 1);
  if (!is_digits(whole) || whole.size() > 2 || !is_digits(part) || part.size() > 10) return std::nullopt;
  double rate = 0;
  for (const char c : whole) rate = rate * 10 + (c - '0');
  double place = 0.1;
  for (const char c : part) {
    rate += place * (c - '0');
    place /= 10;
  }
  return rate > kLowestRate / 2 ? std::optional(rate) : std::nullopt;
}

std::string rate_text(double rate) {
  // In units of 1e-10, so that no locale and no exponent can get in.
  const auto units = static_cast<std::uint64_t>(std::llround(std::clamp(rate, kLowestRate, kHighestRate) * 1e10));
  auto part = std::to_string(units % 10'000'000'000ULL);
  part.insert(0, 10 - part.size(), '0');
  part.erase(part.find_last_not_of('0') + 1);
  auto text = std::to_string(units / 10'000'000'000ULL);
  return part.empty() ? text : text.append(".").append(part);
}

Expected<EventField> parse_event(std::string_view value) {
  if (value.size() > kMaxField) return fail(ErrorCode::invalid, "Event is too long");
  const auto end = value.find(';');
  const auto package = trimmed(value.substr(0, end));
  if (!is_token(package)) return fail(ErrorCode::invalid, "Event names no package");
  EventField field;
  field.package = std::string(package);
  if (end == std::string_view::npos) return field;
  auto params = SipParams::parse(value.substr(end));
  if (!params) return fail(ErrorCode::invalid, "Event: " + params.error().text);
  if (params->all().size() > kMaxParams) return fail(ErrorCode::invalid, "Event has too many parameters");
  if (const auto id = params->get("id")) {
    if (!is_token(*id) || id->size() > kMaxId) return fail(ErrorCode::invalid, "Event has no usable id");
    field.id = std::string(*id);
    params->remove("id");
  }
  field.rates.max_rate = take_rate(*params, "max-rate");
  field.rates.min_rate = take_rate(*params, "min-rate");
  field.rates.adaptive_min_rate = take_rate(*params, "adaptive-min-rate");
  field.params = std::move(*params);
  return field;
}

std::string event_text(std::string_view package, std::string_view id, std::string_view params) {
  std::string text(package);
  if (!id.empty()) text.append(";id=").append(id);
  text.append(params);
  return text;
}

std::string state_text(const StateField& state) {
  std::string text(to_string(state.status));
  if (state.status == SubscriptionStatus::terminated) {
    if (state.reason != EndReason::none) text.append(";reason=").append(to_string(state.reason));
    if (state.retry_after) text.append(";retry-after=").append(std::to_string(state.retry_after->count()));
    return text;
  }
  text.append(";expires=").append(std::to_string(std::max<std::int64_t>(0, state.expires.count())));
  const auto echo = [&text](std::string_view name, const std::optional<double>& rate) {
    if (rate) text.append(";").append(name).append("=").append(rate_text(*rate));
  };
  echo("max-rate", state.rates.max_rate);
  echo("min-rate", state.rates.min_rate);
  echo("adaptive-min-rate", state.rates.adaptive_min_rate);
  return text;
}

std::vector<std::string> accept_ranges(const SipHeaders& headers) {
  std::vector<std::string> ranges;
  for (const auto range : headers.list("Accept")) {
    if (ranges.size() == kMaxRanges) break;
    if (!range.empty() && range.size() <= kMaxRange) ranges.emplace_back(range);
  }
  return ranges;
}

std::string list_text(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text.append(text.empty() ? "" : ", ").append(value);
  return text;
}

Expected<std::optional<std::chrono::seconds>> expires_of(const SipHeaders& headers) {
  const auto value = headers.get("Expires");
  if (!value) return std::optional<std::chrono::seconds>();
  const auto text = trimmed(*value);
  if (!is_digits(text)) return fail(ErrorCode::invalid, "Expires is no number");
  std::uint32_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || rest != text.data() + text.size()) seconds = UINT32_MAX;  // RFC 3261 20.19: above 2**32-1
  return std::optional(std::chrono::seconds(seconds));
}

bool body_must_be_understood(const SipMessage& request) {
  if (request.body.empty()) return false;
  const auto value = request.headers.get("Content-Disposition").value_or("");
  const auto end = value.find(';');
  if (end == std::string_view::npos) return true;
  const auto params = SipParams::parse(value.substr(end));
  return !params || params->get("handling").value_or("required") != "optional";
}

std::optional<std::string> suppress_if_match(const SipHeaders& headers) {
  const auto value = headers.get("Suppress-If-Match");
  if (!value) return std::nullopt;
  const auto tag = trimmed(*value);
  if (!is_token(tag) || tag.size() > kMaxETag) return std::nullopt;
  return std::string(tag);
}

}  // namespace herald::event
