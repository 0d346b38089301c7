// SipFactory of one module on one shard.
#pragma once

#include "container/states.h"

namespace herald::container {

class SipFactoryImpl final : public SipFactory {
 public:
  SipFactoryImpl(Core& core, HostedServlet& hosted) : core_(core), hosted_(hosted) {}
  SipApplicationSession create_application_session() override;
  SipApplicationSession application_session_by_key(std::string_view key) override;
  Expected<SipServletRequest> create_request(const SipApplicationSession& session, std::string_view method, std::string_view from,
                                             std::string_view to) override;

 private:
  Core& core_;
  HostedServlet& hosted_;
};

}  // namespace herald::container
