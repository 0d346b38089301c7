// Windows in which only urgent enough pushes pass: sh-interface.md 6, quiet-hours. Pure, but for the system's time zones.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "push/push_job.h"

namespace herald::push {

struct QuietHours {
  std::array<bool, 7> days{};  // Monday first; the day the window begins
  int from = 0;                // seconds since local midnight
  int to = 0;                  // at or before `from`: ends on the next day
  std::string zone;            // IANA name; empty: UTC
  Priority min_priority = Priority::high;
};

// "1-5", "6,7", "1,3-5": 1 is Monday.
[[nodiscard]] std::optional<std::array<bool, 7>> parse_days(std::string_view text);
// "22:00:00" or "22:00", seconds since midnight; 24:00 is allowed as an end.
[[nodiscard]] std::optional<int> parse_time_of_day(std::string_view text);
[[nodiscard]] bool known_zone(std::string_view name);

// The end of the window that `now` lies in; nothing outside of it.
[[nodiscard]] std::optional<WallTime> end_of_quiet(const QuietHours& hours, WallTime now);

}  // namespace herald::push
