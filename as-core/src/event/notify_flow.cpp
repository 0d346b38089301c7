// The way of a NOTIFY: wanted, ready, asked for, out, answered. At most one per subscription (PS-74), as many at once as the node
// bears, and a few a turn, so that telling many of one change does not hold up the shard.
#include <algorithm>
#include <utility>

#include "event/event_catalog.h"
#include "event/event_field.h"
#include "event/notify_rules.h"
#include "event/subscription_manager.h"

namespace herald::event {
namespace {

constexpr std::uint32_t kWriteAhead = 4;  // numbers left when the next block is written
constexpr unsigned kPerTurn = 32;
constexpr Duration kReserveRetry = std::chrono::seconds(1);
constexpr std::size_t kFixedBytes = 520;  // of a NOTIFY: Via, Max-Forwards, names, Subscription-State, Content-*, User-Agent

// A last NOTIFY tells the state only when the subscriber is still entitled to it.
bool tells_state(EndReason reason) noexcept {
  return reason == EndReason::timeout || reason == EndReason::invariant || reason == EndReason::none;
}

std::size_t room_for_content(const Subscription& subscription, const std::string& allow_events, std::size_t limit) {
  const auto& dialog = subscription.dialog;
  std::size_t used = kFixedBytes + subscription.event_params.size() + dialog.remote_target.size() + dialog.local_address.size() +
                     dialog.local_tag.size() + dialog.remote_address.size() + dialog.remote_tag.size() + dialog.call_id.size() +
                     dialog.local_contact.size() + allow_events.size();
  for (const auto& route : dialog.route_set) used += route.size() + 9;
  return limit > used ? limit - used : 0;
}

std::optional<std::chrono::seconds> retry_after(const SipMessage& response) {
  const auto value = response.headers.get("Retry-After");
  if (!value) return std::nullopt;
  SipHeaders headers;  // the same digits as Expires; a comment or parameter may follow
  headers.add("Expires", std::string(value->substr(0, value->find_first_not_of("0123456789"))));
  const auto seconds = expires_of(headers);
  return seconds ? *seconds : std::nullopt;
}

}  // namespace

void SubscriptionManager::want(Slot slot, NotifyCause cause) {
  auto& activity = wake(slot);
  activity.wanted = activity.wanted ? weightier(*activity.wanted, cause) : cause;
  if (is_exempt(cause)) activity.not_before = {};
  if (activity.held || activity.asking || activity.transaction || activity.queued) return;
  // What answers a SUBSCRIBE or a decision goes at once (PS-65), whoever else is slow to answer. A change never does: what the
  // module does in one turn becomes one NOTIFY (PS-76), and many ends at once take turns.
  const bool free = ready_.empty() && outstanding_ < parts_.max_outstanding;
  if (cause == NotifyCause::change || (cause == NotifyCause::ended && !free)) return enqueue(slot);
  send_next(slot);
}

void SubscriptionManager::enqueue(Slot slot) {
  auto& activity = *table_[slot].activity;
  if (activity.queued) return;
  activity.queued = true;
  clear_timer(activity);
  ready_.push_back(table_.handle(slot));
  metrics_.ready.add(1);
  run_ready_later();
}

void SubscriptionManager::run_ready_later() {
  if (running_ready_ || ready_.empty() || outstanding_ >= parts_.max_outstanding) return;
  running_ready_ = true;
  parts_.executor.complete([weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->stopped_) self->run_ready();
  });
}

void SubscriptionManager::run_ready() {
  running_ready_ = false;
  for (unsigned done = 0; done < kPerTurn && !ready_.empty() && outstanding_ < parts_.max_outstanding; ++done) {
    const auto handle = ready_.front();
    ready_.pop_front();
    metrics_.ready.add(-1);
    const auto* const entry = table_.find(handle);
    if (entry == nullptr || !entry->activity) continue;
    entry->activity->queued = false;
    send_next(handle.slot);
  }
  run_ready_later();
}

// What is to be done next for an entry that may be busy.
void SubscriptionManager::schedule(Slot slot) {
  auto& entry = table_[slot];
  if (!entry.activity) return;
  auto& activity = *entry.activity;
  if (activity.held || activity.asking || activity.transaction || activity.queued) return;
  if (activity.wanted) return enqueue(slot);
  if (activity.subscription && entry.status == SubscriptionStatus::active && !entry.fetch) {
    const auto longest = longest_interval(activity.subscription->info.rates, activity.history, now());
    if (longest) return set_timer(slot, (entry.last_notify == TimePoint{} ? now() : entry.last_notify) + *longest);
  }
  clear_timer(activity);
  rest(slot);
}

