// A point in time that travels with a request; every hop subtracts from it and none has a private timeout.
// Thread: value type.
#pragma once

#include <algorithm>

#include "herald/clock.h"

namespace herald {

class Deadline {
 public:
  static constexpr Deadline never() noexcept { return Deadline(TimePoint::max()); }
  static constexpr Deadline at(TimePoint when) noexcept { return Deadline(when); }
  static Deadline after(const Clock& clock, Duration span) noexcept { return Deadline(clock.now() + span); }

  [[nodiscard]] constexpr TimePoint when() const noexcept { return when_; }
  [[nodiscard]] constexpr bool is_never() const noexcept { return when_ == TimePoint::max(); }
  [[nodiscard]] bool passed(const Clock& clock) const noexcept { return clock.now() >= when_; }
  // Never negative.
  [[nodiscard]] Duration left(const Clock& clock) const noexcept {
    return is_never() ? Duration::max() : std::max(Duration::zero(), when_ - clock.now());
  }
  [[nodiscard]] Deadline earlier_of(Deadline other) const noexcept { return Deadline(std::min(when_, other.when_)); }

 private:
  constexpr explicit Deadline(TimePoint when) noexcept : when_(when) {}
  TimePoint when_;
};

}  // namespace herald
