// Lets one log line a second through, so that a flood of refusals does not become a flood of lines; counters count them all.
// Thread: one owner.
#pragma once

#include <cstdint>

#include "herald/clock.h"

namespace herald::io {

class LogPace {
 public:
  // True when a line may be written; `suppressed` then says how many were not.
  [[nodiscard]] bool pass(TimePoint now) noexcept {
    if (begun_ && now < last_ + std::chrono::seconds(1)) {
      ++held_back_;
      return false;
    }
    suppressed = held_back_;
    held_back_ = 0;
    last_ = now;
    begun_ = true;
    return true;
  }
  std::uint64_t suppressed = 0;

 private:
  TimePoint last_{};
  std::uint64_t held_back_ = 0;
  bool begun_ = false;
};

}  // namespace herald::io
