// Delivery and display reports. RFC 5438 7.2; PR-10, PS-51, PS-53.
// Thread: the agent's shard.
#pragma once

#include <string>

#include "account.h"
#include "cpim.h"

namespace herald::receiver {

class Reports {
 public:
  explicit Reports(AgentShared& shared) : shared_(shared) {}

  // Whatever was asked for, as far as the user allows: delivered, and displayed where `display` says so.
  void received(const Account& account, const ReportRequest& request, const std::string& push);
  // It was accepted and yet cannot be delivered: its content is not to be had.
  void failed(const Account& account, const ReportRequest& request, const std::string& push);

 private:
  static Task<void> send(AgentShared* shared, const Account* account, ReportRequest request, Disposition disposition,
                         std::string push);
  AgentShared& shared_;
};

}  // namespace herald::receiver
