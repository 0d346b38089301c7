#include "result/push_watch.h"

#include <mutex>

namespace herald::push {

void WatchedPushes::add(const std::string& push) {
  const std::unique_lock lock(mutex_);
  ++watchers_[push];
  size_ = watchers_.size();
}

void WatchedPushes::remove(const std::string& push) {
  const std::unique_lock lock(mutex_);
  const auto found = watchers_.find(push);
  if (found == watchers_.end()) return;
  if (--found->second == 0) watchers_.erase(found);
  size_ = watchers_.size();
}

bool WatchedPushes::watched(const std::string& push) const {
  if (size_ == 0) return false;
  const std::shared_lock lock(mutex_);
  return watchers_.contains(push);
}

}  // namespace herald::push
