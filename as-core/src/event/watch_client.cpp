#include "event/watch_client.h"

#include "event/watch.h"
#include "event/watch_events.h"
#include "event/watch_metrics.h"
#include "herald/log.h"

namespace herald::event {
namespace {

using std::chrono::seconds;

Future<void> done_already() { return ready<void>(Expected<void>()); }

}  // namespace

std::shared_ptr<WatchClient> WatchClient::make(ClientSide side) {
  return std::shared_ptr<WatchClient>(new WatchClient(std::move(side)));
}

WatchClient::WatchClient(ClientSide side) : side_(std::move(side)) {}

WatchClient::~WatchClient() { stop(); }

WatchClient::WatchPtr WatchClient::find(WatchId id) const {
  const auto found = watches_.find(id);
  return found == watches_.end() ? nullptr : found->second;
}

Expected<WatchId> WatchClient::subscribe(SubscribePlan plan, Watcher& watcher) {
  if (stopped_) return fail(ErrorCode::gone, "the shard stops");
  if (watches_.size() >= side_.max) {
    log::event(events::kWatchLimit, {{"limit", side_.max}});
    return fail(ErrorCode::busy, "limit of subscriptions reached");
  }
  auto event = EventValue::parse(plan.event);
  if (!event || !one_line(plan.event)) return fail(ErrorCode::invalid, "Event is malformed");
  for (const auto& header : plan.headers) {
    if (header.name.empty() || !one_line(header.name) || !one_line(header.value)) {
      return fail(ErrorCode::invalid, "a header field must be one line");
    }
  }
  for (const auto& type : plan.accept)
    if (!one_line(type)) return fail(ErrorCode::invalid, "Accept must be one line");
  if (plan.expires.count() < 0) return fail(ErrorCode::invalid, "expires is negative");
  if (auto dialog = side_.open(plan.from, plan.to, plan.uri, plan.routes); !dialog) return fail(dialog.error());

  auto watch = std::make_shared<Watch>();
  watch->id = next_++;
  watch->event = std::move(*event);
  watch->wanted = plan.expires;
  watch->plan = std::move(plan);
  watch->watcher = &watcher;
  watch->ending = watch->fetch();
  watch->ending_sent = watch->ending;
  const auto id = watch->id;
  watches_.emplace(id, watch);
  watches_gauge().add(1);
  begin(*watch);
  return id;
}

bool WatchClient::begin(Watch& watch) {
  leave_dialog(watch);
  auto dialog = side_.open(watch.plan.from, watch.plan.to, watch.plan.uri, watch.plan.routes);
  if (!dialog) return false;  // cannot be: it was looked at before
  watch.dialog = std::move(*dialog);
  watch.key = usage_key(watch.dialog.call_id, watch.dialog.local_tag);
  watch.began = side_.executor.clock().now();
  dialogs_.emplace(watch.key, &watch);
  send(watch, watch.wanted);
  return true;
}

void WatchClient::send(Watch& watch, seconds expires) {
  const auto& plan = watch.plan;
  auto message = watch.dialog.make_request("SUBSCRIBE");
  message.headers.add("Event", plan.event);
  message.headers.add("Expires", std::to_string(expires.count()));
  for (const auto& type : plan.accept) message.headers.add("Accept", type);
  for (const auto& header : plan.headers) message.headers.add(header.name, header.value);
  watch.refresh_wanted = false;
  const auto attempt = ++watch.attempt;
  // RFC 6665 4.1.2.4: a new subscription, and a last NOTIFY, are waited for no longer than this.
  if (!watch.has_dialog() || expires.count() == 0) arm(watch, watch.timer_n, side_.timer_n, &WatchClient::no_notify);
  watch.transaction = side_.stack.send(std::move(message), Deadline::never(),
                                       [weak = weak_from_this(), id = watch.id, attempt](sip::ClientResult result) {
                                         const auto self = weak.lock();
                                         if (!self || result.response.is_request() || result.response.status() < 200) return;
                                         const auto found = self->find(id);
                                         if (found && found->attempt == attempt) self->answered(found, std::move(result));
                                       });
}

void WatchClient::on_refresh(const WatchPtr& watch) {
  if (watch->ending) return;
  watch->refresh_wanted = true;
  if (watch->has_dialog() && !watch->transaction) send(*watch, watch->wanted);
}

void WatchClient::on_expiry(const WatchPtr& watch) {
  if (watch->ending || !watch->has_dialog()) return;  // Timer N will end it
  ++watch->failures;
  ended(watch, EndReason::timeout, watch->failures > 1 ? back_off(watch->failures - 1, side_.jitter()) : Duration::zero());
}

void WatchClient::leave_dialog(Watch& watch) {
  disarm(watch.timer_n);
  disarm(watch.refresh);
  disarm(watch.expiry);
  disarm(watch.again);
  ++watch.attempt;  // a late response belongs to nothing
  side_.destroy_later(std::move(watch.transaction));
  if (!watch.key.empty()) dialogs_.erase(watch.key);
  watch.key.clear();
  watch.dialog = {};
  watch.answered = false;
  watch.refresh_wanted = false;
  watch.raises = 0;
  watch.span = {};
  watch.status.reset();
}

void WatchClient::ended(const WatchPtr& watch, EndReason reason, std::optional<Duration> again) {
  leave_dialog(*watch);
  if (!watch->plan.again || watch->ending) again.reset();
  WatchProgress what;
  what.stage = WatchProgress::Stage::ended;
  what.status = watch->last_status;
  what.reason = reason;
  what.again_in = again;
  if (again) {
    arm(*watch, watch->again, *again, &WatchClient::on_again);
    return progress(watch, what);
  }
  auto done = std::move(watch->done);
  forget(*watch);
  watch->gone = false;  // its owner is told once more
  progress(watch, what);
  watch->gone = true;
  for (auto& promise : done) promise.set(Expected<void>());
}

void WatchClient::on_again(const WatchPtr& watch) { begin(*watch); }

void WatchClient::refresh(WatchId id) {
  const auto watch = find(id);
  if (!watch || watch->ending) return;
  if (watch->again) {
    begin(*watch);
    return;
  }
  on_refresh(watch);
}

Future<void> WatchClient::unsubscribe(WatchId id) {
  const auto watch = find(id);
  if (!watch) return done_already();
  Promise<void> promise;
  auto future = promise.future();
  watch->done.push_back(std::move(promise));
  if (watch->ending) return future;
  if (watch->again) {  // nothing to take back
    watch->ending = true;
    ended(watch, EndReason::none, std::nullopt);
    return future;
  }
  watch->ending = true;
  disarm(watch->refresh);
  disarm(watch->expiry);
  // While a SUBSCRIBE is out, its response comes first.
  if (!watch->transaction) {
    watch->ending_sent = true;
    send(*watch, seconds(0));
  }
  return future;
}

void WatchClient::abandon(WatchId id) {
  const auto watch = find(id);
  if (!watch) return;
  auto done = std::move(watch->done);
  leave_dialog(*watch);
  forget(*watch);
  for (auto& promise : done) promise.set(Expected<void>());
}

void WatchClient::forget(Watch& watch) {
  watch.gone = true;
  if (watches_.erase(watch.id) > 0) watches_gauge().add(-1);
}

void WatchClient::stop() {
  stopped_ = true;
  while (!watches_.empty()) {
    const auto watch = watches_.begin()->second;
    leave_dialog(*watch);
    forget(*watch);
    watch->done.clear();  // Error{gone}
  }
}

void WatchClient::progress(const WatchPtr& watch, const WatchProgress& what) {
  if (watch->gone) return;
  try {
    watch->watcher->on_progress(watch->id, what);
  } catch (const std::exception& error) {
    log::event(events::kWatcherThrew, {{"cause", error.what()}});
  } catch (...) {
    log::event(events::kWatcherThrew, {{"cause", "not a std::exception"}});
  }
}

void WatchClient::arm(Watch& watch, TimerId& timer, Duration delay, void (WatchClient::*what)(const WatchPtr&)) {
  disarm(timer);
  auto& executor = side_.executor;
  timer = executor.timers().start_at(executor.clock().now() + delay,
                                     [weak = weak_from_this(), kept = std::weak_ptr(watch.shared_from_this()), &timer, what] {
                                       const auto self = weak.lock();
                                       const auto still = kept.lock();
                                       if (!self || !still) return;
                                       timer = {};  // lives in the watch
                                       if (!still->gone) (self.get()->*what)(still);
                                     });
}

void WatchClient::disarm(TimerId& timer) {
  if (timer) side_.executor.timers().cancel(timer);
  timer = {};
}

}  // namespace herald::event
