// The Push Sender Agent on one shard. What it does with SIP that arrives, and where its parts are put together.
#pragma once

#include <memory>

#include "capability/presence.h"
#include "consent/consent_effects.h"
#include "consent/inviter.h"
#include "delivery/delivery_scheduler.h"
#include "herald/sip_servlet.h"
#include "pap/pap_endpoint.h"
#include "pushes/push_service.h"
#include "report/report_desk.h"
#include "rest/push_events.h"
#include "rest/rest_api.h"
#include "result/result_outbox.h"
#include "result/saved_states.h"
#include "subscription/push_package.h"

namespace herald::push {

class PushServlet final : public SipServlet {
 public:
  PushServlet(std::shared_ptr<NodeLoad> load, std::shared_ptr<NodeWatch> watch)
      : load_(std::move(load)), watch_(std::move(watch)) {}
  ~PushServlet() override { PushServlet::destroy(); }

  Task<void> init(ServletContext& context) override;
  void destroy() noexcept override;
  Task<void> do_message(SipServletRequest request) override;
  Task<void> do_publish(SipServletRequest request) override;
  Task<void> do_subscribe(SipServletRequest request) override;
  Task<void> do_bye(SipServletRequest request) override;
  [[nodiscard]] std::vector<std::string_view> methods() const override { return {"MESSAGE", "PUBLISH", "SUBSCRIBE"}; }

  [[nodiscard]] DeliveryScheduler* scheduler() const noexcept { return scheduler_.get(); }
  [[nodiscard]] CapabilityBook* capabilities() const noexcept { return books_.capabilities.get(); }
  [[nodiscard]] ConsentBook* consent() const noexcept { return books_.consent.get(); }
  [[nodiscard]] Inviter* inviter() const noexcept { return books_.inviter.get(); }
  [[nodiscard]] ResultOutbox* outbox() const noexcept { return outbox_.get(); }
  [[nodiscard]] PushEvents* events() const noexcept { return events_.get(); }
  [[nodiscard]] ReportDesk* reports() const noexcept { return reports_.get(); }
  // The identity is at home here.
  void consent_changed(const ConsentChange& change);

 private:
  [[nodiscard]] bool is_ours(std::string_view uri) const;
  [[nodiscard]] bool is_own(const IscContext& isc) const;
  [[nodiscard]] Handover handover();
  [[nodiscard]] Forget forget();
  [[nodiscard]] CapabilityBook::Relay capability_relay();
  [[nodiscard]] ConsentBook::Relay consent_relay();
  [[nodiscard]] Inviter::Relay inviter_relay();
  [[nodiscard]] std::shared_ptr<ReportDesk> make_report_desk();
  [[nodiscard]] ConsentBook::Listener consent_listener();
  [[nodiscard]] std::shared_ptr<DeliveryObserver> make_observer();
  static Task<void> tell_shard(ServletContext* context, std::shared_ptr<const bool> stopped, ConsentChange change);

  std::shared_ptr<NodeLoad> load_;
  std::shared_ptr<NodeWatch> watch_;
  ServletContext* context_ = nullptr;
  Books books_;
  std::unique_ptr<PresencePackage> presence_;  // until the container has stopped
  std::shared_ptr<DeliveryScheduler> scheduler_;
  std::unique_ptr<PushPackage> package_;  // outlives destroy(), as the notifier demands
  std::shared_ptr<ReportDesk> reports_;
  std::shared_ptr<ContentLinks> links_;
  std::shared_ptr<ContentBook> contents_;  // with the service
  std::shared_ptr<PushService> service_;   // only on the shard that serves HTTP
  std::shared_ptr<ResultOutbox> outbox_;   // these two as well
  std::shared_ptr<PushEvents> events_;
  std::shared_ptr<RestApi> rest_;
  std::shared_ptr<PapEndpoint> pap_;
  PushMetrics metrics_;
  std::shared_ptr<bool> stopped_;  // of this init()
};

}  // namespace herald::push
