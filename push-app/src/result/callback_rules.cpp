#include "result/callback_rules.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <strings.h>

#include "pap/pap_result.h"

namespace herald::push {
namespace {

constexpr unsigned kStrangeAnswers = 3;

using Kind = CallbackReading::Kind;

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view text, WallTime now) {
  constexpr std::uint32_t kLongest = 86400 * 30;
  std::uint32_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) {
    return std::chrono::seconds(std::min(seconds, kLongest));
  }
  std::tm date{};
  const std::string copy(text);
  const auto* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const WallTime when{std::chrono::seconds(timegm(&date))};
  return std::clamp<Duration>(when - now, Duration::zero(), std::chrono::seconds(kLongest));
}

CallbackReading read_callback_answer(CallbackForm form, const Expected<HttpResponse>& answer, WallTime now) {
  if (!answer) {
    CallbackReading reading{Kind::host_down, std::string(to_string(answer.error().code)), {}};
    // Nobody was asked: it is this URL, or we ourselves are busy.
    const auto code = answer.error().code;
    if (code == ErrorCode::invalid || code == ErrorCode::forbidden || code == ErrorCode::busy || code == ErrorCode::too_large) {
      reading.kind = Kind::failed;
    }
    return reading;
  }
  CallbackReading reading{Kind::failed, "http:" + std::to_string(answer->status), {}};
  if (answer->status == 410) {
    reading.kind = Kind::refused;
  } else if (answer->status >= 200 && answer->status < 300) {
    const bool taken = form != CallbackForm::pap || pap_result_taken(answer->status, answer->body);
    reading.kind = taken ? Kind::taken : Kind::failed;
    if (!taken) reading.what = "pap:retry";
  } else if (answer->status == 429 || answer->status == 502 || answer->status == 503 || answer->status == 504) {
    reading.kind = Kind::host_down;
  }
  if (reading.kind == Kind::taken || reading.kind == Kind::refused) return reading;
  for (const auto& field : answer->headers) {
    if (field.name.size() == 11 && strcasecmp(field.name.c_str(), "Retry-After") == 0) {
      reading.retry_after = parse_retry_after(field.value, now);
    }
  }
  return reading;
}

std::chrono::milliseconds retry_pause(const CallbackConfig& config, unsigned attempts) {
  const auto last = config.retry.size() - 1;
  return config.retry[std::min<std::size_t>(attempts == 0 ? 0 : attempts - 1, last)];
}

std::optional<WallTime> next_attempt(const ResultNotice& notice, const CallbackReading& reading, const CallbackConfig& config,
                                     WallTime now) {
  auto pause = retry_pause(config, notice.attempts);
  if (reading.retry_after) pause = std::max(pause, std::chrono::ceil<std::chrono::milliseconds>(*reading.retry_after));
  if (now + pause > notice.created + config.give_up_after) return std::nullopt;
  return now + pause;
}

unsigned HostState::room(const CallbackConfig& config, WallTime now) const {
  if (now < blocked_until) return 0;
  const unsigned most = failures > 0 ? 1 : config.max_per_host;
  return most > in_flight ? most - in_flight : 0;
}

void HostState::judge(const CallbackReading& reading, WallTime started, const CallbackConfig& config, WallTime now) {
  bool down = reading.kind == Kind::host_down;
  if (reading.kind == Kind::failed && reading.what.starts_with("http:5")) {
    down = ++strange >= kStrangeAnswers;
  } else if (!down) {
    strange = 0;
  }
  if (!down) {
    if (reading.kind != Kind::failed || reading.what.starts_with("http:")) failures = 0;  // it answers
    return;
  }
  if (failures > 0 && started <= judged_at) return;  // of the same wave
  judged_at = now;
  if (failures < UINT16_MAX) ++failures;
  auto pause = retry_pause(config, failures);
  if (reading.retry_after) pause = std::max(pause, std::chrono::ceil<std::chrono::milliseconds>(*reading.retry_after));
  blocked_until = now + pause;
}

}  // namespace herald::push
