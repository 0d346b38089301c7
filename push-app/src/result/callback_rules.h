// What an answer to a result notification means and when the next attempt is due (SM-3, PAP-36). Pure.
#pragma once

#include <optional>
#include <string>

#include "herald/http.h"
#include "push_config.h"
#include "result/result_notice.h"

namespace herald::push {

struct CallbackReading {
  enum class Kind : std::uint8_t {
    taken,
    refused,    // never again: 410
    failed,     // this one: again later
    host_down,  // whoever is asked there next will fare no better
  };
  Kind kind = Kind::failed;
  std::string what;  // "http:503", "timeout": for the record and the log
  std::optional<Duration> retry_after{};
};
[[nodiscard]] CallbackReading read_callback_answer(CallbackForm form, const Expected<HttpResponse>& answer, WallTime now);

// Delta-seconds or a date; nothing when it is neither.
[[nodiscard]] std::optional<Duration> parse_retry_after(std::string_view text, WallTime now);

// After `attempts` that failed.
[[nodiscard]] std::chrono::milliseconds retry_pause(const CallbackConfig& config, unsigned attempts);
// Nothing: it is given up.
[[nodiscard]] std::optional<WallTime> next_attempt(const ResultNotice& notice, const CallbackReading& reading,
                                                   const CallbackConfig& config, WallTime now);

// What is known of one host and port. Half open after a failure: one attempt shows whether the others may follow.
struct HostState {
  unsigned in_flight = 0;
  std::uint16_t failures = 0;  // waves of attempts in a row that found it down
  unsigned strange = 0;        // 5xx in a row: three make a host that is down
  WallTime blocked_until{};
  WallTime judged_at{};  // an attempt that began before says nothing new
  bool parked = false;   // notices may wait for it in the store
  bool draining = false;

  [[nodiscard]] unsigned room(const CallbackConfig& config, WallTime now) const;
  void judge(const CallbackReading& reading, WallTime started, const CallbackConfig& config, WallTime now);
};

}  // namespace herald::push
