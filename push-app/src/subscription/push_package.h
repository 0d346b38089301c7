// The push event package: what a NOTIFY of it carries and to whom it may go. sip-push.md 6.
//
// Resource = user, key = application (canonical), "*" for a SUBSCRIBE without appid: the pushes of all applications that he
// allows. A subscription that is refused politely (PS-63) has a key that no push ever has.
// Thread: one shard. Lifetime: outlives the container's stop(); after stop() it has nothing to tell.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/delivery_scheduler.h"
#include "herald/notifier.h"
#include "herald/servlet_context.h"

namespace herald::push {

class PushPackage final : public EventPackage {
 public:
  PushPackage(ServletContext& context, std::shared_ptr<DeliveryScheduler> scheduler, Books books);
  void stop() noexcept;

  [[nodiscard]] EventRules rules() const override;
  // PS-67. A reference or a batch alone would hold nothing.
  [[nodiscard]] bool acceptable(const std::vector<std::string>& accept) const override;
  Task<NotifyContent> content(SubscriptionInfo subscription, NotifyWish wish) override;
  void notified(const SubscriptionInfo& subscription, std::uint64_t batch, const NotifyOutcome& outcome) override;
  void began(const SubscriptionInfo& subscription, bool restored) override;
  void ended(const SubscriptionInfo& subscription, EndReason reason, bool by_subscriber) override;

 private:
  static Task<void> revoke(Books books, SubscriptionInfo subscription);

  ServletContext* context_;
  std::shared_ptr<DeliveryScheduler> scheduler_;
  Books books_;
  // Asked for with every NOTIFY, changed by a reload only.
  mutable std::shared_ptr<const PushConfig> rules_of_;
  mutable std::size_t rules_services_ = 0;
  mutable EventRules rules_;
};

// The key of a subscription that is accepted and never told anything.
[[nodiscard]] std::string blocked_key(std::string_view key);
[[nodiscard]] bool is_blocked_key(std::string_view key) noexcept;

// What a package may send of this module's applications, the type that needs no Accept first.
[[nodiscard]] std::vector<std::string> package_body_types(const std::vector<ServiceProfile>& services);
// Notifications per second: of an application, and of the most permissive one (0: no limit).
[[nodiscard]] double highest_rate(const std::vector<ServiceProfile>& services) noexcept;

}  // namespace herald::push
