// The bounded inbox of one loop: a deque swapped whole on wake, and an eventfd that any poller can watch. One class for su_root
// and for libevent; its depth is a metric and the overload signal. Thread: push from any thread; run() and fd() on the owning
// loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>
#include <vector>

#include "herald/executor.h"

namespace herald {

class Mailbox {
 public:
  // Throws std::system_error when no eventfd is to be had (start-up only).
  explicit Mailbox(std::size_t capacity);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False when full or closed.
  [[nodiscard]] bool push(Work work);
  // Never refused: continuations and control. False only once closed.
  bool push_reserved(Work work);

  // Readable while something waits.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // Runs what was waiting when called, but no more than `most` pieces, so that a loop can look after its sockets in between; what
  // the work adds waits for a later call. The eventfd stays readable while something is left. Returns how many ran.
  std::size_t run(std::size_t most = std::numeric_limits<std::size_t>::max());
  // True when nothing waits.
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::size_t depth() const noexcept { return depth_.load(std::memory_order_relaxed); }
  // Refuses everything from now on and destroys what waits, outside the lock.
  void close();

 private:
  bool append(Work work, bool bounded);

  const std::size_t capacity_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::deque<Work> waiting_;
  bool signalled_ = false;  // the eventfd is readable or about to be; one write until run() has left nothing
  bool closed_ = false;
  std::deque<Work> batch_;  // taken out of waiting_, being run: the owning loop's alone
  std::atomic<std::size_t> depth_{0};
};

// While it lives, what its thread pushes into mailboxes wakes nobody; then each is woken once. For a thread that answers many at
// a time: else the first answer wakes a loop that finds one piece of work, sleeps, is woken for the next. Keep it short: the
// mailboxes must outlive it.
class HeldWakeups {
 public:
  HeldWakeups();
  ~HeldWakeups();
  HeldWakeups(const HeldWakeups&) = delete;
  HeldWakeups& operator=(const HeldWakeups&) = delete;

  static void wake(int eventfd);  // at once, or at the end of the thread's HeldWakeups

 private:
  HeldWakeups* outer_;
  std::vector<int> fds_;
};

}  // namespace herald
