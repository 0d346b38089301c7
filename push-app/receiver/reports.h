// Delivery and display reports. RFC 5438 7.2; PR-10, PR-11, PS-51, PS-53.
// Thread: the agent's shard.
#pragma once

#include <string>

#include "account.h"
#include "cpim.h"

namespace herald::receiver {

class Reports {
 public:
  explicit Reports(AgentShared& shared) : shared_(shared) {}

  // Whatever was asked for, as far as the user allows: delivered, and displayed when `display` says so.
  void received(const Account& account, const ReportRequest& request, const std::string& push);
  // It was accepted and yet cannot be delivered: its content is not to be had.
  void failed(const Account& account, const ReportRequest& request, const std::string& push);
  // What an MSRP REPORT says of a message that was taken, when it is time: 200, a failure, or, where none is to be sent, 0.
  static Task<int> session_report(AgentShared* shared);

 private:
  [[nodiscard]] bool silent() const noexcept;
  static Task<void> send_later(AgentShared* shared, const Account* account, ReportRequest request, Disposition disposition,
                               std::string push, Duration delay);
  static Task<void> send(AgentShared* shared, const Account* account, ReportRequest request, Disposition disposition,
                         std::string push);
  AgentShared& shared_;
};

}  // namespace herald::receiver
