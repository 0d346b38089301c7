#include "base/timer_queue.h"

namespace herald {

TimerId TimerQueue::start_at(TimePoint due, Work work) {
  const auto id = next_id_++;
  queue_.emplace(Slot{due, id}, std::move(work));
  due_of_.emplace(id, due);
  return TimerId{id};
}

bool TimerQueue::cancel(TimerId id) noexcept {
  auto found = due_of_.find(id.value);
  if (found == due_of_.end()) return false;
  const Slot slot{found->second, id.value};
  due_of_.erase(found);
  auto node = queue_.extract(slot);  // destroyed last: what it captured may touch this queue
  return true;
}

std::optional<TimePoint> TimerQueue::next_due() const noexcept {
  if (queue_.empty()) return std::nullopt;
  return queue_.begin()->first.first;
}

std::size_t TimerQueue::run_due() {
  const auto now = clock_.now();
  const auto first_new = next_id_;
  std::size_t ran = 0;
  auto next = queue_.begin();
  while (next != queue_.end() && next->first.first <= now) {
    if (next->first.second >= first_new) {
      ++next;
      continue;
    }
    const auto slot = next->first;
    auto node = queue_.extract(next);
    due_of_.erase(slot.second);
    node.mapped()();
    ++ran;
    next = queue_.begin();  // the work may have changed anything
  }
  return ran;
}

void TimerQueue::clear() {
  std::map<Slot, Work> dropped;
  dropped.swap(queue_);
  due_of_.clear();
}

}  // namespace herald
