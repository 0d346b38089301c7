// Subscriptions whose refresh did not come (PS-71), and the end of any. Many may expire in one second: a few a turn.
#include <algorithm>

#include "event/subscription_manager.h"

namespace herald::event {
namespace {

constexpr unsigned kPerTurn = 64;
constexpr Duration kBackPressure = std::chrono::milliseconds(20);
constexpr std::chrono::seconds kLongestSleep{60};  // the wall clock may be set

}  // namespace

bool SubscriptionManager::mark_ended(Slot slot, const End& end) {
  auto& entry = table_[slot];
  if (entry.status == SubscriptionStatus::terminated) return false;
  auto* const subscription = opened(slot);
  if (subscription == nullptr) return false;
  entry.activity->was_active = entry.status == SubscriptionStatus::active;
  entry.status = SubscriptionStatus::terminated;
  subscription->reason = end.reason;
  subscription->retry_after = end.retry_after;
  subscription->by_subscriber = end.by_subscriber;
  table_.set_expiry(slot, 0);
  return true;
}

void SubscriptionManager::arm_expiry() {
  const auto next = table_.next_expiry();
  if (!next || expiring_ || (expiry_timer_ && expiry_at_ <= *next)) return;
  parts_.executor.timers().cancel(expiry_timer_);
  expiry_at_ = *next;
  const auto delay = std::clamp<Duration>(WallTime(std::chrono::seconds(*next)) - wall(), Duration::zero(), kLongestSleep);
  expiry_timer_ = parts_.executor.timers().start_at(now() + delay, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->expiry_timer_ = {};
    self->run_expiry();
  });
}

void SubscriptionManager::run_expiry() {
  expiring_ = false;
  const auto second = std::chrono::floor<std::chrono::seconds>(wall().time_since_epoch()).count();
  const auto current = static_cast<std::uint32_t>(std::clamp<std::int64_t>(second, 0, UINT32_MAX));
  for (unsigned done = 0; done < kPerTurn && ready_.size() + outstanding_ < parts_.max_outstanding; ++done) {
    const auto slot = table_.expired(current);
    if (slot == kNoSlot) return arm_expiry();
    // The record says itself that it is over: nothing to write before the NOTIFY. One that had ended before a restart waits here
    // for its last NOTIFY.
    const auto handle = table_.handle(slot);
    if (!mark_ended(slot, End{}) && table_.find(handle) != nullptr) table_.set_expiry(slot, 0);
    if (table_.find(handle) != nullptr) want(slot, NotifyCause::ended);
  }
  if (table_.expired(current) == kNoSlot) return arm_expiry();
  expiring_ = true;
  const auto go_on = [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->stopped_) self->run_expiry();
  };
  if (ready_.size() + outstanding_ < parts_.max_outstanding) return parts_.executor.complete(go_on);
  expiry_timer_ = parts_.executor.timers().start_at(now() + kBackPressure, [weak = weak_from_this(), go_on] {
    if (const auto self = weak.lock()) self->expiry_timer_ = {};
    go_on();
  });
}

void SubscriptionManager::finish(Slot slot, EndReason reason) {
  auto& entry = table_[slot];
  entry.status = SubscriptionStatus::terminated;
  auto* const subscription = opened(slot);
  if (subscription == nullptr) return;
  auto info = info_of(entry, *subscription);
  const bool by_subscriber = subscription->by_subscriber;
  auto& package = package_of(entry);
  clear_timer(*entry.activity);
  destroy_later(std::move(entry.activity->transaction));
  const bool fetch = entry.fetch;
  if (!fetch) {
    metrics_.ended(reason);
    metrics_.subscriptions.add(-1);
    spawn(erase_behind(erase_record(entry, info.resource, Durability::relaxed)));
  }
  --busy_;
  table_.erase(slot);
  if (!fetch) guarded("ended", [&] { package.ended(info, reason, by_subscriber); });
}

}  // namespace herald::event
