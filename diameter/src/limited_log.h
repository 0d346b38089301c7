// One line an interval for what can happen thousands of times a second; the line says how often it happened meanwhile.
// Thread: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "herald/clock.h"

namespace herald::diameter {

class LimitedLog {
 public:
  explicit LimitedLog(Duration interval = std::chrono::seconds(10)) : interval_(interval) {}

  // The number of occurrences since the last line when it is time for one.
  std::optional<std::uint64_t> admit(TimePoint now) noexcept {
    ++count_;
    auto next = next_.load();
    if (now.time_since_epoch().count() < next) return std::nullopt;
    if (!next_.compare_exchange_strong(next, (now + interval_).time_since_epoch().count())) return std::nullopt;
    return count_.exchange(0);
  }

 private:
  Duration interval_;
  std::atomic<Duration::rep> next_{std::numeric_limits<Duration::rep>::min()};
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace herald::diameter