void SubscriptionManager::send_next(Slot slot) {
  auto* const subscription = opened(slot);
  if (subscription == nullptr) return;
  auto& entry = table_[slot];
  auto& activity = *entry.activity;
  if (!activity.wanted || activity.held || activity.asking || activity.transaction) return schedule(slot);
  const auto handle = table_.handle(slot);
  const auto cause = *activity.wanted;
  auto due = activity.not_before;
  if (!is_exempt(cause) && entry.last_notify != TimePoint{}) {
    due = std::max(due, entry.last_notify + least_interval(subscription->info.rates, package_of(entry).rules().max_rate));
  }
  if (due > now()) return set_timer(slot, due);
  if (entry.cseq >= entry.cseq_reserved) return spawn(reserve(handle));  // which schedules it again
  clear_timer(activity);
  activity.wanted.reset();
  const bool active = entry.status == SubscriptionStatus::active || (entry.status == SubscriptionStatus::terminated &&
                                                                     activity.was_active && tells_state(subscription->reason));
  if (!active) return send_notify(slot, cause, NotifyContent());
  activity.asking = true;
  spawn(ask(handle, cause));
}

// ST-40: numbers are used only after they are written down.
Task<void> SubscriptionManager::reserve(EntryHandle handle) {
  const auto self = shared_from_this();
  auto* entry = table_.find(handle);
  if (entry == nullptr || !entry->activity || entry->activity->reserving || entry->fetch) co_return;
  auto* const subscription = opened(handle.slot);
  if (subscription == nullptr) co_return;
  entry->activity->reserving = true;
  const auto reserved = entry->cseq + kCSeqBlock;
  auto writing = write(*entry, *subscription);
  const auto written = co_await writing;
  entry = table_.find(handle);
  if (stopped_ || entry == nullptr || !entry->activity) co_return;
  entry->activity->reserving = false;
  if (written) {
    entry->cseq_reserved = std::max(entry->cseq_reserved, reserved);
  } else {
    store_failed(written.error());
    if (entry->cseq >= entry->cseq_reserved) entry->activity->not_before = now() + kReserveRetry;
  }
  schedule(handle.slot);
}

Task<void> SubscriptionManager::ask(EntryHandle handle, NotifyCause cause) {
  const auto self = shared_from_this();
  NotifyContent content;
  bool threw = false;
  {
    const auto& entry = table_[handle.slot];
    const auto& subscription = *entry.activity->subscription;
    auto& package = package_of(entry);
    NotifyWish wish;
    wish.cause = entry.fetch ? NotifyCause::initial : cause;
    auto info = info_of(entry, subscription);
    try {
      wish.room = room_for_content(subscription, allow_events_, package.rules().max_request_bytes);
      auto asking = package.content(std::move(info), wish);
      content = co_await std::move(asking);
    } catch (...) {
      threw = true;
      package_threw("content");
    }
  }
  auto* const entry = table_.find(handle);
  if (stopped_ || entry == nullptr || !entry->activity) co_return;
  auto& activity = *entry->activity;
  activity.asking = false;
  if ((content.nothing || threw) && cause == NotifyCause::change && !activity.forced) {
    metrics_.nothing_to_tell.add();
    schedule(handle.slot);
    co_return;
  }
  activity.forced = false;
  send_notify(handle.slot, cause, std::move(content));
}

SipMessage SubscriptionManager::make_notify(Entry& entry, Subscription& subscription) {
  const auto& info = subscription.info;
  subscription.dialog.local_cseq = entry.cseq++;
  auto message = subscription.dialog.make_request("NOTIFY");
  auto& headers = message.headers;
  headers.add("Event", event_text(info.package, info.event_id, subscription.event_params));
  StateField state;
  state.status = entry.fetch ? SubscriptionStatus::terminated : entry.status;
  if (state.status == SubscriptionStatus::terminated) {
    state.reason = entry.fetch ? EndReason::timeout : subscription.reason;
    state.retry_after = subscription.retry_after;
  } else {
    state.expires = std::chrono::floor<std::chrono::seconds>(info.expires - wall());
    state.rates = info.rates;
  }
  headers.add("Subscription-State", state_text(state));
  headers.add("Allow-Events", allow_events_);
  if (!subscription.icid.empty()) headers.add("P-Charging-Vector", "icid-value=\"" + subscription.icid + "\"");
  return message;
}

void SubscriptionManager::send_notify(Slot slot, NotifyCause cause, NotifyContent content) {
  auto& entry = table_[slot];
  auto& activity = *entry.activity;
  const auto handle = table_.handle(slot);
  auto message = make_notify(entry, *activity.subscription);
  activity.out_cause = cause;
  activity.batch = content.batch;
  activity.more = content.more;
  activity.etag = content.etag;
  if (!content.etag.empty()) message.headers.add("SIP-ETag", content.etag);
  const auto suppress = std::exchange(activity.suppress, {});
  const bool spare_body = !suppress.empty() && (suppress == "*" || (!content.etag.empty() && suppress == content.etag));
  if (!spare_body) {
    for (auto& header : content.headers) message.headers.add(std::move(header.name), std::move(header.value));
    if (!content.type.empty()) {
      message.headers.add("Content-Type", std::move(content.type));
      message.body = std::move(content.body);
    }
  } else if (activity.batch != 0) {
    // What was to go in the body did not: the package has it back.
    const auto info = info_of(entry, *activity.subscription);
    NotifyOutcome outcome;
    outcome.origin = ResponseOrigin::cancelled;
    activity.held = true;
    guarded("notified", [&] { package_of(entry).notified(info, activity.batch, outcome); });
    activity.held = false;
    activity.batch = 0;
  }
  entry.last_notify = now();
  if (const auto rate = activity.subscription->info.rates.adaptive_min_rate) {
    auto& history = activity.history;
    history.push_back(entry.last_notify);
    const auto begin = entry.last_notify - history_period(*rate);
    std::erase_if(history, [begin](TimePoint sent) { return sent < begin; });
    if (history.size() > 64) history.erase(history.begin());
  }
  ++outstanding_;
  metrics_.outstanding.add(1);
  activity.transaction =
      parts_.stack.send(std::move(message), Deadline::never(), [weak = weak_from_this(), handle](sip::ClientResult result) {
        const auto self = weak.lock();
        if (self && !self->stopped_ && result.response.status() >= 200) self->on_final(handle, std::move(result));
      });
  if (entry.cseq + kWriteAhead >= entry.cseq_reserved && entry.status != SubscriptionStatus::terminated) spawn(reserve(handle));
}

