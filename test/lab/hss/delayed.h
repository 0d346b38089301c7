// Runs tasks at a later time on a thread of its own: the answers of an HSS that is told to be slow.
// Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace herald::lab {

class Delayed {
 public:
  Delayed();
  Delayed(const Delayed&) = delete;
  Delayed& operator=(const Delayed&) = delete;
  ~Delayed();  // what is still due is dropped

  void after(std::chrono::milliseconds delay, std::function<void()> task);

 private:
  using Time = std::chrono::steady_clock::time_point;
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Time, std::function<void()>> due_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace herald::lab
