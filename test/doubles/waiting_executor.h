// Waits on the test's thread for answers that other threads give. For tests of things that have threads of their own.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/timer_queue.h"
#include "herald/executor.h"
#include "herald/task.h"

namespace herald::test {

class WaitingExecutor final : public Executor {
 public:
  explicit WaitingExecutor(const Clock& clock = system_clock()) : clock_(clock), timers_(clock) {}

  [[nodiscard]] bool execute(Work work) override {
    complete(std::move(work));
    return true;
  }
  void complete(Work work) override {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(work));
    wake_.notify_one();
  }
  [[nodiscard]] bool on_this() const noexcept override { return current() == this; }
  [[nodiscard]] Timers& timers() noexcept override { return timers_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }

  template <class F>
  auto run(F work) {
    const Current here(*this);
    return work();
  }
  [[noreturn]] void run_for_ever() {
    const Current here(*this);
    for (;;) run_one();
  }
  // The answer of one future.
  template <class T>
  Expected<T> await(Future<T> future) {
    std::vector<Future<T>> one;
    one.push_back(std::move(future));
    auto all = await_all(std::move(one));
    return std::move(all.front());
  }
  // The answers in the order of the futures, however they arrive.
  template <class T>
  std::vector<Expected<T>> await_all(std::vector<Future<T>> futures) {
    std::vector<std::optional<Expected<T>>> answers(futures.size());
    std::size_t left = futures.size();
    const Current here(*this);
    for (std::size_t i = 0; i < futures.size(); ++i) spawn(keep(std::move(futures[i]), &answers[i], &left));
    while (left > 0) run_one();
    std::vector<Expected<T>> result;
    result.reserve(answers.size());
    for (auto& answer : answers) result.push_back(std::move(*answer));
    return result;
  }

 private:
  template <class T>
  static Task<void> keep(Future<T> future, std::optional<Expected<T>>* answer, std::size_t* left) {
    auto result = co_await future;
    answer->emplace(std::move(result));
    --*left;
  }
  void run_one() {
    Work work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !ready_.empty(); });
      work = std::move(ready_.front());
      ready_.pop_front();
    }
    work();
  }

  const Clock& clock_;
  TimerQueue timers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> ready_;
};

}  // namespace herald::test