void SubscriptionManager::on_final(EntryHandle handle, sip::ClientResult result) {
  --outstanding_;
  metrics_.outstanding.add(-1);
  run_ready_later();
  auto* const entry = table_.find(handle);
  if (entry == nullptr || !entry->activity) return;
  auto& activity = *entry->activity;
  destroy_later(std::move(activity.transaction));
  const auto status = result.response.status();
  const auto verdict = verdict_of(status, result.origin);
  const bool last = entry->fetch || activity.out_cause == NotifyCause::ended;
  metrics_.notify(verdict == NotifyVerdict::delivered      ? NotifyResult::delivered
                  : result.origin == ResponseOrigin::timer ? NotifyResult::timed_out
                  : result.origin == ResponseOrigin::peer  ? NotifyResult::refused
                                                           : NotifyResult::failed_locally);
  if (verdict == NotifyVerdict::delivered && !last) {
    entry->etag = std::exchange(activity.etag, {});
    take_rates(handle.slot, result.response);
  }
  const auto wait = retry_after(result.response);
  if (const auto batch = std::exchange(activity.batch, 0); batch != 0) {
    NotifyOutcome outcome;
    outcome.status = status;
    outcome.origin = result.origin;
    outcome.response = std::move(result.response);
    outcome.subscription_ended = last || verdict == NotifyVerdict::remove;
    const auto info = info_of(*entry, *activity.subscription);
    activity.held = true;  // whatever the module does about it now waits for us
    guarded("notified", [&] { package_of(*entry).notified(info, batch, outcome); });
    activity.held = false;
  }
  if (last)
    return finish(handle.slot,
                  activity.subscription->reason == EndReason::none ? EndReason::timeout : activity.subscription->reason);
  if (verdict == NotifyVerdict::remove) {
    log::debug("subscription ended by its NOTIFY", {{"status", status}, {"origin", to_string(result.origin)}});
    return finish(handle.slot, activity.subscription->reason);
  }
  if (verdict == NotifyVerdict::delivered) {
    activity.failures = 0;
    if (activity.more) want(handle.slot, NotifyCause::change);
  } else {
    entry->etag.clear();
    activity.wanted = activity.wanted ? weightier(*activity.wanted, activity.out_cause) : activity.out_cause;
    if (*activity.wanted != NotifyCause::ended) activity.not_before = now() + retry_delay(activity.failures, wait);
    ++activity.failures;
  }
  schedule(handle.slot);
}

// RFC 6446 4.2: the 2xx to a NOTIFY may ask for other rates.
void SubscriptionManager::take_rates(Slot slot, const SipMessage& response) {
  const auto text = response.headers.get("Event");
  const auto field = text ? parse_event(*text) : Expected<EventField>(fail(ErrorCode::invalid, "none"));
  auto& entry = table_[slot];
  auto& info = entry.activity->subscription->info;
  if (!field || field->package != info.package || entry.status == SubscriptionStatus::terminated) return;
  const auto left = std::chrono::floor<std::chrono::seconds>(info.expires - wall());
  const auto rates = used_rates(field->rates, left, package_of(entry).rules().max_rate);
  if (rates == info.rates) return;
  info.rates = rates;
  spawn(write_behind(table_.handle(slot)));
}

void SubscriptionManager::clear_timer(Activity& activity) {
  if (activity.timer) parts_.executor.timers().cancel(activity.timer);
  activity.timer = {};
}

void SubscriptionManager::set_timer(Slot slot, TimePoint due) {
  auto& activity = *table_[slot].activity;
  clear_timer(activity);
  activity.timer = parts_.executor.timers().start_at(due, [weak = weak_from_this(), handle = table_.handle(slot)] {
    const auto self = weak.lock();
    if (self && !self->stopped_) self->on_timer(handle);
  });
}

void SubscriptionManager::on_timer(EntryHandle handle) {
  auto* const entry = table_.find(handle);
  if (entry == nullptr || !entry->activity) return;
  auto& activity = *entry->activity;
  activity.timer = {};
  if (!activity.wanted) {  // min-rate, adaptive-min-rate
    activity.wanted = NotifyCause::change;
    activity.forced = true;
  }
  schedule(handle.slot);
}

}  // namespace herald::event
