// Which pushes somebody watches by server-sent events just now, so that the shards of the users carry no other transitions over.
// Thread: any.
#pragma once

#include <atomic>
#include <map>
#include <shared_mutex>
#include <string>

namespace herald::push {

class WatchedPushes {
 public:
  void add(const std::string& push);
  void remove(const std::string& push);
  [[nodiscard]] bool watched(const std::string& push) const;
  // A transition could not be carried over: whoever watches reads the store again.
  void miss() noexcept { missed_ = true; }
  [[nodiscard]] bool take_missed() noexcept { return missed_.exchange(false); }

 private:
  std::atomic<std::size_t> size_{0};  // most of the time nobody watches anything
  std::atomic<bool> missed_{false};
  mutable std::shared_mutex mutex_;
  std::map<std::string, unsigned> watchers_;
};

}  // namespace herald::push
