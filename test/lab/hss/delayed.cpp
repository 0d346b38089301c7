#include "hss/delayed.h"

#include <utility>

namespace herald::lab {

Delayed::Delayed() : thread_([this] { run(); }) {}

Delayed::~Delayed() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Delayed::after(std::chrono::milliseconds delay, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    due_.emplace(std::chrono::steady_clock::now() + delay, std::move(task));
  }
  changed_.notify_all();
}

void Delayed::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
    } else if (const auto next = due_.begin()->first; std::chrono::steady_clock::now() < next) {
      changed_.wait_until(lock, next);
    } else {
      const auto task = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      lock.unlock();
      task();
      lock.lock();
    }
  }
}

}  // namespace herald::lab
