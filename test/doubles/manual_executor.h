// An executor that runs its work when the test says so, on the test's thread and the virtual clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "base/mailbox.h"
#include "base/timer_queue.h"
#include "doubles/virtual_clock.h"
#include "herald/executor.h"

namespace herald::test {

class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(VirtualClock& clock, std::size_t capacity = 100000)
      : clock_(clock), mailbox_(capacity), timers_(clock) {}

  [[nodiscard]] bool execute(Work work) override { return mailbox_.push(std::move(work)); }
  void complete(Work work) override { mailbox_.push_reserved(std::move(work)); }
  [[nodiscard]] bool on_this() const noexcept override { return current() == this; }
  [[nodiscard]] Timers& timers() noexcept override { return timers_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept { return timers_.next_due(); }
  [[nodiscard]] std::size_t timer_count() const noexcept { return timers_.size(); }

  // Runs `work` as if the loop did.
  template <class F>
  auto run(F work) {
    const Current here(*this);
    return work();
  }
  // Until nothing is ready; time stands still.
  std::size_t run_ready() {
    const Current here(*this);
    std::size_t total = 0;
    for (;;) {
      const auto ran = mailbox_.run() + timers_.run_due();
      if (ran == 0 && mailbox_.empty()) return total;
      total += ran;
    }
  }
  // Moves the clock forward, stopping at every timer on the way.
  void advance(Duration span) {
    const auto end = clock_.now() + span;
    run_ready();
    for (auto due = timers_.next_due(); due && *due <= end; due = timers_.next_due()) {
      clock_.advance(std::max(Duration::zero(), *due - clock_.now()));
      run_ready();
    }
    clock_.advance(end - clock_.now());
    run_ready();
  }

 private:
  VirtualClock& clock_;
  Mailbox mailbox_;
  TimerQueue timers_;
};

}  // namespace herald::test
