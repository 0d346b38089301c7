// The loop of one shard: a su_root_t with our mailbox and timers beside Sofia's own sockets and timers.
// Thread: construct, run, step and destroy on one thread; execute(), complete() and stop() from any.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/handle_table.h"
#include "base/mailbox.h"
#include "base/timer_queue.h"
#include "herald/executor.h"
#include "sip/udp_batch.h"

struct su_root_s;

namespace herald::sip {

class SofiaRoot final : public Executor {
 public:
  static constexpr std::size_t kMailboxCapacity = 65536;

  // Throws std::system_error when the loop cannot be made (start-up only). Sofia's timers follow `clock` from now on: with the
  // machine's clock that is its monotonic scale, so that a step of the wall clock moves no transaction timer.
  explicit SofiaRoot(const Clock& clock, std::size_t mailbox_capacity = kMailboxCapacity, std::string name = "shard");
  ~SofiaRoot() override;
  SofiaRoot(const SofiaRoot&) = delete;
  SofiaRoot& operator=(const SofiaRoot&) = delete;

  [[nodiscard]] bool execute(Work work) override;
  void complete(Work work) override;
  [[nodiscard]] bool on_this() const noexcept override { return current() == this; }
  [[nodiscard]] Timers& timers() noexcept override { return timers_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }

  // Until stop(). What the mailbox holds then still runs.
  void run();
  void stop();
  // Everything that is ready, without waiting; returns how many rounds did something. For component tests.
  std::size_t step();
  // When something here is due next, ours or Sofia's; nothing: never. True after step(), until time moves.
  [[nodiscard]] std::optional<TimePoint> next_due() const noexcept;
  // Runs `work` as the loop would: with current() set. For tests and start-up.
  template <class F>
  auto inside(F&& work) {
    const Current here(*this);
    return work();
  }

  [[nodiscard]] std::size_t depth() const noexcept { return mailbox_.depth(); }
  [[nodiscard]] std::size_t timer_count() const noexcept { return timers_.size(); }
  // Pieces of work that held the shard longer than 20 ms.
  [[nodiscard]] std::uint64_t slow_tasks() const noexcept { return slow_tasks_; }

  // -- for this folder ---------------------------------------------------------------------------------------------------
  // Runs `work` from inside a C callback: current() is set, nothing thrown gets out, and it is timed.
  template <class F>
  void guarded(const char* what, F&& work) noexcept {
    const Current here(*this);
    const auto begun = clock_.now();
    ++ran_;
    try {
      work();
    } catch (...) {
      report_exception(what);
    }
    if (const auto took = clock_.now() - begun; took > kSlow) report_slow(what, took);
  }
  [[nodiscard]] su_root_s* handle() const noexcept { return root_; }
  [[nodiscard]] UdpBatch& udp() noexcept { return udp_; }
  using OnReady = std::function<void(bool readable, bool writable)>;
  // Watches a file descriptor; replaces an earlier watch of it. Neither flag set: stops watching.
  void watch(int fd, bool readable, bool writable, OnReady on_ready = {});

 private:
  static constexpr Duration kSlow = std::chrono::milliseconds(20);
  void report_slow(const char* what, Duration took) noexcept;
  void report_exception(const char* what) noexcept;

  struct Watch {
    int fd = -1;
    int index = -1;  // of su_root_register
    OnReady on_ready;
  };
  struct Callbacks;  // what Sofia calls; needs its types

  bool round(long wait_ms);  // false: nothing happened
  void run_mailbox();
  [[nodiscard]] long wait_limit() const noexcept;

  const Clock& clock_;
  const std::string name_;
  Mailbox mailbox_;
  TimerQueue timers_;
  su_root_s* root_ = nullptr;
  UdpBatch udp_;
  HandleTable<std::shared_ptr<Watch>> watches_;  // shared: a callback may end its own watch
  std::unordered_map<int, Handle> watch_of_;     // by file descriptor
  std::atomic<bool> stopping_{false};
  long sofia_next_ms_ = -1;  // as its loop said last; negative: no timer
  std::size_t ran_ = 0;      // callbacks and pieces of work in this round
  std::uint64_t slow_tasks_ = 0;
};

}  // namespace herald::sip
