// The deliveries of the users whose home is this shard, from acceptance (or a restart) to their final state.
//
//   admit / restore -> DeliveryQueue -> work: load, gather, plan, send, apply_outcome, save -> queue again or done
//
// Thread: one shard. Held by shared_ptr: a suspended delivery keeps it alive, stop() ends what it may do.
#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "delivery_plan.h"
#include "delivery_queue.h"
#include "herald/servlet_context.h"
#include "hop_gate.h"
#include "knowledge.h"
#include "outcome_rules.h"
#include "push_config.h"
#include "push_metrics.h"

namespace herald::push {

// Shared by the servlets of all shards.
struct NodeLoad {
  std::atomic<std::uint64_t> open{0};  // deliveries without final state in memory
};

// An accepted delivery on its way to its home shard.
struct Admission {
  std::string user;  // canonical
  std::shared_ptr<const PushJob> job;
  Delivery delivery;
};

class DeliveryScheduler : public std::enable_shared_from_this<DeliveryScheduler> {
 public:
  DeliveryScheduler(ServletContext& context, std::shared_ptr<NodeLoad> load, Books books);

  // Listens to registrations and restores what the store holds.
  void start();
  void stop() noexcept;

  void admit(Admission admission);
  // A registration of the user or a sign of life: what waits for it goes now.
  void wake(const std::string& user);
  // The record was ended by a DELETE: give up the slot, if it only waits.
  void forget(const std::string& user, const std::string& push, std::uint32_t index);

  [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }
  [[nodiscard]] std::size_t running() const noexcept { return queue_.running(); }
  [[nodiscard]] bool restoring() const noexcept { return restoring_; }

 private:
  using Self = std::shared_ptr<DeliveryScheduler>;
  enum class Loading : std::uint8_t { ok, again, gone };

  // -- the queue's side: delivery_scheduler.cpp --
  void on_registration(RegistrationEvent event, const Registration& registration);
  static Task<void> restore(Self self);
  void restore_delivery(Delivery delivery);
  bool add(const Delivery& delivery, const std::string& user, WallTime expires, Priority priority, SlotId& slot);
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
  static Task<void> carry_out(Self self, SlotId slot, LoadedDelivery* loaded, Plan decision);
  static Task<void> settle(Self self, SlotId slot, LoadedDelivery* loaded, Refuse refusal);
  static Task<void> wait(Self self, SlotId slot, LoadedDelivery* loaded, Wait wish);
  static Task<void> attempt(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish);
  static Task<void> after_attempt(Self self, SlotId slot, LoadedDelivery* loaded, Outcome outcome, std::string hop);
  void report_end(const LoadedDelivery& loaded);
  [[nodiscard]] double chance();

  ServletContext& context_;
  std::shared_ptr<NodeLoad> load_;
  Books books_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  PushMetrics metrics_;
  DeliveryQueue queue_;
  HopGate gate_;
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
