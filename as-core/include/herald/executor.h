// Where code runs. A shard, the I/O loop and (in tests) a hand-cranked loop are all Executors; nothing else names a thread.
#pragma once

#include <cstdint>

#include "herald/clock.h"
#include "herald/unique_function.h"

namespace herald {

using Work = UniqueFunction<void()>;

struct TimerId {
  std::uint64_t value = 0;  // 0 = none
  explicit operator bool() const noexcept { return value != 0; }
};

// Timers of one executor. Thread: only on that executor.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual TimerId start_at(TimePoint due, Work work) = 0;
  // True if the timer was pending; its work will then not run.
  virtual bool cancel(TimerId id) noexcept = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;

  // New work, from any thread. False when the bounded mailbox is full or the executor has stopped: the work was dropped and
  // the caller must answer 503/429 or try again by its deadline.
  [[nodiscard]] virtual bool execute(Work work) = 0;

  // The continuation of something already admitted (an awaited result, a stop order), from any thread. Never refused while
  // the executor lives: what it can hold is bounded by what was admitted through execute().
  virtual void complete(Work work) = 0;

  // True on the executor's own thread.
  [[nodiscard]] virtual bool on_this() const noexcept = 0;

  [[nodiscard]] virtual Timers& timers() noexcept = 0;
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;

  // The executor whose work the calling thread is running; null on foreign threads.
  [[nodiscard]] static Executor* current() noexcept;

 protected:
  // Implementations hold one of these while they run work.
  class Current {
   public:
    explicit Current(Executor& executor) noexcept;
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    Executor* previous_;
  };
};

}  // namespace herald
