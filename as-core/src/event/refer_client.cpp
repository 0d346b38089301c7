#include "event/refer_client.h"

#include <algorithm>

#include "event/watch_events.h"
#include "herald/log.h"
#include "herald/metrics.h"

namespace herald::event {
namespace {

using std::chrono::seconds;

constexpr seconds kReportsLast = seconds(180);  // when nobody says how long
constexpr seconds kReportsAtMost = std::chrono::hours(1);
constexpr std::size_t kMaxVariants = 8;
constexpr std::string_view kFragment = "message/sipfrag;version=2.0";

void count(ReferVariant variant, bool accepted) {
  metrics::counter("herald_event_refers_total", "REFERs of our own by the variant that was answered",
                   {{"variant", to_string(variant)}, {"result", accepted ? "accepted" : "refused"}})
      .add();
}

void tell(ReferWatcher* watcher, const ReferReport& report) {
  if (watcher == nullptr) return;
  try {
    watcher->on_report(report);
  } catch (const std::exception& error) {
    log::event(events::kWatcherThrew, {{"cause", error.what()}});
  } catch (...) {
    log::event(events::kWatcherThrew, {{"cause", "not a std::exception"}});
  }
}

bool fit(const ReferPlan& plan) {
  if (plan.refer_to.empty() || !one_line(plan.refer_to) || !one_line(plan.referred_by)) return false;
  // RFC 3515 2.1: exactly one URI.
  if (split_header_list(plan.refer_to).size() != 1 || !NameAddr::parse(plan.refer_to)) return false;
  return std::all_of(plan.headers.begin(), plan.headers.end(),
                     [](const auto& header) { return !header.name.empty() && one_line(header.name) && one_line(header.value); });
}

// What its reports say so far: the same for NOTIFYs of the REFER's own dialog and of an explicit subscription.
class Reports {
 public:
  explicit Reports(std::shared_ptr<ReferWatcher> watcher) : watcher_(std::move(watcher)) {}
  void take(const SipMessage& notify, bool terminated) {
    std::optional<int> status;
    if (!notify.body.empty()) {
      status = fragment_status(notify.body);
      if (!status) log::event(events::kFragmentMalformed);
    }
    if (status && *status >= 200) final_ = *status;
    if (terminated) return finish();
    if (status) tell(watcher_.get(), ReferReport{*status, false});
  }
  void finish() {
    if (finished_) return;
    finished_ = true;
    tell(watcher_.get(), ReferReport{final_, true});
  }

 private:
  std::shared_ptr<ReferWatcher> watcher_;
  int final_ = 0;
  bool finished_ = false;
};

}  // namespace

struct ReferClient::Referral {
  Referral(ReferPlan wish, std::shared_ptr<ReferWatcher> watcher) : plan(std::move(wish)), reports(std::move(watcher)) {}
  ReferPlan plan;
  Reports reports;
  std::size_t variant_index = 0;
  dialog::DialogState dialog;
  std::string key;
  std::uint32_t cseq = 0;  // of the last REFER
  std::unique_ptr<sip::ClientTransaction> transaction;
  std::optional<Promise<ReferResult>> promise;
  TimerId timer;  // Timer N, then the end of the reports
  bool reporting = false;
  bool ended = false;  // the last report was told
  bool over = false;   // not in the table any more

  [[nodiscard]] ReferVariant variant() const { return plan.variants[variant_index]; }
  [[nodiscard]] bool has_dialog() const noexcept { return dialog.state == dialog::State::confirmed; }
};

// Reports at Refer-Events-At: a subscription of its own (RFC 7614 4.1), which ends with the last report.
class ReferClient::EventsAt final : public Watcher {
 public:
  EventsAt(std::weak_ptr<ReferClient> owner, Reports reports) : owner_(std::move(owner)), reports_(std::move(reports)) {}
  int on_notify(WatchId, const Notification& notification, std::vector<SipHeaderField>& headers) override {
    if (!is_fragment(notification.message)) {
      headers.push_back({"Accept", std::string(kFragment)});
      return 415;
    }
    reports_.take(notification.message, notification.status == SubscriptionStatus::terminated);
    return 200;
  }
  void on_progress(WatchId, const WatchProgress& progress) override {
    if (progress.stage == WatchProgress::Stage::ended) over();
  }
  void over() {
    reports_.finish();
    // The watch client is still calling: destroyed after this turn.
    if (const auto owner = owner_.lock()) owner->forget_events_at(this);
  }

