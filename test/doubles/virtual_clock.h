// Time that moves when the test says so.
#pragma once

#include <atomic>

#include "herald/clock.h"

namespace herald::test {

class VirtualClock final : public Clock {
 public:
  // Starts at 2026-01-01T00:00:00Z on the wall and at one hour on the monotonic scale.
  VirtualClock() = default;
  [[nodiscard]] TimePoint now() const noexcept override { return TimePoint(Duration(nanoseconds_.load())); }
  [[nodiscard]] WallTime wall() const noexcept override {
    return WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(Duration(nanoseconds_.load()) - kStart) + kWallStart);
  }
  void advance(Duration span) noexcept { nanoseconds_ += span.count(); }

 private:
  static constexpr Duration kStart = std::chrono::hours(1);
  static constexpr std::chrono::milliseconds kWallStart{1767225600000};
  std::atomic<Duration::rep> nanoseconds_{kStart.count()};
};

}  // namespace herald::test
