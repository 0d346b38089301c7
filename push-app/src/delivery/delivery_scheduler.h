// The deliveries of the users whose home is this shard, from acceptance (or a restart) to their final state.
//
//   admit / restore -> DeliveryQueue -> work: load, gather, plan, send, apply_outcome, save -> queue again or done
//                                                              \-> NotifyQueue -> notify_content … notified -/
//
// Thread: one shard. Held by shared_ptr: a suspended delivery keeps it alive, stop() ends what it may do.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "delivery/delivery_plan.h"
#include "delivery/delivery_queue.h"
#include "delivery/delivery_writer.h"
#include "delivery/hop_gate.h"
#include "delivery/knowledge.h"
#include "delivery/outcome_rules.h"
#include "delivery/pace_gate.h"
#include "herald/notifier.h"
#include "herald/servlet_context.h"
#include "mode/content_links.h"
#include "mode/envelope.h"
#include "mode/session_desk.h"
#include "push_config.h"
#include "push_metrics.h"
#include "subscription/notify_queue.h"

namespace herald::push {

// Shared by the servlets of all shards.
struct NodeLoad {
  std::atomic<std::uint64_t> open{0};  // deliveries without final state in memory
};

// An accepted delivery on its way to its home shard.
struct Admission {
  std::string user;  // canonical
  DeliveryQueue::Item item;
  std::unique_ptr<LoadedDelivery> loaded{};  // none: read from the store when its turn comes
  bool from_store = false;                   // a restart may have found it too
};

class DeliveryScheduler : public std::enable_shared_from_this<DeliveryScheduler> {
 public:
  // `links` may be empty: then nothing is sent as a reference. `observer` sees what was saved.
  DeliveryScheduler(ServletContext& context, std::shared_ptr<NodeLoad> load, Books books,
                    std::shared_ptr<ContentLinks> links = {}, std::shared_ptr<DeliveryObserver> observer = {});

  // Listens to registrations and restores what the store holds.
  void start();
  void stop() noexcept;

  void admit(Admission admission);
  // A registration of the user or a sign of life: what waits for it goes now.
  void wake(const std::string& user);
  // What was offered to his subscriptions is planned anew: one of them ended, or consent changed.
  void reconsider(const std::string& user, std::string_view key);
  // The record was ended by a DELETE: give up the slot, if it only waits.
  void forget(const std::string& user, const std::string& push, std::uint32_t index);

  // -- the push event package's side (PS-70..PS-82): delivery_notify.cpp --
  static Task<NotifyContent> notify_content(std::shared_ptr<DeliveryScheduler> self, SubscriptionInfo subscription,
                                            NotifyWish wish);
  void notified(const SubscriptionInfo& subscription, std::uint64_t batch, const NotifyOutcome& outcome);
  void subscription_began(const SubscriptionInfo& subscription);
  void subscription_ended(const SubscriptionInfo& subscription);
  // Of this shard, by id, one user's or all; from after `after`.
  [[nodiscard]] std::vector<SubscriptionInfo> subscriptions(const std::string& user, std::string_view after,
                                                            std::size_t limit) const;

  [[nodiscard]] const DeliveryWriter& writer() const noexcept { return writer_; }
  [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }
  [[nodiscard]] std::size_t running() const noexcept { return queue_.running(); }
  [[nodiscard]] bool restoring() const noexcept { return restoring_; }

 private:
  using Self = std::shared_ptr<DeliveryScheduler>;
  enum class Loading : std::uint8_t { ok, again, gone };

  // -- the queue's side: delivery_scheduler.cpp --
  void on_registration(RegistrationEvent event, const Registration& registration);
  static Task<void> restore(Self self);
  static Task<Expected<std::unordered_set<std::string>>> find_staged(Self self);
  void restore_delivery(Delivery delivery);
  bool add(const DeliveryQueue::Item& item, const std::string& user, SlotId& slot);
  void request_pump();
  void pump();
  void take_due();
  void arm_timer();
  void start_work(SlotId slot);
  void finish(SlotId slot);
  void place(SlotId slot, const NextStep& step, const std::string& hop);

