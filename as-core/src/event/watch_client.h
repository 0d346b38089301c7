// SUBSCRIBE usages of our own: one dialog each, kept alive, begun anew as the notifier's reasons tell. RFC 6665 4.1; PR-2..PR-6.
// Thread: one shard. Lifetime: a watcher outlives its watch; stop() before destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "event/client_side.h"
#include "event/watch_rules.h"
#include "herald/subscriber.h"

namespace herald::event {

class WatchClient : public std::enable_shared_from_this<WatchClient> {
 public:
  static std::shared_ptr<WatchClient> make(ClientSide side);
  ~WatchClient();

  Expected<WatchId> subscribe(SubscribePlan plan, Watcher& watcher);
  void refresh(WatchId id);
  Future<void> unsubscribe(WatchId id);
  void abandon(WatchId id);
  using AnswerLater = std::function<std::shared_ptr<NotifyAnswerer>()>;
  // None: not for a subscription of ours. Status 0: the watcher answers later, by what `later` gave it.
  std::optional<NotifyAnswer> take(const SipMessage& notify, const AnswerLater& later = {});
  void stop();
  [[nodiscard]] bool knows(const std::string& key) const { return dialogs_.find(key) != dialogs_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return watches_.size(); }

 private:
  struct Watch;
  using WatchPtr = std::shared_ptr<Watch>;

  explicit WatchClient(ClientSide side);
  [[nodiscard]] WatchPtr find(WatchId id) const;
  bool begin(Watch& watch);  // a new dialog
  void send(Watch& watch, std::chrono::seconds expires);
  void answered(const WatchPtr& watch, sip::ClientResult result);
  void accepted(const WatchPtr& watch, const SipMessage& response);
  void too_brief(const WatchPtr& watch, const SipMessage& response);
  void refused(const WatchPtr& watch, const sip::ClientResult& result);
  NotifyAnswer notified(const WatchPtr& watch, const SipMessage& notify, const AnswerLater& later);
  int tell(const WatchPtr& watch, const SipMessage& notify, const StateValue& state, const AnswerLater& later,
           std::vector<SipHeaderField>& headers);
  void told(const WatchPtr& watch, const StateValue& state);
  void no_notify(const WatchPtr& watch);
  void granted(Watch& watch, std::chrono::seconds span);
  void adjust(Watch& watch, const StateValue& state);
  void leave_dialog(Watch& watch);
  // The subscription is over: again later, or never.
  void ended(const WatchPtr& watch, EndReason reason, std::optional<Duration> again);
  void forget(Watch& watch);
  void progress(const WatchPtr& watch, const WatchProgress& what);
  void arm(Watch& watch, TimerId& timer, Duration delay, void (WatchClient::*what)(const WatchPtr&));
  void disarm(TimerId& timer);
  void on_refresh(const WatchPtr& watch);
  void on_expiry(const WatchPtr& watch);
  void on_again(const WatchPtr& watch);

  ClientSide side_;
  WatchId next_ = 1;
  bool stopped_ = false;
  std::unordered_map<WatchId, WatchPtr> watches_;
  std::unordered_map<std::string, Watch*> dialogs_;  // by usage_key
};

}  // namespace herald::event
