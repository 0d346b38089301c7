// The main thread's loop: signals, reloads, the operator's orders, shutdown. Nothing here carries traffic.
// Thread: block_signals() first in main(), before any other thread exists; run() on the main thread; execute(), complete() and
// stop() from any.
#pragma once

#include <functional>

#include "base/mailbox.h"
#include "base/timer_queue.h"
#include "herald/executor.h"

namespace herald::daemon {

enum class Order { stop, reload };  // SIGTERM and SIGINT; SIGHUP

class ControlLoop final : public Executor {
 public:
  // Every thread inherits the mask, so that signals come here only. SIGPIPE is ignored: a closed peer is an error code.
  // Throws std::system_error (start-up only), like the constructor.
  static void block_signals();

  explicit ControlLoop(const Clock& clock);
  ~ControlLoop() override;
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  void on_order(std::function<void(Order)> handler) { on_order_ = std::move(handler); }
  void run();
  void stop();

  [[nodiscard]] bool execute(Work work) override { return mailbox_.push(std::move(work)); }
  void complete(Work work) override { mailbox_.push_reserved(std::move(work)); }
  [[nodiscard]] bool on_this() const noexcept override { return current() == this; }
  [[nodiscard]] Timers& timers() noexcept override { return timers_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }

 private:
  void read_signals();

  const Clock& clock_;
  Mailbox mailbox_{256};
  TimerQueue timers_;
  std::function<void(Order)> on_order_;
  int signal_fd_ = -1;
  bool running_ = false;
};

}  // namespace herald::daemon
