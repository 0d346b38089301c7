// A MESSAGE or NOTIFY as the pushes in it, and whether they fit. PR-4, PR-7, PR-12, PS-34, PS-51. Pure functions.
// Thread: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent_options.h"
#include "cpim.h"
#include "external_body.h"
#include "herald/msrp.h"
#include "push_decision.h"

namespace herald::receiver {

struct PushItem {
  Push push;
  std::string body;              // empty while it is only referred to, or it is in
  std::optional<BlobInfo> blob;  // where large content is
  std::optional<ExternalBody> reference;
  ReportRequest report;
};

struct Intake {
  std::vector<PushItem> items;
  bool is_report = false;  // a delivery report for somebody who asked: taken, and never reported on (PS-53)
  Verdict verdict;
};

// How it came, if not in a MESSAGE.
struct IntakeSource {
  std::string app;       // of the subscription that a NOTIFY belongs to; empty: what the request itself says
  std::string mode;      // notify, msrp; empty: pager
  bool in_blob = false;  // the body holds only the beginning: not to be taken apart or decoded here
};

[[nodiscard]] Intake read_intake(const SipMessage& message, const PushPolicy& policy, const ContentRules& rules, WallTime now,
                                 const IntakeSource& source = {});
// A message of a session as the MESSAGE that it would have been: what the INVITE said of the push, with this content.
[[nodiscard]] SipMessage request_of(const SipMessage& invite, const MsrpMessage& message, std::string body);
// PR-16: who sent it: the asserted identity, else From; canonical.
[[nodiscard]] std::string sender_of(const SipMessage& message);

}  // namespace herald::receiver