 private:
  std::weak_ptr<ReferClient> owner_;
  Reports reports_;
};

std::shared_ptr<ReferClient> ReferClient::make(ClientSide side, std::shared_ptr<WatchClient> watches) {
  return std::shared_ptr<ReferClient>(new ReferClient(std::move(side), std::move(watches)));
}

ReferClient::ReferClient(ClientSide side, std::shared_ptr<WatchClient> watches)
    : side_(std::move(side)), watches_(std::move(watches)) {}

ReferClient::~ReferClient() { stop(); }

Future<ReferResult> ReferClient::refer(ReferPlan plan, std::shared_ptr<ReferWatcher> watcher) {
  if (stopped_) return ready<ReferResult>(fail(ErrorCode::gone, "the shard stops"));
  if (referrals_.size() >= side_.max) return ready<ReferResult>(fail(ErrorCode::busy, "limit of REFERs reached"));
  if (!fit(plan)) return ready<ReferResult>(fail(ErrorCode::invalid, "Refer-To or a header field is malformed"));
  if (plan.variants.empty() || plan.variants.size() > kMaxVariants) {
    return ready<ReferResult>(fail(ErrorCode::invalid, "no variant of REFER to try"));
  }
  auto dialog = side_.open(plan.from, plan.to, plan.uri, plan.routes);
  if (!dialog) return ready<ReferResult>(fail(std::move(dialog.error())));
  auto referral = std::make_shared<Referral>(std::move(plan), std::move(watcher));
  referral->dialog = std::move(*dialog);
  referral->key = usage_key(referral->dialog.call_id, referral->dialog.local_tag);
  referral->promise.emplace();
  auto future = referral->promise->future();
  referrals_.emplace(referral->key, referral);
  send(referral);
  return future;
}

void ReferClient::send(const ReferralPtr& referral) {
  const auto& plan = referral->plan;
  auto message = referral->dialog.make_request("REFER");
  referral->cseq = referral->dialog.local_cseq;
  message.headers.add("Refer-To", plan.refer_to);
  if (!plan.referred_by.empty()) message.headers.add("Referred-By", plan.referred_by);
  for (auto& header : variant_headers(referral->variant())) message.headers.add(std::move(header.name), std::move(header.value));
  for (const auto& header : plan.headers) message.headers.add(header.name, header.value);
  const auto number = referral->cseq;
  referral->transaction =
      side_.stack.send(std::move(message), Deadline::never(),
                       [weak = weak_from_this(), kept = std::weak_ptr(referral), number](sip::ClientResult result) {
                         const auto self = weak.lock();
                         const auto still = kept.lock();
                         if (!self || !still || still->over || still->cseq != number) return;
                         if (!result.response.is_request() && result.response.status() >= 200)
                           self->answered(still, std::move(result));
                       });
}

void ReferClient::answered(const ReferralPtr& referral, sip::ClientResult result) {
  side_.destroy_later(std::move(referral->transaction));
  const auto& response = result.response;
  const auto status = response.status();
  if (result.origin == ResponseOrigin::peer && variant_unsupported(referral->variant(), response) &&
      referral->variant_index + 1 < referral->plan.variants.size()) {
    ++referral->variant_index;
    return send(referral);
  }
  count(referral->variant(), status < 300);
  if (status < 300) return accepted(referral, response);
  ReferResult outcome;
  outcome.status = status;
  outcome.origin = result.origin;
  outcome.reason = response.reason();
  outcome.variant = referral->variant();
  outcome.reports = referral->reporting;
  settle(*referral, std::move(outcome));
  // A NOTIFY may have come before a 2xx that got lost: its reports go on.
  if (!referral->reporting || referral->ended) drop(referral);
}

void ReferClient::accepted(const ReferralPtr& referral, const SipMessage& response) {
  const auto what = read_accepted(referral->variant(), response);
  ReferResult outcome;
  outcome.status = response.status();
  outcome.reason = response.reason();
  outcome.variant = referral->variant();
  outcome.reports = referral->reporting || what.reports != ReferReports::none;
  settle(*referral, std::move(outcome));
  if (what.reports == ReferReports::explicit_) watch_events(referral, what.events_at);
  // NOTIFYs that came although there should be none say that there is a subscription.
  const bool more = (what.reports == ReferReports::implicit || referral->reporting) && !referral->ended;
  if (!more) return drop(referral);
  if (!referral->reporting) {
    referral->reporting = true;
    arm(referral, side_.timer_n);
  }
}

void ReferClient::watch_events(const ReferralPtr& referral, const std::string& uri) {
  SubscribePlan plan;
  plan.from = referral->plan.from;
  plan.to = uri;
  plan.uri = uri;
  plan.routes = referral->plan.routes;
  plan.event = "refer";
  plan.accept = {std::string(kFragment)};
  plan.expires = kReportsLast;
  plan.headers = referral->plan.headers;
  plan.trace = referral->plan.trace;
  plan.again = false;
  auto watcher = std::make_unique<EventsAt>(weak_from_this(), referral->reports);
  auto& kept = *watcher;
  events_at_.emplace(&kept, std::move(watcher));
  if (!watches_->subscribe(std::move(plan), kept)) kept.over();
}

void ReferClient::forget_events_at(const EventsAt* watcher) {
  const auto found = events_at_.find(watcher);
  if (found == events_at_.end()) return;
  side_.executor.complete([kept = std::move(found->second)] {});
  events_at_.erase(found);
}

std::optional<NotifyAnswer> ReferClient::take(const SipMessage& notify) {
  const auto found = referrals_.find(usage_key(notify));
  if (found == referrals_.end()) return std::nullopt;
  const auto referral = found->second;
  return notified(referral, notify);
}

NotifyAnswer ReferClient::notified(const ReferralPtr& referral, const SipMessage& notify) {
  auto& dialog = referral->dialog;
  const auto tag = dialog::tag_of(notify.headers.get("From").value_or(""));
  if (tag.empty() || referral->ended || (referral->has_dialog() && tag != dialog.remote_tag)) return {481};
  if (!referral->reporting && !may_report(referral->variant())) return {481};
  const auto event = EventValue::parse(notify.headers.get("Event").value_or(""));
  if (!event) return {400};
  if (event->package != "refer") return {489, {{"Allow-Events", "refer"}}};
  // RFC 3515 2.4.6: without id it is the only one; with one it is the REFER's CSeq.
  if (!event->id.empty() && event->id != std::to_string(referral->cseq)) return {481};
  const auto state = StateValue::parse(notify.headers.get("Subscription-State").value_or(""));
  if (!state) return {400};
  const auto cseq = dialog::CSeq::parse(notify.headers.get("CSeq").value_or(""));
  if (!cseq || !dialog.take_remote_cseq(cseq->number, "NOTIFY")) return {500};
  if (!referral->has_dialog()) adopt_notify(dialog, notify);
  referral->reporting = true;
  const bool terminated = state->status == SubscriptionStatus::terminated;
  if (!is_fragment(notify)) {
    if (terminated) end(referral);
    return {415, {{"Accept", std::string(kFragment)}}};
  }
  if (terminated) {
    referral->reports.take(notify, true);
    end(referral);
    return {200};
  }
  arm(referral, std::min(state->expires.value_or(kReportsLast), kReportsAtMost));
  referral->reports.take(notify, false);
  return {200};
}

void ReferClient::arm(const ReferralPtr& referral, Duration delay) {
  auto& executor = side_.executor;
  if (referral->timer) executor.timers().cancel(referral->timer);
  referral->timer =
      executor.timers().start_at(executor.clock().now() + delay, [weak = weak_from_this(), kept = std::weak_ptr(referral)] {
        const auto self = weak.lock();
        const auto still = kept.lock();
        if (!self || !still) return;
        still->timer = {};
        if (!still->over) self->end(still);
      });
}

void ReferClient::settle(Referral& referral, ReferResult result) {
  if (!referral.promise) return;
  auto promise = std::move(*referral.promise);
  referral.promise.reset();
  promise.set(std::move(result));
}

// By value: what calls it may hold the only other reference in what is erased.
void ReferClient::end(ReferralPtr referral) {
  referral->ended = true;
  referral->reports.finish();
  // The reports may be faster than the answer, which is still to come.
  if (!referral->transaction) drop(std::move(referral));
}

void ReferClient::drop(ReferralPtr referral) {
  if (referral->over) return;
  referral->over = true;
  if (referral->timer) side_.executor.timers().cancel(referral->timer);
  referral->timer = {};
  referrals_.erase(referral->key);
}

void ReferClient::stop() {
  stopped_ = true;
  for (auto& [key, referral] : referrals_) {
    referral->over = true;
    if (referral->timer) side_.executor.timers().cancel(referral->timer);
    side_.destroy_later(std::move(referral->transaction));
  }
  referrals_.clear();  // Error{gone} to who waits
}

}  // namespace herald::event
