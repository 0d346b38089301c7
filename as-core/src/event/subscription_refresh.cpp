// SUBSCRIBE inside the dialog of a subscription: refresh, other rates, un-subscribe. PS-64..PS-67, PS-71, PS-77, ST-44.
#include <algorithm>

#include "event/event_field.h"
#include "event/notify_rules.h"
#include "event/subscription_manager.h"

namespace herald::event {
namespace {

// Another one for each refresh.
double jitter_of(std::string_view id, std::uint32_t turn) {
  return static_cast<double>(hash_of(id, std::to_string(turn)) >> 11U) * 0x1.0p-53;
}

SubscribeAnswer refused(int status, std::string why, std::vector<SipHeaderField> headers = {}) {
  SubscribeAnswer answer;
  answer.status = status;
  answer.why = std::move(why);
  answer.headers = std::move(headers);
  return answer;
}

SubscribeAnswer too_short(const EventRules& rules) {
  return refused(423, "Expires", {{"Min-Expires", std::to_string(rules.min_expires.count())}});
}

SubscribeAnswer not_written(const Error& error) { return refused(500, error.text, {{"Retry-After", "5"}}); }

}  // namespace

struct SubscriptionManager::Wish {
  std::uint32_t cseq = 0;
  bool repeated = false;  // the same CSeq again: ST-44
  EventRates rates;
  std::optional<std::chrono::seconds> expires;
  std::optional<std::vector<std::string>> accept;
  std::string target;
  std::optional<std::string> suppress_if_match;
  [[nodiscard]] bool ends() const noexcept { return expires && expires->count() == 0; }
};

EntryHandle SubscriptionManager::find(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) const {
  const auto slot = table_.find_dialog(hash_of(call_id, local_tag, remote_tag), [&](Slot candidate) {
    return is_dialog(table_[candidate].record, call_id, local_tag, remote_tag);
  });
  return slot == kNoSlot ? EntryHandle{} : table_.handle(slot);
}

std::optional<SubscriptionManager::Wish> SubscriptionManager::read_wish(Slot slot, const SipMessage& request,
                                                                        SubscribeAnswer& refusal) {
  auto* const subscription = opened(slot);
  const auto refuse = [&refusal](SubscribeAnswer answer) {
    refusal = std::move(answer);
    return std::nullopt;
  };
  if (subscription == nullptr) return refuse(refused(481, "no such subscription"));
  const auto& headers = request.headers;
  const auto cseq = dialog::CSeq::parse(headers.get("CSeq").value_or(""));
  auto& dialog = subscription->dialog;
  if (!cseq) return refuse(refused(400, "CSeq"));
  if (dialog.has_remote_cseq && cseq->number < dialog.remote_cseq) return refuse(refused(500, "CSeq is lower than seen"));
  Wish wish;
  wish.cseq = cseq->number;
  wish.repeated = dialog.has_remote_cseq && cseq->number == dialog.remote_cseq;
  dialog.remote_cseq = cseq->number;  // also when it is refused: RFC 3261 12.2.2
  dialog.has_remote_cseq = true;
  if (table_[slot].status == SubscriptionStatus::terminated && !wish.repeated) {
    return refuse(refused(481, "the subscription has ended"));
  }

  const auto& method = request.method();
  if (method == "BYE" || method == "NOTIFY") return refuse(refused(481, "no such usage"));
  if (method != "SUBSCRIBE") return refuse(refused(405, "not in a subscription", {{"Allow", "SUBSCRIBE"}}));

  const auto text = headers.get("Event");
  const auto field = text ? parse_event(*text) : Expected<EventField>(fail(ErrorCode::invalid, "no Event"));
  if (!field && text) return refuse(refused(400, field.error().text));
  if (!field || package_index(field->package) < 0) return refuse(refused(489, "Event", {{"Allow-Events", allow_events_}}));
  const auto& info = subscription->info;
  // RFC 3515 2.4.6: of the first REFER's subscription the id may be left out.
  const bool same_id = field->id == info.event_id || (info.package == "refer" && field->id.empty());
  if (field->package != info.package || !same_id) return refuse(refused(481, "no such subscription in this dialog"));
  wish.rates = field->rates;
  if (body_must_be_understood(request)) return refuse(refused(415, "a body that must be understood", {{"Accept", ""}}));

  auto& package = package_of(table_[slot]);
  const auto rules = package.rules();
  if (headers.has("Accept")) {
    wish.accept = accept_ranges(headers);
    bool good = false;
    guarded("acceptable", [&] { good = package.acceptable(*wish.accept); });
    if (!good) return refuse(refused(406, "Accept", {{"Accept", list_text(rules.body_types)}}));
  }
  const auto expires = expires_of(headers);
  if (!expires) return refuse(refused(400, expires.error().text));
  wish.expires = *expires;
  if (!granted_expires(wish.expires, rules, 0)) {
    return refuse(too_short(rules));
  }
  if (const auto contacts = headers.list("Contact"); !contacts.empty()) {
    if (auto contact = NameAddr::parse(contacts.front()); contact) wish.target = std::move(contact->uri);
  }
  wish.suppress_if_match = suppress_if_match(headers);
  return wish;
}

bool SubscriptionManager::state_is_known(const Entry& entry, const std::optional<std::string>& tag) const {
  if (!tag) return false;
  if (*tag == "*") return true;
  const auto& activity = *entry.activity;
  const bool settled = !activity.wanted && !activity.asking && !activity.transaction;
  return settled && !entry.etag.empty() && *tag == entry.etag;
}

void SubscriptionManager::add_common(SubscribeAnswer& answer, const Subscription& subscription,
                                     std::chrono::seconds expires) const {
  answer.headers.push_back({"Expires", std::to_string(std::max<std::int64_t>(0, expires.count()))});
  answer.headers.push_back({"Contact", "<" + subscription.dialog.local_contact + ">"});
  answer.headers.push_back({"Allow-Events", allow_events_});
}

Task<SubscribeAnswer> SubscriptionManager::subscribe(EntryHandle handle, std::shared_ptr<const SipMessage> request) {
  const auto self = shared_from_this();
  SubscribeAnswer answer;
  if (stopped_ || table_.find(handle) == nullptr) co_return refused(481, "no such subscription");
  auto wish = read_wish(handle.slot, *request, answer);
  if (!wish) {
    metrics_.subscribe(SubscribeKind::refused);
    if (auto* const kept = table_.find(handle); kept != nullptr) {
      // Its CSeq counts as seen; not worth a write: after a restart it would be refused again.
      kept->record = encode(*kept->activity->subscription);
      kept->record.shrink_to_fit();
      rest(handle.slot);
    }
    co_return answer;
  }
  auto& entry = table_[handle.slot];
  if (wish->repeated) {  // what was answered before, and the NOTIFY again: it may have been lost with the answer
    metrics_.subscribe(SubscribeKind::repeated);
    const auto& subscription = *entry.activity->subscription;
    const bool over = entry.status == SubscriptionStatus::terminated;
    const auto left =
        over ? std::chrono::seconds(0) : std::chrono::floor<std::chrono::seconds>(subscription.info.expires - wall());
    add_common(answer, subscription, left);
    if (!over) answer.then = SubscribeAnswer::Then::notify;
    co_return answer;
  }
  auto path = wish->ends() ? unsubscribe(handle, std::move(*wish)) : refresh(handle, std::move(*wish));
  co_return co_await std::move(path);
}

Task<SubscribeAnswer> SubscriptionManager::refresh(EntryHandle handle, Wish wish) {
  auto& entry = table_[handle.slot];
  auto& activity = *entry.activity;
  auto& subscription = *activity.subscription;
  auto& info = subscription.info;
  const auto rules = package_of(entry).rules();
  const auto granted = granted_expires(wish.expires, rules, jitter_of(info.id, wish.cseq));
  if (!granted) co_return too_short(rules);
  // Into memory at once: any other write of this record that comes meanwhile must not take it back.
  info.expires = wall() + *granted;
  info.rates = used_rates(wish.rates, *granted, rules.max_rate);
  if (wish.accept) info.accept = std::move(*wish.accept);
  if (!wish.target.empty()) {
    subscription.dialog.remote_target = wish.target;
    info.contact = wish.target;
  }
  table_.set_expiry(handle.slot, second_of(info.expires));
  arm_expiry();
  const bool known = state_is_known(entry, wish.suppress_if_match);
  const auto reserved = entry.cseq + kCSeqBlock;
  ++activity.refreshing;
  auto writing = write(entry, subscription);
  const auto written = co_await writing;
  if (stopped_ || table_.find(handle) == nullptr) co_return refused(481, "the subscription has ended");
  --activity.refreshing;
  if (!written) {
    store_failed(written.error());
    schedule(handle.slot);
    co_return not_written(written.error());
  }
  entry.cseq_reserved = std::max(entry.cseq_reserved, reserved);
  SubscribeAnswer answer;
  add_common(answer, subscription, *granted);
  metrics_.subscribe(known ? SubscribeKind::suppressed : SubscribeKind::refresh);
  if (known) {  // RFC 5839 6.4: the whole NOTIFY is spared
    answer.status = 204;
    if (!entry.etag.empty()) answer.headers.push_back({"SIP-ETag", entry.etag});
    co_return answer;
  }
  answer.then = SubscribeAnswer::Then::notify;
  answer.suppress = std::move(wish.suppress_if_match).value_or("");
  co_return answer;
}

Task<SubscribeAnswer> SubscriptionManager::unsubscribe(EntryHandle handle, Wish wish) {
  auto& entry = table_[handle.slot];
  auto& activity = *entry.activity;
  auto& subscription = *activity.subscription;
  const bool known = state_is_known(entry, wish.suppress_if_match);
  if (!wish.target.empty()) subscription.dialog.remote_target = wish.target;
  // As terminated, so that the last NOTIFY goes out even if we die before it; memory follows once it is written.
  auto ended = subscription;
  ended.info.status = SubscriptionStatus::terminated;
  ended.reason = EndReason::timeout;
  ended.by_subscriber = true;
  const auto reserved = entry.cseq + kCSeqBlock;
  ended.dialog.local_cseq = reserved;
  ++activity.refreshing;
  auto writing = put(ended, encode(ended), std::nullopt);
  const auto written = co_await writing;
  if (stopped_ || table_.find(handle) == nullptr) co_return refused(481, "the subscription has ended");
  --activity.refreshing;
  if (!written) {
    store_failed(written.error());
    schedule(handle.slot);
    co_return not_written(written.error());
  }
  entry.cseq_reserved = std::max(entry.cseq_reserved, reserved);
  End end;
  end.by_subscriber = true;
  mark_ended(handle.slot, end);
  SubscribeAnswer answer;
  add_common(answer, subscription, std::chrono::seconds(0));
  metrics_.subscribe(SubscribeKind::unsubscribe);
  answer.then = known ? SubscribeAnswer::Then::forget : SubscribeAnswer::Then::last_notify;
  if (known) answer.status = 204;
  co_return answer;
}

void SubscriptionManager::answered(EntryHandle handle, const SubscribeAnswer& answer) {
  const auto* const entry = table_.find(handle);
  if (entry == nullptr || stopped_) return;
  switch (answer.then) {
    case SubscribeAnswer::Then::nothing:
      return schedule(handle.slot);
    case SubscribeAnswer::Then::notify:
      wake(handle.slot).suppress = answer.suppress;
      return want(handle.slot, NotifyCause::refresh);
    case SubscribeAnswer::Then::last_notify:
      return want(handle.slot, NotifyCause::ended);
    case SubscribeAnswer::Then::forget: {
      auto& activity = wake(handle.slot);
      if (activity.transaction || activity.asking) return want(handle.slot, NotifyCause::ended);
      return finish(handle.slot, EndReason::timeout);
    }
  }
}

}  // namespace herald::event
