#include "subscriptions.h"

#include <algorithm>

#include "intake.h"
#include "push_decision.h"

namespace herald::receiver {

void Subscriptions::begin_configured(Account& account) {
  if (std::find(begun_.begin(), begun_.end(), &account) != begun_.end()) return;
  begun_.push_back(&account);
  const auto& options = *shared_.options;
  for (const auto& app : account.user.subscribe) {
    SubscribeOrder order;
    order.uri = options.subscribe_to.empty() ? account.user.identity : options.subscribe_to;
    order.event = options.package + ";appid=" + app;
    order.app = app;
    begin(account, std::move(order));
  }
}

bool Subscriptions::begin(Account& account, SubscribeOrder order) {
  const auto& options = *shared_.options;
  SubscribePlan plan;
  plan.from = "<" + account.user.identity + ">";
  plan.to = "<" + order.uri + ">";
  plan.uri = order.uri;
  plan.routes = routes_of(shared_, account);
  plan.event = order.event;
  plan.accept = order.accept.empty() ? accept_list(account.user.policy) : order.accept;
  plan.expires = order.expires.value_or(std::chrono::seconds(options.subscribe_expires));
  plan.headers = std::move(order.headers);
  plan.headers.push_back(identity_field(account));
  auto id = shared_.context->subscriber().subscribe(std::move(plan), *this);
  if (!id) {
    shared_.tell("error",
                 {{"user", account.user.identity}, {"what", "subscription"}, {"app", order.app}, {"reason", id.error().text}});
    if (order.outcome) order.outcome(500);
    return false;
  }
  watches_[*id] = Watch{&account, std::move(order), false};
  return true;
}

bool Subscriptions::has(const Account& account, const std::string& uri, const std::string& event) const {
  return std::any_of(watches_.begin(), watches_.end(), [&](const auto& entry) {
    const auto& watch = entry.second;
    return watch.account == &account && watch.order.event == event &&
           canonical_identity(watch.order.uri) == canonical_identity(uri);
  });
}

int Subscriptions::on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return 481;
  auto& account = *found->second.account;
  const auto app = found->second.order.app;
  const auto& message = notification.message;
  std::vector<EventField> fields{{"user", account.user.identity},
                                 {"app", app},
                                 {"state", std::string(to_string(notification.status))},
                                 number_field("bytes", static_cast<std::int64_t>(message.body.size()))};
  if (notification.expires) fields.push_back(number_field("expires", notification.expires->count()));
  if (notification.reason != EndReason::none) fields.push_back({"reason", std::string(to_string(notification.reason))});
  if (!message.body.empty()) fields.push_back({"type", std::string(message.headers.get("Content-Type").value_or(""))});
  const auto status = message.body.empty() ? 200 : on_content_(account, app, notification, headers);
  if (status != 200 && status != 0) fields.push_back(number_field("status", status));
  shared_.tell("notified", fields);
  return status;
}

void Subscriptions::settle(Watch& watch, int status) {
  if (watch.order.outcome) std::exchange(watch.order.outcome, nullptr)(status);
}

void Subscriptions::on_progress(WatchId id, const WatchProgress& progress) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  auto& watch = found->second;
  std::vector<EventField> fields{{"user", watch.account->user.identity}, {"app", watch.order.app}};
  switch (progress.stage) {
    case WatchProgress::Stage::accepted:
      watch.accepted = true;
      return settle(watch, progress.status);
    case WatchProgress::Stage::active:
    case WatchProgress::Stage::pending:
      fields.push_back({"state", progress.stage == WatchProgress::Stage::active ? "active" : "pending"});
      fields.push_back(number_field("expires", progress.expires.count()));
      return shared_.tell("subscribed", fields);
    case WatchProgress::Stage::ended:
      break;
  }
  fields.push_back(number_field("status", progress.status));
  if (progress.reason != EndReason::none) fields.push_back({"reason", std::string(to_string(progress.reason))});
  if (progress.again_in)
    fields.push_back(number_field("again_in", std::chrono::ceil<std::chrono::seconds>(*progress.again_in).count()));
  const bool referred = watch.order.outcome != nullptr;
  settle(watch, progress.status >= 300 ? progress.status : 408);
  shared_.tell("subscription_ended", fields);
  // Whoever asked for it by REFER has been told that it failed; a later success would not fit that.
  if (progress.again_in && !referred) return;
  if (progress.again_in) shared_.context->subscriber().abandon(id);
  watches_.erase(id);
}

Task<void> Subscriptions::unsubscribe(Subscriptions* self, WatchId id) {
  (void)co_await self->shared_.context->subscriber().unsubscribe(id);
  --self->ending_;
}

Task<void> Subscriptions::end(Deadline deadline) {
  std::vector<WatchId> ids;
  for (const auto& [id, watch] : watches_) ids.push_back(id);
  ending_ += ids.size();
  for (const auto id : ids) spawn(unsubscribe(this, id));
  co_await all_ended(&shared_, &ending_, deadline);
}

void Subscriptions::abandon() {
  for (const auto& [id, watch] : std::exchange(watches_, {})) shared_.context->subscriber().abandon(id);
}

}  // namespace herald::receiver
