#include "referrals.h"

#include <algorithm>

#include "herald/record.h"
#include "intake.h"

namespace herald::receiver {
namespace {

constexpr std::size_t kMostReferrals = 1000;              // under way; beyond: 480
constexpr auto kTimeToDecide = std::chrono::minutes(10);  // then it is a no
constexpr std::string_view kFragment = "message/sipfrag;version=2.0";

bool known_app(const std::string& app, const PushPolicy& policy) {
  return app.empty() || std::find(policy.apps.begin(), policy.apps.end(), app) != policy.apps.end();
}

}  // namespace

EventRules Referrals::rules() const {
  EventRules rules;
  rules.package = "refer";
  rules.body_types = {std::string(kFragment)};
  rules.default_expires = std::chrono::duration_cast<std::chrono::seconds>(kTimeToDecide) + std::chrono::seconds(60);
  rules.expiry_jitter = 0;
  rules.max_rate = 0;
  rules.max_subscriptions = kMostReferrals;
  return rules;
}

Task<NotifyContent> Referrals::content(SubscriptionInfo subscription, NotifyWish) {
  NotifyContent content;
  const auto found = referrals_.find(subscription.key);
  const int status = found == referrals_.end() ? 503 : found->second.status;  // a restart has lost it
  content.type = kFragment;
  content.body = "SIP/2.0 " + std::to_string(status) + " " + std::string(sip_reason_phrase(status)) + "\r\n";
  co_return content;
}

void Referrals::began(const SubscriptionInfo& subscription, bool restored) {
  if (!restored) return;
  shared_.context->executor().complete([this, id = subscription.id] {
    if (!shared_.stopping) (void)shared_.context->notifier().end(id, EndReason::invariant);
  });
}

void Referrals::ended(const SubscriptionInfo& subscription, EndReason, bool) {
  const auto found = referrals_.find(subscription.key);
  if (found == referrals_.end()) return;
  if (found->second.status >= 200)
    referrals_.erase(found);
  else
    found->second.subscription.clear();  // nobody listens any more; the SUBSCRIBE is sent all the same
}

void Referrals::tell(const std::string& id, const Referral& referral, std::string_view decision) const {
  shared_.tell("referred", {{"user", referral.account->user.identity},
                            {"from", referral.from},
                            {"to", referral.order.uri},
                            {"app", referral.order.app},
                            {"id", id},
                            {"decision", std::string(decision)}});
}

Task<void> Referrals::refer(SipServletRequest request, Account* account) {
  Referral referral;
  referral.account = account;
  referral.from = sender_of(request.message());
  const auto& options = *shared_.options;
  auto refusal = read_refer(request.message(), options.package, referral.order);
  if (refusal.status == 0 && !known_app(referral.order.app, account->user.policy))
    refusal = {603, "application \"" + referral.order.app + "\" is not here"};
  if (refusal.status == 0 && options.refer == ReferPolicy::deny) refusal = {603, "the user does not want it"};
  if (refusal.status == 0 && referrals_.size() >= kMostReferrals) refusal = {480, "too many at a time"};
  if (refusal.status != 0) {
    shared_.tell("referred", {{"user", account->user.identity},
                              {"from", referral.from},
                              {"app", referral.order.app},
                              {"decision", "denied"},
                              number_field("status", refusal.status),
                              {"reason", refusal.why}});
    (void)request.respond(refusal.status);
    co_return;
  }
  const auto id = make_id(shared_.context->clock().wall());
  referral.undecided = options.refer == ReferPolicy::ask;
  auto& kept = referrals_[id] = std::move(referral);
  const bool answered = co_await answer(request, &id, &kept);
  const auto found = referrals_.find(id);
  if (!answered || found == referrals_.end()) {
    referrals_.erase(id);
    co_return;
  }
  tell(id, found->second, options.refer == ReferPolicy::ask ? "asked" : "accepted");
  if (options.refer == ReferPolicy::accept) {
    subscribe(id);
    co_return;
  }
  found->second.timer = shared_.context->executor().timers().start_at(shared_.context->clock().now() + kTimeToDecide,
                                                                      [this, id] { (void)decide(id, false); });
}

// The reports live where the REFER was taken, whoever it is about.
std::string Referrals::resource_here(const Account& account) const {
  auto& context = *shared_.context;
  auto resource = account.user.identity;
  for (unsigned i = 0; context.home_shard(resource) != context.shard(); ++i)
    resource = account.user.identity + ";" + std::to_string(i);
  return resource;
}

// 2xx at once: a person may take longer than a transaction. The outcome follows by NOTIFY, unless the sender wants none.
Task<bool> Referrals::answer(SipServletRequest request, const std::string* id, Referral* referral) {
  if (referral->order.silent) {
    auto response = request.create_response(202);
    if (referral->order.refer_sub_false) (void)response.set_header("Refer-Sub", "false");
    if (auto sent = response.send(); !sent) co_return false;
    co_return true;
  }
  auto wish = shared_.context->notifier().read(request);
  if (!wish) co_return false;
  Grant grant;
  grant.resource = resource_here(*referral->account);
  grant.key = *id;
  // Bound before the first NOTIFY asks for its content.
  auto accepted = co_await shared_.context->notifier().accept(std::move(*wish), std::move(grant), 202);
  if (!accepted) co_return false;
  if (const auto found = referrals_.find(*id); found != referrals_.end()) found->second.subscription = accepted->id;
  co_return true;
}

bool Referrals::decide(const std::string& id, bool accept) {
  const auto found = referrals_.find(id);
  if (found == referrals_.end() || !found->second.undecided) return false;
  auto& referral = found->second;
  referral.undecided = false;
  shared_.context->executor().timers().cancel(referral.timer);
  tell(id, referral, accept ? "accepted" : "denied");
  if (accept)
    subscribe(id);
  else
    report(id, 603);
  return true;
}

void Referrals::subscribe(const std::string& id) {
  auto& referral = referrals_.at(id);
  const auto& wish = referral.order;
  // Asked again for what is there already (a sender that tries twice): nothing is to be done.
  if (subscriptions_.has(*referral.account, wish.uri, wish.event)) return report(id, 200);
  SubscribeOrder order;
  order.uri = wish.uri;
  order.event = wish.event;
  order.app = wish.app;
  order.expires = wish.expires;
  order.accept = wish.accept;
  if (!wish.referred_by.empty()) order.headers.push_back({"Referred-By", wish.referred_by});  // RFC 3892 2.1
  order.outcome = [this, id](int status) { report(id, status); };
  (void)subscriptions_.begin(*referral.account, std::move(order));
}

void Referrals::report(const std::string& id, int status) {
  const auto found = referrals_.find(id);
  if (found == referrals_.end()) return;
  found->second.status = status;
  const auto subscription = found->second.subscription;
  // The last NOTIFY takes the status with it (RFC 3515 2.4.4); it is forgotten when that NOTIFY is over. Nothing will change
  // about this state any more: that is what "invariant" says, while after "noresource" no state is told.
  if (subscription.empty() || !shared_.context->notifier().end(subscription, EndReason::invariant)) referrals_.erase(id);
}

void Referrals::cancel() {
  for (const auto& [id, referral] : referrals_) shared_.context->executor().timers().cancel(referral.timer);
  referrals_.clear();
}

}  // namespace herald::receiver
