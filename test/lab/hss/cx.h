// Cx: UAR, SAR, LIR and MAR of TS 29.228/29.229, as far as Kamailio's CSCFs ask.
#pragma once

#include "hss/server.h"
#include "hss/subscribers.h"

namespace herald::lab {

class Cx {
 public:
  Cx(const Config& config, SubscriberStore& users) : config_(config), users_(users) {}
  void serve(Server& server);

 private:
  Reply user_authorization(msg* request);
  Reply multimedia_auth(msg* request);
  Reply server_assignment(msg* request);
  Reply location_info(msg* request);

  const Config& config_;
  SubscriberStore& users_;
};

}  // namespace herald::lab
