#include "event/watch_client.h"

#include <algorithm>
#include <array>

#include "event/watch_events.h"
#include "herald/log.h"
#include "herald/metrics.h"

namespace herald::event {
namespace {

using std::chrono::seconds;

constexpr seconds kLongest = std::chrono::hours(24 * 30);  // of what a Min-Expires may ask
constexpr unsigned kMostRaises = 3;                        // 423 in a row
constexpr Duration kShortLife = seconds(10);
constexpr Duration kSoonestRetry = seconds(5);  // of a refresh

const metrics::Gauge& watches_gauge() {
  static const auto gauge = metrics::gauge("herald_event_watches_count", "Subscriptions of our own");
  return gauge;
}

void count_subscribe(int status, bool local) {
  static const std::array<metrics::Counter, 7> counters = [] {
    std::array<metrics::Counter, 7> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = metrics::counter("herald_event_subscribe_responses_total", "Final responses to SUBSCRIBEs of our own",
                                {{"class", i == 0 ? "none" : std::to_string(i) + "xx"}});
    }
    return all;
  }();
  const auto index = local ? 0 : static_cast<std::size_t>(std::clamp(status, 100, 699)) / 100;
  counters[index].add();
}

void count_notify(int status) {
  const auto make = [](std::string_view answer) {
    return metrics::counter("herald_event_notifies_received_total", "NOTIFYs for subscriptions of our own", {{"answer", answer}});
  };
  static const auto good = make("200");
  static const auto unmatched = make("481");
  static const auto package = make("489");
  static const auto type = make("415");
  static const auto other = make("other");
  switch (status) {
    case 200:
      return good.add();
    case 481:
      return unmatched.add();
    case 489:
      return package.add();
    case 415:
      return type.add();
    default:
      return other.add();
  }
}

std::string uri_in(const std::string& address) {
  const auto parsed = NameAddr::parse(address);
  return parsed ? parsed->uri : address;
}

Future<void> done_already() { return ready<void>(Expected<void>()); }

}  // namespace

struct WatchClient::Watch : std::enable_shared_from_this<Watch> {
  WatchId id = 0;
  SubscribePlan plan;
  Watcher* watcher = nullptr;
  EventValue event;
  seconds wanted{};
  dialog::DialogState dialog;
  std::string key;        // in dialogs_; empty: in none
  bool answered = false;  // 2xx in this dialog
  bool ending = false;    // a fetch, or to be un-subscribed
  bool ending_sent = false;
  bool refresh_wanted = false;
  bool gone = false;
  std::unique_ptr<sip::ClientTransaction> transaction;
  std::uint32_t attempt = 0;  // of the transaction
  std::optional<SubscriptionStatus> status;
  int last_status = 0;
  seconds span{};  // granted
  unsigned raises = 0;
  unsigned failures = 0;
  unsigned short_lives = 0;
  TimePoint began{};
  TimePoint expires{};
  TimerId timer_n, refresh, expiry, again;
  std::vector<Promise<void>> done;

  [[nodiscard]] bool has_dialog() const noexcept { return dialog.state == dialog::State::confirmed; }
  [[nodiscard]] bool fetch() const noexcept { return plan.expires.count() == 0; }
};

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

void WatchClient::answered(const WatchPtr& watch, sip::ClientResult result) {
  side_.destroy_later(std::move(watch->transaction));
  const auto status = result.response.status();
  const bool local = result.origin != ResponseOrigin::peer;
  count_subscribe(status, local);
  watch->last_status = status;
  if (status < 300) return accepted(watch, result.response);
  if (status == 423 && !local) return too_brief(watch, result.response);
  refused(watch, result);
}

