// The one file that asks the machine for the time.
#include "herald/clock.h"

namespace herald {

namespace {
class SystemClock final : public Clock {
 public:
  TimePoint now() const noexcept override { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }
  WallTime wall() const noexcept override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};
}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

}  // namespace herald
