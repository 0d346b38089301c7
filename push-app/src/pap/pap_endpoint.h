// POST /pap: the Push Access Protocol's operations on the PushService. pap.md; PAP-01, PAP-02, PAP-30..41.
//
// HTTP says only what is wrong with HTTP (401, 413, 415, 503): everything else is 202 with PAP's own code.
// Thread: the shard that registered the route.
#pragma once

#include <memory>

#include "delivery/knowledge.h"
#include "herald/http.h"
#include "herald/servlet_context.h"
#include "pap/pap_address.h"
#include "pap/pap_entity.h"
#include "pap/pap_message.h"
#include "pushes/push_service.h"

namespace herald::push {

class PapEndpoint : public std::enable_shared_from_this<PapEndpoint> {
 public:
  PapEndpoint(ServletContext& context, std::shared_ptr<PushService> service, Books books);
  void add_route();
  void stop() noexcept { stopped_ = true; }

 private:
  using Self = std::shared_ptr<PapEndpoint>;
  // One request: whose it is, and what came with it.
  struct Call {
    std::shared_ptr<const PushConfig> config;  // keeps the initiator alive
    const Initiator* initiator = nullptr;
    pap::Version version = pap::kNewest;
    pap::Entities entities;
    std::string digest;
    std::string trace;
  };
  struct Answer {
    pap::Body body;
    std::string profile{};  // RDF, the second entity of a ccq-response
    std::optional<std::chrono::seconds> retry_after{};
  };

  static Task<HttpResponse> enter(Self self, HttpRequest request);
  static Task<Answer> carry_out(Self self, Call* call, pap::Body operation);
  // After each suspension: the context may be gone.
  [[nodiscard]] Checked<void> still_open() const;
  [[nodiscard]] pap::AddressRules address_rules(const PushConfig& config) const;

  // -- pap_push.cpp --
  static Task<Answer> push(Self self, Call* call, pap::Push push);
  // Fills `notes` as far as it came, whatever comes of it.
  static Task<Checked<PushView>> submit(Self self, Call* call, const pap::Push* push, std::vector<pap::ProgressNote>* notes,
                                        std::size_t* refused);
  static Task<Checked<void>> match_capabilities(Self self, const Call* call, std::string application,
                                                std::vector<Recipient> recipients);

  // -- pap_queries.cpp --
  static Task<Answer> cancel(Self self, const Call* call, pap::Cancel cancel);
  static Task<Answer> query_status(Self self, const Call* call, pap::StatusQuery query);
  static Task<Answer> query_capabilities(Self self, const Call* call, pap::CapabilityQuery query);
  static Task<Checked<std::vector<Delivery>>> all_deliveries(Self self, std::string id, std::string owner);

  ServletContext& context_;
  std::shared_ptr<PushService> service_;
  Books books_;
  PushMetrics metrics_;
  bool stopped_ = false;
};

}  // namespace herald::push
