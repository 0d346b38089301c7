// The I/O thread's loop: libevent for sockets, our mailbox for work from other threads, our timers on the container's clock
// (libevent's own timers only wake the loop).
// Thread: run() or step() on one thread, which then is "the loop"; execute(), complete() and stop() from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/mailbox.h"
#include "base/timer_queue.h"
#include "herald/executor.h"

struct event;
struct event_base;

namespace herald::io {

class IoLoop final : public Executor {
 public:
  // Called at the end of each round, on the loop: what gathered during the round can be handed over in one piece.
  class RoundEnd {
   public:
    virtual ~RoundEnd() = default;
    virtual void round_end() = 0;
  };

  static constexpr std::size_t kMailboxCapacity = 65536;

  // Throws std::runtime_error when the machine has no descriptors left (start-up only).
  explicit IoLoop(const Clock& clock = system_clock(), std::size_t mailbox_capacity = kMailboxCapacity);
  ~IoLoop() override;
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  // Until stop(). Everything completed before the stop is still run.
  void run();
  // From any thread. New work is refused from now on, completions are taken until run() returns.
  void stop();
  // One round without waiting, for tests on a virtual clock. True when something may have happened.
  bool step();

  // When a timer is due next. On the loop.
  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept { return timers_.next_due(); }

  [[nodiscard]] bool execute(Work work) override;
  void complete(Work work) override;
  [[nodiscard]] bool on_this() const noexcept override { return current() == this; }
  [[nodiscard]] Timers& timers() noexcept override { return timers_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }

  [[nodiscard]] std::size_t mailbox_depth() const noexcept { return mailbox_.depth(); }
  [[nodiscard]] event_base* base() const noexcept { return base_.get(); }
  // On the loop, or before it runs.
  void add_round_end(RoundEnd& hook);
  void remove_round_end(RoundEnd& hook) noexcept;

 private:
  struct FreeBase {
    void operator()(event_base* base) const noexcept;
  };
  struct FreeEvent {
    void operator()(event* e) const noexcept;
  };

  void round(int flags);
  void arm_wakeup();

  const Clock& clock_;
  Mailbox mailbox_;
  TimerQueue timers_;
  std::unique_ptr<event_base, FreeBase> base_;
  std::unique_ptr<event, FreeEvent> mail_event_;
  std::unique_ptr<event, FreeEvent> wakeup_event_;
  std::vector<RoundEnd*> round_ends_;
  std::atomic<bool> stopping_{false};
};

}  // namespace herald::io
