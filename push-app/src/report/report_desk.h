// Reports of receivers on one shard: takes disposition notifications (PS-52), checks who sends them (SM-15), applies them to
// their deliveries on the home shard of the user, and ends deliveries whose report did not come (PS-54).
//
// What waits for a report has no slot in memory: its record carries the time until when it waits, and one shard of the node
// looks for those whose time has come.
// Thread: one shard. Held by shared_ptr; stop() ends what it may do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "delivery/delivery_writer.h"
#include "herald/servlet_context.h"
#include "push_config.h"
#include "push_metrics.h"
#include "report/imdn.h"
#include "report/report_request.h"
#include "report/report_rules.h"

namespace herald::push {

class ReportDesk : public std::enable_shared_from_this<ReportDesk> {
 public:
  using Self = std::shared_ptr<ReportDesk>;
  // Runs work with the desk of another shard; false: that shard's mailbox is full.
  using Relay = std::function<bool(unsigned shard, UniqueFunction<void(ReportDesk&)> work)>;
  // The delivery ended or waits for a report only: its place in the queue of this shard is free.
  using GiveUp = std::function<void(const std::string& user, const std::string& push, std::uint32_t index)>;

  ReportDesk(ServletContext& context, DeliveryWriter writer, Relay relay, GiveUp give_up);
  void start(bool sweeps);
  void stop() noexcept;

  // A MESSAGE for which carries_disposition() is true. Answered 200 when all it proves is durable, also when that is nothing;
  // 400 when it cannot be read; 500 when the store cannot be asked: its sender repeats it or not, but we did not lie.
  static Task<void> receive(Self self, SipServletRequest request);

 private:
  struct Report {
    ReportName name;
    DispositionNotice notice;
    std::vector<std::string> reporters;  // canonical, asserted by a trusted peer
  };
  struct Loaded {
    PushJob job;
    Delivery delivery;
  };
  static Task<Expected<void>> handle(Self self, Report report);
  static Task<Expected<void>> apply_here(Self self, Report report);
  static Task<void> answer_apply(Self self, Report report, std::shared_ptr<Promise<void>> to);
  static Task<Expected<Loaded>> load(Self self, const ReportName* name);
  [[nodiscard]] bool may_report(const Delivery& delivery, const std::vector<std::string>& reporters) const;
  void saved(const Loaded& loaded, bool was_final);

  void sweep_later();
  static Task<void> sweep(Self self);
  void end_at_home(ReportName name, const std::string& user, std::shared_ptr<Promise<bool>> to);
  static Task<bool> end_here(Self self, ReportName name);
  static Task<void> answer_end(Self self, ReportName name, std::shared_ptr<Promise<bool>> to);

  ServletContext& context_;
  DeliveryWriter writer_;
  Relay relay_;
  GiveUp give_up_;
  PushMetrics metrics_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  TimerId sweep_timer_;
};

}  // namespace herald::push
