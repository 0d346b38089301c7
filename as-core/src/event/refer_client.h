// REFER of our own, in the variants its plan allows, and the reports that follow it. PS-90..PS-97.
// Thread: one shard. Lifetime: stop() before destruction, after that of the watch client, which calls back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "event/client_side.h"
#include "event/refer_rules.h"
#include "event/watch_client.h"
#include "herald/subscriber.h"

namespace herald::event {

class ReferClient : public std::enable_shared_from_this<ReferClient> {
 public:
  static std::shared_ptr<ReferClient> make(ClientSide side, std::shared_ptr<WatchClient> watches);
  ~ReferClient();

  Future<ReferResult> refer(ReferPlan plan, std::shared_ptr<ReferWatcher> watcher);
  // None: not for a REFER of ours.
  std::optional<NotifyAnswer> take(const SipMessage& notify);
  void stop();
  [[nodiscard]] bool knows(const std::string& key) const { return referrals_.find(key) != referrals_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return referrals_.size(); }

 private:
  struct Referral;
  class EventsAt;
  using ReferralPtr = std::shared_ptr<Referral>;

  ReferClient(ClientSide side, std::shared_ptr<WatchClient> watches);
  void send(const ReferralPtr& referral);
  void answered(const ReferralPtr& referral, sip::ClientResult result);
  void accepted(const ReferralPtr& referral, const SipMessage& response);
  void watch_events(const ReferralPtr& referral, const std::string& uri);
  NotifyAnswer notified(const ReferralPtr& referral, const SipMessage& notify);
  void arm(const ReferralPtr& referral, Duration delay);
  // Tells the outcome of the REFER itself, once.
  void settle(Referral& referral, ReferResult result);
  void end(ReferralPtr referral);  // the last report
  void drop(ReferralPtr referral);
  void forget_events_at(const EventsAt* watcher);

  ClientSide side_;
  std::shared_ptr<WatchClient> watches_;
  bool stopped_ = false;
  std::unordered_map<std::string, ReferralPtr> referrals_;  // by usage_key
  std::unordered_map<const EventsAt*, std::unique_ptr<EventsAt>> events_at_;
};

}  // namespace herald::event
