// The NOTIFYs for subscriptions of our own, and what it means when none comes. See watch_client.h.
#include <algorithm>

#include "event/watch.h"
#include "event/watch_events.h"
#include "event/watch_metrics.h"
#include "herald/log.h"

namespace herald::event {
namespace {

using std::chrono::seconds;

constexpr Duration kShortLife = seconds(10);

}  // namespace

std::optional<NotifyAnswer> WatchClient::take(const SipMessage& notify, const AnswerLater& later) {
  const auto found = dialogs_.find(usage_key(notify));
  if (found == dialogs_.end()) return std::nullopt;
  auto answer = notified(found->second->shared_from_this(), notify, later);
  count_notify(answer.status);
  return answer;
}

NotifyAnswer WatchClient::notified(const WatchPtr& watch, const SipMessage& notify, const AnswerLater& later) {
  auto& dialog = watch->dialog;
  const auto tag = dialog::tag_of(notify.headers.get("From").value_or(""));
  // The first dialog is kept, those of other forks are refused (PR-6, AS-62).
  if (tag.empty() || (watch->has_dialog() && tag != dialog.remote_tag)) return {481};
  const auto event = EventValue::parse(notify.headers.get("Event").value_or(""));
  if (!event) return {400};
  if (event->package != watch->event.package) return {489, {{"Allow-Events", watch->event.package}}};
  if (event->id != watch->event.id) return {481};
  const auto state = StateValue::parse(notify.headers.get("Subscription-State").value_or(""));
  if (!state) return {400};
  const auto cseq = dialog::CSeq::parse(notify.headers.get("CSeq").value_or(""));
  if (!cseq || !dialog.take_remote_cseq(cseq->number, "NOTIFY")) return {500};

  if (watch->has_dialog()) {
    refresh_target(dialog, notify);
  } else {
    adopt_notify(dialog, notify);
  }
  if (!watch->ending || watch->fetch()) disarm(watch->timer_n);
  watch->failures = 0;
  NotifyAnswer answer;
  answer.status = tell(watch, notify, *state, later, answer.headers);
  if (!watch->gone) told(watch, *state);
  return answer;
}

int WatchClient::tell(const WatchPtr& watch, const SipMessage& notify, const StateValue& state, const AnswerLater& later,
                      std::vector<SipHeaderField>& headers) {
  bool deferred = false;
  Notification notification{notify, state.status, state.reason, state.retry_after, state.expires, [&] {
                              auto answerer = later ? later() : nullptr;
                              deferred = answerer != nullptr;
                              return answerer;
                            }};
  try {
    const auto status = watch->watcher->on_notify(watch->id, notification, headers);
    if (status == 0 && deferred) return 0;
    return status >= 200 && status < 700 ? status : 200;
  } catch (const std::exception& error) {
    log::event(events::kWatcherThrew, {{"cause", error.what()}});
  } catch (...) {
    log::event(events::kWatcherThrew, {{"cause", "not a std::exception"}});
  }
  headers.clear();
  return 500;
}

void WatchClient::told(const WatchPtr& watch, const StateValue& state) {
  if (state.status == SubscriptionStatus::terminated || (watch->fetch() && watch->ending)) {
    if (watch->ending) return ended(watch, state.reason, std::nullopt);
    const auto life = side_.executor.clock().now() - watch->began;
    const auto again = again_after_end(state, life < kShortLife ? watch->short_lives : 0, side_.jitter());
    watch->short_lives = life < kShortLife ? watch->short_lives + 1 : 0;
    return ended(watch, state.reason, again);
  }
  if (!watch->ending) adjust(*watch, state);
  if (watch->status != state.status) {
    watch->status = state.status;
    WatchProgress what;
    what.stage = state.status == SubscriptionStatus::pending ? WatchProgress::Stage::pending : WatchProgress::Stage::active;
    what.status = watch->last_status;
    what.expires = watch->span;
    progress(watch, what);
  }
}

void WatchClient::no_notify(const WatchPtr& watch) {
  // An orderly end without its last NOTIFY is an end all the same.
  if (watch->ending && !watch->fetch()) return ended(watch, EndReason::none, std::nullopt);
  log::event(events::kNoNotify, {{"package", watch->event.package},
                                 {"status", watch->last_status},
                                 {"to", log::identity(watch->whom())},
                                 {"trace", watch->plan.trace}});
  ++watch->failures;
  ended(watch, EndReason::none, watch->fetch() ? std::nullopt : std::optional(back_off(watch->failures, side_.jitter())));
}

void WatchClient::adjust(Watch& watch, const StateValue& state) {
  if (!state.expires) {
    if (watch.span.count() == 0) granted(watch, watch.wanted);  // it overtook the 200
    return;
  }
  // The NOTIFY has the last word (RFC 6665 4.1.3). Those that only count down must not put off the refresh.
  const auto span = std::min(*state.expires, kLongestWatch);
  const auto known = watch.expires - side_.executor.clock().now();
  const auto change = known > Duration(span) ? known - Duration(span) : Duration(span) - known;
  if (watch.span.count() == 0 || change > Duration(watch.span) / 10) granted(watch, span);
}

}  // namespace herald::event