  // -- one delivery: delivery_work.cpp --
  static Task<void> work(Self self, SlotId slot);
  static Task<Loading> load(Self self, SlotId slot, LoadedDelivery* out);
  static Task<void> expire(Self self, SlotId slot);
  static Task<void> expire_one(Self self, SlotId slot);
  static Task<void> carry_out(Self self, SlotId slot, LoadedDelivery* loaded, Plan decision);
  static Task<void> settle(Self self, SlotId slot, LoadedDelivery* loaded, Refuse refusal);
  static Task<void> wait(Self self, SlotId slot, LoadedDelivery* loaded, Wait wish);
  static Task<void> attempt(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish);
  static Task<void> cannot_send(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish, Error error);
  static Task<bool> record_attempt(Self self, SlotId slot, LoadedDelivery* loaded, const Attempt* attempt);
  static Task<void> after_attempt(Self self, SlotId slot, LoadedDelivery* loaded, Outcome outcome, std::string hop);
  [[nodiscard]] PlanRules plan_rules(const PushConfig& config) const;
  // -- sessions: delivery_session.cpp --
  static Task<void> attempt_session(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish);
  static Task<void> run_session(Self self, SlotId slot, LoadedDelivery loaded, Attempt wish, std::shared_ptr<PushSession> session,
                                SipServletRequest invite);
  void leave_session(const Delivery& delivery);
  [[nodiscard]] std::vector<NotifyPath> notify_paths(const std::string& user, std::string_view application);

  // -- NOTIFY: delivery_notify.cpp --
  // What one NOTIFY carries of one push.
  struct Passenger {
    SlotId slot;
    LoadedDelivery loaded;
    NotifyForm form;
    std::optional<ContentReference> reference;
    std::optional<ReportRequest> report{};  // asked for along with it
  };
  struct Flight;
  void offer(SlotId slot, LoadedDelivery* loaded, std::uint8_t content);
  void offer_again(SlotId slot, std::unique_ptr<LoadedDelivery> loaded);
  void withdraw(SlotId slot);
  void tell_subscriptions(const std::string& user, const std::string& application);
  void tell_settled();
  static Task<void> wait_until_settled(Self self, std::string user);
  static Task<bool> board(Self self, Flight* flight, NotifyQueue::Item item);
  static Task<bool> fit(Self self, Flight* flight, Passenger* passenger);
  static Task<void> depart(Self self, Flight* flight);
  struct Landing {
    Outcome outcome;
    bool subscription_ended = false;
    bool shared = false;  // with others in one NOTIFY
  };
  static Task<void> arrived(Self self, Passenger passenger, Landing landing);
  void report_end(const LoadedDelivery& loaded);
  [[nodiscard]] double chance();

  ServletContext& context_;
  std::shared_ptr<NodeLoad> load_;
  Books books_;
  std::shared_ptr<ContentLinks> links_;
  DeliveryWriter writer_;
  std::unique_ptr<SessionDesk> sessions_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  PushMetrics metrics_;
  DeliveryQueue queue_;
  NotifyQueue notify_queue_;
  std::unordered_map<std::uint64_t, std::vector<Passenger>> flights_;
  std::uint64_t last_flight_ = 0;
  struct SettledWaiter {
    std::string user;
    std::shared_ptr<Promise<void>> promise;
  };
  std::vector<SettledWaiter> settled_waiters_;
  HopGate gate_;
  PaceGate pace_;
  std::size_t expiring_ = 0;
  RegistrationView::Subscription listening_;
  TimerId timer_;
  WallTime timer_due_{};
  bool pump_requested_ = false;
  bool pumping_ = false;
  bool restoring_ = false;
  std::unordered_set<std::string> admitted_while_restoring_;
  std::mt19937 random_;
};

}  // namespace herald::push
