// The offer of an INVITE: can it be taken, and how is it answered? RFC 4975 8, RFC 6135, PR-11. Pure functions.
// Thread: any.
#pragma once

#include "agent_options.h"
#include "herald/msrp.h"
#include "push_decision.h"

namespace herald::receiver {

struct SessionOffer {
  MsrpDescription peer;
  MsrpSetup role = MsrpSetup::passive;  // ours
};

// Fills `offer`, or says with what status the INVITE is refused: 488 with a Warning where it is the description's fault.
[[nodiscard]] Verdict decide_offer(const SipMessage& invite, const PushPolicy& policy, const SessionRules& rules, bool has_tls,
                                   SessionOffer& offer);
// What may come in, and what the answer says of it.
[[nodiscard]] std::vector<std::string> session_types(const PushPolicy& policy);
// `local`: the session's own address.
[[nodiscard]] MsrpDescription session_answer(MsrpDescription local, const SessionOffer& offer, const PushPolicy& policy,
                                             const SessionRules& rules);

}  // namespace herald::receiver
