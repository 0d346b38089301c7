// The timers of one loop, ordered by due time. The loop asks next_due() how long it may sleep and calls run_due() when awake.
// Thread: only on the owning loop.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "herald/executor.h"

namespace herald {

class TimerQueue final : public Timers {
 public:
  explicit TimerQueue(const Clock& clock) noexcept : clock_(clock) {}

  TimerId start_at(TimePoint due, Work work) override;
  bool cancel(TimerId id) noexcept override;

  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept;
  // Runs every timer that is due now, in order; timers started meanwhile with a due time in the past wait for the next call.
  std::size_t run_due();
  [[nodiscard]] std::size_t size() const noexcept { return due_of_.size(); }
  void clear();

 private:
  using Slot = std::pair<TimePoint, std::uint64_t>;  // equal times run in the order they were started
  const Clock& clock_;
  std::map<Slot, Work> queue_;
  std::unordered_map<std::uint64_t, TimePoint> due_of_;
  std::uint64_t next_id_ = 1;
};

}  // namespace herald
