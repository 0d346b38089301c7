#include "subscription/push_package.h"

#include <algorithm>
#include <utility>

#include "herald/log.h"

namespace herald::push {
namespace {

constexpr char kBlockedMark = '!';

std::chrono::seconds whole_seconds(std::chrono::milliseconds span) { return std::chrono::ceil<std::chrono::seconds>(span); }

}  // namespace

std::string blocked_key(std::string_view key) { return kBlockedMark + std::string(key); }
bool is_blocked_key(std::string_view key) noexcept { return key.starts_with(kBlockedMark); }

std::vector<std::string> package_body_types(const std::vector<ServiceProfile>& services) {
  std::vector<std::string> types{std::string(kEnvelopeType)};
  for (const auto& service : services) {
    for (const auto& application : service.apps) {
      for (const auto& type : application.types) {
        if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
      }
    }
  }
  types.emplace_back(kExternalType);
  types.emplace_back(kBatchType);
  return types;
}

double highest_rate(const std::vector<ServiceProfile>& services) noexcept {
  double highest = 0;
  bool any = false;
  for (const auto& service : services) {
    for (const auto& application : service.apps) {
      if (application.max_rate <= 0) return 0;
      highest = std::max(highest, application.max_rate);
      any = true;
    }
  }
  return any ? highest : 1.0;
}

PushPackage::PushPackage(ServletContext& context, std::shared_ptr<DeliveryScheduler> scheduler, Books books)
    : context_(&context), scheduler_(std::move(scheduler)), books_(std::move(books)) {}

void PushPackage::stop() noexcept {
  scheduler_.reset();
  books_ = {};
}

EventRules PushPackage::rules() const {
  const auto config = context_->config<PushConfig>();
  const auto& services = context_->services();
  if (rules_of_ == config && rules_services_ == services.size()) return rules_;
  const auto& wanted = config->subscriptions;
  EventRules rules;
  rules.package = config->event_package;
  rules.body_types = package_body_types(services);
  rules.default_expires = whole_seconds(wanted.default_expires);
  rules.min_expires = whole_seconds(wanted.min_expires);
  rules.max_expires = whole_seconds(wanted.max_expires);
  rules.expiry_jitter = wanted.expiry_jitter;
  rules.max_rate = highest_rate(services);
  rules.max_request_bytes = wanted.notify_max_bytes;
  rules.max_subscriptions = wanted.max_subscriptions;
  rules_of_ = config;
  rules_services_ = services.size();
  rules_ = rules;
  return rules;
}

bool PushPackage::acceptable(const std::vector<std::string>& accept) const {
  if (accept.empty()) return true;
  const auto types = package_body_types(context_->services());
  return std::any_of(types.begin(), types.end(), [&](const std::string& type) {
    if (type == kExternalType || type == kBatchType) return false;
    // An application's types may be ranges themselves: what meets one is decided push by push.
    return accept_allows(accept, type) || std::any_of(accept.begin(), accept.end(), [&](const std::string& range) {
             return media_range_matches(type, range) && accept_allows({range}, range);
           });
  });
}

Task<NotifyContent> PushPackage::content(SubscriptionInfo subscription, NotifyWish wish) {
  NotifyContent empty;
  empty.nothing = wish.cause == NotifyCause::change;
  if (!scheduler_ || is_blocked_key(subscription.key)) co_return empty;
  co_return co_await DeliveryScheduler::notify_content(scheduler_, std::move(subscription), wish);
}

void PushPackage::notified(const SubscriptionInfo& subscription, std::uint64_t batch, const NotifyOutcome& outcome) {
  if (scheduler_) scheduler_->notified(subscription, batch, outcome);
}

void PushPackage::began(const SubscriptionInfo& subscription, bool) {
  if (scheduler_ && !is_blocked_key(subscription.key)) scheduler_->subscription_began(subscription);
}

void PushPackage::ended(const SubscriptionInfo& subscription, EndReason, bool by_subscriber) {
  if (!scheduler_) return;
  scheduler_->subscription_ended(subscription);
  const auto config = context_->config<PushConfig>();
  if (!by_subscriber || !config->consent.unsubscribe_revokes) return;
  if (subscription.key == kAllApplications || is_blocked_key(subscription.key)) return;  // PA-2
  if (context_->notifier().has_active(config->event_package, subscription.resource, subscription.key)) return;
  spawn(revoke(books_, subscription));
}

Task<void> PushPackage::revoke(Books books, SubscriptionInfo subscription) {
  ConsentDecision decision;
  decision.state = Consent::revoked;
  decision.means = "unsubscribe";
  decision.who = subscription.subscriber;
  const auto decided = co_await ConsentBook::decide(books.consent, subscription.resource, subscription.key, std::move(decision));
  if (!decided) log::warn("consent could not be revoked", {{"cause", decided.error().text}});
}

}  // namespace herald::push
