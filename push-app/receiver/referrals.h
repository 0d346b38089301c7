// REFER to subscribe. RFC 3515, RFC 4488, RFC 7614; PR-13.
// Thread: the agent's shard. The event package outlives the container's stop(): it lives in the agent.
#pragma once

#include <map>
#include <string>

#include "account.h"
#include "herald/notifier.h"
#include "refer_order.h"
#include "subscriptions.h"

namespace herald::receiver {

class Referrals final : public EventPackage {
 public:
  Referrals(AgentShared& shared, Subscriptions& subscriptions) : shared_(shared), subscriptions_(subscriptions) {}

  Task<void> refer(SipServletRequest request, Account* account);
  // What the user said to a REFER that waits for him. False: none of that id waits.
  bool decide(const std::string& id, bool accept);
  void cancel();
  [[nodiscard]] std::size_t waiting() const noexcept { return referrals_.size(); }

  EventRules rules() const override;
  Task<NotifyContent> content(SubscriptionInfo subscription, NotifyWish wish) override;
  void began(const SubscriptionInfo& subscription, bool restored) override;
  void ended(const SubscriptionInfo& subscription, EndReason reason, bool by_subscriber) override;

 private:
  struct Referral {
    Account* account = nullptr;
    ReferOrder order;
    std::string from;
    std::string subscription;  // of the reports; empty: none is wanted, or none yet
    int status = 100;          // of the sipfrag
    bool undecided = false;
    TimerId timer;  // of a question that nobody answers
  };

  Task<bool> answer(SipServletRequest request, const std::string* id, Referral* referral);
  [[nodiscard]] std::string resource_here(const Account& account) const;
  void subscribe(const std::string& id);
  void report(const std::string& id, int status);
  void tell(const std::string& id, const Referral& referral, std::string_view decision) const;

  AgentShared& shared_;
  Subscriptions& subscriptions_;
  std::map<std::string, Referral> referrals_;  // under way, by id
};

}  // namespace herald::receiver
