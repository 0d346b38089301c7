// The only source of time. Two scales: a monotonic one for timers and deadlines, a wall clock for what is stored or shown.
// Thread: now() and wall() may be called from any thread.
#pragma once

#include <chrono>

namespace herald {

using Duration = std::chrono::nanoseconds;

// Tag of the monotonic scale; it has no now() of its own on purpose: ask a Clock.
struct MonotonicScale {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicScale>;
  static constexpr bool is_steady = true;
};
using TimePoint = std::chrono::time_point<MonotonicScale, Duration>;

// Milliseconds since 1970-01-01 UTC: the resolution of everything that is stored.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  [[nodiscard]] virtual WallTime wall() const noexcept = 0;
};

// The machine's clock. Tests hand a VirtualClock to everything instead.
const Clock& system_clock() noexcept;

}  // namespace herald