void WatchClient::accepted(const WatchPtr& watch, const SipMessage& response) {
  const bool first = !watch->answered;
  watch->answered = true;
  watch->raises = 0;
  auto& dialog = watch->dialog;
  if (!watch->has_dialog()) {
    // Good for un-subscribing before the first NOTIFY; which fork's dialog it is, the NOTIFY says.
    if (dialog.remote_tag.empty()) static_cast<void>(dialog::complete_uac_dialog(dialog, response));
  } else if (dialog::tag_of(response.headers.get("To").value_or("")) == dialog.remote_tag) {
    refresh_target(dialog, response);
  }
  if (watch->ending) {
    if (!watch->ending_sent) {
      watch->ending_sent = true;
      send(*watch, seconds(0));
    }
    return;
  }
  const auto span = delta_seconds(response.headers.get("Expires"));
  granted(*watch, std::min(watch->wanted, span.value_or(watch->wanted)));
  if (first) {
    WatchProgress what;
    what.stage = WatchProgress::Stage::accepted;
    what.status = watch->last_status;
    what.expires = watch->span;
    progress(watch, what);
  }
  if (!watch->gone && !watch->transaction && watch->refresh_wanted && watch->has_dialog()) send(*watch, watch->wanted);
}

void WatchClient::too_brief(const WatchPtr& watch, const SipMessage& response) {
  const auto least = delta_seconds(response.headers.get("Min-Expires"));
  const bool fit = least && *least > watch->wanted && *least <= kLongest && ++watch->raises <= kMostRaises;
  if (!fit || watch->ending) {
    sip::ClientResult result;
    result.response = response;
    return refused(watch, result);
  }
  watch->wanted = *least;
  send(*watch, watch->wanted);
}

void WatchClient::refused(const WatchPtr& watch, const sip::ClientResult& result) {
  const auto status = result.response.status();
  const bool local = result.origin != ResponseOrigin::peer;
  const auto retry_after = delta_seconds(result.response.headers.get("Retry-After"));
  if (watch->ending) {
    if (watch->ending_sent || !watch->has_dialog() || status == 481) return ended(watch, EndReason::none, std::nullopt);
    watch->ending_sent = true;  // it was the refresh that failed
    return send(*watch, seconds(0));
  }
  if (watch->has_dialog()) {
    switch (refresh_refused(status, local)) {
      case RefreshVerdict::new_dialog:
        return ended(watch, EndReason::none, Duration::zero());
      case RefreshVerdict::later: {
        const auto left = watch->expires - side_.executor.clock().now();
        const Duration pause = std::max<Duration>({kSoonestRetry, retry_after.value_or(seconds(0)), left / 4});
        return arm(*watch, watch->refresh, pause, &WatchClient::on_refresh);  // or the expiry comes first
      }
      case RefreshVerdict::lost:
        break;
    }
  }
  ++watch->failures;
  const auto again = again_after_refusal(status, local, retry_after, watch->failures, side_.jitter());
  if (!again) {
    log::event(events::kWatchRefused, {{"status", status},
                                       {"package", watch->event.package},
                                       {"to", log::identity(uri_in(watch->plan.to))},
                                       {"trace", watch->plan.trace}});
  }
  ended(watch, EndReason::none, again);
}

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
                                 {"to", log::identity(uri_in(watch->plan.to))},
                                 {"trace", watch->plan.trace}});
  ++watch->failures;
  ended(watch, EndReason::none, watch->fetch() ? std::nullopt : std::optional(back_off(watch->failures, side_.jitter())));
}

void WatchClient::granted(Watch& watch, seconds span) {
  watch.span = span;
  watch.expires = side_.executor.clock().now() + span;
  arm(watch, watch.refresh, refresh_after(span, side_.jitter()), &WatchClient::on_refresh);
  arm(watch, watch.expiry, span, &WatchClient::on_expiry);
}

void WatchClient::adjust(Watch& watch, const StateValue& state) {
  if (!state.expires) {
    if (watch.span.count() == 0) granted(watch, watch.wanted);  // it overtook the 200
    return;
  }
  // The NOTIFY has the last word (RFC 6665 4.1.3). Those that only count down must not put off the refresh.
  const auto span = std::min(*state.expires, kLongest);
  const auto known = watch.expires - side_.executor.clock().now();
  const auto change = known > Duration(span) ? known - Duration(span) : Duration(span) - known;
  if (watch.span.count() == 0 || change > Duration(watch.span) / 10) granted(watch, span);
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
