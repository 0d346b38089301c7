// Which pushes were seen before. PR-9: for 24 hours, and bounded whoever sends.
// Thread: one.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>

#include "herald/clock.h"

namespace herald::receiver {

class Duplicates {
 public:
  explicit Duplicates(Duration keep = std::chrono::hours(24), std::size_t most = 100'000) : keep_(keep), most_(most) {}

  // True if `id` was seen within the time kept; remembers it if not.
  bool seen(const std::string& id, TimePoint now) {
    while (!order_.empty() && (order_.front().first + keep_ <= now || order_.size() >= most_)) {
      ids_.erase(order_.front().second);
      order_.pop_front();
    }
    if (!ids_.insert(id).second) return true;
    order_.emplace_back(now, id);
    return false;
  }
  [[nodiscard]] bool knows(const std::string& id) const { return ids_.contains(id); }
  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }

 private:
  Duration keep_;
  std::size_t most_;
  std::deque<std::pair<TimePoint, std::string>> order_;
  std::unordered_set<std::string> ids_;
};

}  // namespace herald::receiver
