#include "delivery/delivery_queue.h"

#include <algorithm>
#include <utility>

namespace herald::push {

std::optional<SlotId> DeliveryQueue::add(const Item& item, std::string_view target_name) {
  if (item.push.size() != kIdLength) return std::nullopt;
  std::uint32_t index = free_;
  if (index != kNone) {
    free_ = slots_[index].next;
  } else {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  auto found = targets_.find(target_name);
  if (found == targets_.end()) {
    auto fresh = std::make_unique<Target>(target_name);
    const std::string_view key = fresh->name;
    found = targets_.emplace(key, std::move(fresh)).first;
  }
  auto& target = *found->second;
  auto& slot = slots_[index];
  std::copy(item.push.begin(), item.push.end(), slot.push.begin());
  slot.recipient = item.index;
  slot.priority = item.priority;
  slot.expires = item.expires;
  slot.phase = Phase::idle;
  slot.order = next_order_++;
  slot.target = &target;
  slot.previous = kNone;
  slot.next = target.first;
  if (target.first != kNone) slots_[target.first].previous = index;
  target.first = index;
  ++size_;
  return SlotId{index, slot.generation};
}

void DeliveryQueue::remove(SlotId id) {
  if (!alive(id)) return;
  leave_phase(id.index);
  clear_due(id.index);
  auto& slot = slots_[id.index];
  auto& target = *slot.target;
  if (slot.previous != kNone) slots_[slot.previous].next = slot.next;
  if (slot.next != kNone) slots_[slot.next].previous = slot.previous;
  if (target.first == id.index) target.first = slot.next;
  slot.target = nullptr;
  slot.carried.reset();
  ++slot.generation;
  slot.next = free_;
  free_ = id.index;
  --size_;
  drop_if_empty(target);
}

bool DeliveryQueue::alive(SlotId id) const noexcept {
  return id.index < slots_.size() && slots_[id.index].generation == id.generation && slots_[id.index].target != nullptr;
}

DeliveryQueue::Phase DeliveryQueue::phase(SlotId id) const noexcept { return alive(id) ? slots_[id.index].phase : Phase::idle; }

std::string DeliveryQueue::push(SlotId id) const {
  const auto& slot = slots_[id.index];
  return {slot.push.begin(), slot.push.end()};
}
std::uint32_t DeliveryQueue::index(SlotId id) const noexcept { return slots_[id.index].recipient; }
Priority DeliveryQueue::priority(SlotId id) const noexcept { return slots_[id.index].priority; }
std::uint32_t DeliveryQueue::order(SlotId id) const noexcept { return slots_[id.index].order; }
WallTime DeliveryQueue::expires(SlotId id) const noexcept { return slots_[id.index].expires; }
const std::string& DeliveryQueue::target(SlotId id) const noexcept { return slots_[id.index].target->name; }

void DeliveryQueue::carry(SlotId id, std::unique_ptr<LoadedDelivery> loaded) {
  if (alive(id)) slots_[id.index].carried = std::move(loaded);
}
std::unique_ptr<LoadedDelivery> DeliveryQueue::take_carried(SlotId id) {
  return alive(id) ? std::move(slots_[id.index].carried) : nullptr;
}

void DeliveryQueue::make_ready(SlotId id) {
  if (!alive(id) || slots_[id.index].phase == Phase::ready) return;
  leave_phase(id.index);
  auto& slot = slots_[id.index];
  slot.phase = Phase::ready;
  set_due(id.index, slot.expires);  // expires on time even while its target is busy
  slot.target->ready.emplace(rank(slot), id.index);
  announce(*slot.target);
}

void DeliveryQueue::wait_until(SlotId id, WallTime due) {
  if (!alive(id)) return;
  leave_phase(id.index);
  auto& slot = slots_[id.index];
  slot.phase = Phase::timed;
  slot.carried.reset();
  set_due(id.index, std::min(due, slot.expires));
}

void DeliveryQueue::wait_for_registration(SlotId id, std::optional<WallTime> look_again) {
  if (!alive(id)) return;
  leave_phase(id.index);
  auto& slot = slots_[id.index];
  slot.phase = Phase::registration;
  slot.carried.reset();
  set_due(id.index, std::min(look_again.value_or(slot.expires), slot.expires));
}

void DeliveryQueue::park(SlotId id) {
  if (!alive(id)) return;
  leave_phase(id.index);
  auto& slot = slots_[id.index];
  slot.phase = Phase::parked;
  slot.carried.reset();
  set_due(id.index, slot.expires);
}

void DeliveryQueue::hold(SlotId id) {
  if (!alive(id)) return;
  leave_phase(id.index);
  clear_due(id.index);
}

void DeliveryQueue::offer(SlotId id) {
  if (!alive(id)) return;
  leave_phase(id.index);
  auto& slot = slots_[id.index];
  slot.phase = Phase::offered;
  set_due(id.index, slot.expires);
}

void DeliveryQueue::notify(SlotId id) {
  if (!alive(id)) return;
  leave_phase(id.index);
  clear_due(id.index);  // a running transaction is allowed to end
  slots_[id.index].phase = Phase::notifying;
}

std::optional<SlotId> DeliveryQueue::take() {
  for (auto queue = ready_.rbegin(); queue != ready_.rend(); ++queue) {
    while (!queue->empty()) {
      auto& target = *queue->front();
      queue->pop_front();
      target.queued = false;
      if (target.busy || target.ready.empty()) {
        drop_if_empty(target);
        continue;
      }
      const auto index = target.ready.begin()->second;
      target.ready.erase(target.ready.begin());
      clear_due(index);  // a running transaction is allowed to end
      auto& slot = slots_[index];
      slot.phase = Phase::running;
      target.busy = true;
      target.woken = false;
      ++running_;
      return SlotId{index, slot.generation};
    }
  }
  return std::nullopt;
}

std::size_t DeliveryQueue::wake(std::string_view target_name) {
  const auto found = targets_.find(target_name);
  if (found == targets_.end()) return 0;
  auto& target = *found->second;
  target.woken = true;
  std::size_t woken = 0;
  for (auto index = target.first; index != kNone; index = slots_[index].next) {
    if (slots_[index].phase != Phase::registration) continue;
    make_ready({index, slots_[index].generation});
    ++woken;
  }
  return woken;
}

bool DeliveryQueue::woken(SlotId id) const noexcept { return alive(id) && slots_[id.index].target->woken; }

std::optional<SlotId> DeliveryQueue::find(std::string_view target, std::string_view push, std::uint32_t recipient) const {
  const auto found = targets_.find(target);
  if (found == targets_.end()) return std::nullopt;
  for (auto index = found->second->first; index != kNone; index = slots_[index].next) {
    const auto& slot = slots_[index];
    if (slot.recipient == recipient && std::equal(slot.push.begin(), slot.push.end(), push.begin(), push.end())) {
      return SlotId{index, slot.generation};
    }
  }
  return std::nullopt;
}

bool DeliveryQueue::active(std::string_view target) const {
  const auto found = targets_.find(target);
  return found != targets_.end() && (found->second->busy || !found->second->ready.empty());
}

std::optional<WallTime> DeliveryQueue::next_due() const {
  if (times_.empty()) return std::nullopt;
  return times_.begin()->first;
}

std::optional<SlotId> DeliveryQueue::pop_due(WallTime now) {
  if (times_.empty() || times_.begin()->first > now) return std::nullopt;
  const auto index = times_.begin()->second;
  clear_due(index);
  return SlotId{index, slots_[index].generation};
}

// Small is first: high priority, then age. The order wraps after 4 thousand million deliveries, which at worst swaps two.
std::uint64_t DeliveryQueue::rank(const Slot& slot) const noexcept {
  return (std::uint64_t{2} - static_cast<std::uint64_t>(slot.priority)) << 32U | slot.order;
}

void DeliveryQueue::leave_phase(std::uint32_t index) {
  auto& slot = slots_[index];
  auto& target = *slot.target;
  if (slot.phase == Phase::ready) target.ready.erase({rank(slot), index});
  if (slot.phase == Phase::running) {
    --running_;
    target.busy = false;
    announce(target);
  }
  slot.phase = Phase::idle;
}

void DeliveryQueue::set_due(std::uint32_t index, WallTime due) {
  clear_due(index);
  auto& slot = slots_[index];
  slot.due = due;
  slot.timed = true;
  times_.emplace(due, index);
}

void DeliveryQueue::clear_due(std::uint32_t index) {
  auto& slot = slots_[index];
  if (std::exchange(slot.timed, false)) times_.erase({slot.due, index});
}

void DeliveryQueue::announce(Target& target) {
  if (target.busy || target.queued || target.ready.empty()) return;
  target.queued = true;
  const auto& best = slots_[target.ready.begin()->second];
  ready_[static_cast<std::size_t>(best.priority)].push_back(&target);
}

void DeliveryQueue::drop_if_empty(Target& target) {
  if (target.first != kNone || target.queued || target.busy) return;
  targets_.erase(std::string_view(target.name));
}

}  // namespace herald::push
