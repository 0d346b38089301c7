// What an answer means: one small result and what to do next. SH section 7; SH-04, SH-40.
#pragma once

#include <cstdint>

#include "sh_answer.h"

namespace herald::diameter {

enum class Retry : std::uint8_t {
  none,
  elsewhere,  // once, at once, without Destination-Host (3002, 3004; FD-51)
  redirect,   // to ShAnswer::redirect_host, at most twice (3006; FD-52)
  backoff,    // after 1, 2, 4 s (4xxx)
  once_later  // once after a second (5012)
};

enum class Alarm : std::uint8_t { none, realm_not_served, interop, not_permitted, identity_mismatch, unreadable };

struct Verdict {
  ShResult result = ShResult::malformed;
  Retry retry = Retry::none;
  Alarm alarm = Alarm::none;
  std::uint32_t code = 0;  // as received
};

// The result of `ok` still needs its document: no User-Data is no_data.
[[nodiscard]] Verdict judge(const ShAnswer& answer);

// True when stale data may stand in for this result.
[[nodiscard]] constexpr bool is_hss_failure(ShResult result) noexcept {
  return result == ShResult::busy || result == ShResult::unavailable || result == ShResult::timeout ||
         result == ShResult::malformed;
}

}  // namespace herald::diameter
