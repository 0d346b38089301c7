#include "session_offer.h"

#include <algorithm>

namespace herald::receiver {
namespace {

Verdict refuse(int status, std::string why, std::vector<SipHeaderField> headers = {}) {
  Verdict verdict;
  verdict.status = status;
  verdict.why = std::move(why);
  verdict.headers = std::move(headers);
  return verdict;
}

// RFC 3261 20.43: what about the description is not acceptable.
Verdict not_acceptable(int warning, const std::string& why) {
  std::string text = why;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }, '.');
  return refuse(488, why, {{"Warning", std::to_string(warning) + " receiver \"" + text + "\""}});
}

bool accepts_any(const std::vector<std::string>& ours, const std::vector<std::string>& offered) {
  return std::any_of(offered.begin(), offered.end(),
                     [&](const std::string& type) { return type == "*" || msrp_accepts(ours, type); });
}

// RFC 6135 4; without a=setup the offerer connects, as RFC 4975 5.4 has it.
MsrpSetup role_for(const MsrpDescription& peer, const SessionRules& rules) {
  switch (peer.setup.value_or(MsrpSetup::active)) {
    case MsrpSetup::active:
      return MsrpSetup::passive;
    case MsrpSetup::passive:
      return MsrpSetup::active;
    case MsrpSetup::actpass:
      break;
  }
  return rules.setup == SessionSetup::active ? MsrpSetup::active : MsrpSetup::passive;
}

}  // namespace

std::vector<std::string> session_types(const PushPolicy& policy) {
  if (policy.accept.empty()) return {"*"};
  auto types = accept_list(policy);
  for (auto& type : types)
    if (type == "*/*") type = "*";
  return types;
}

Verdict decide_offer(const SipMessage& invite, const PushPolicy& policy, const SessionRules& rules, bool has_tls,
                     SessionOffer& offer) {
  if (auto push = read_push(invite, policy, WallTime()); !push.known_app)
    return refuse(488, "application \"" + push.app + "\" is not here");
  const auto type = MediaType::parse(invite.headers.get("Content-Type").value_or(""));
  if (invite.body.empty()) return not_acceptable(399, "an INVITE without an offer");
  if (!type || type->type != "application/sdp") return refuse(415, "the offer is no SDP", {{"Accept", "application/sdp"}});
  auto peer = parse_msrp_sdp(invite.body);
  if (!peer) return not_acceptable(304, peer.error().text);
  if (peer->tls && !has_tls) return not_acceptable(302, "MSRP over TLS is not here");
  if (peer->direction == MsrpDirection::recvonly || peer->direction == MsrpDirection::inactive)
    return not_acceptable(399, "the offer sends nothing");
  // Who only sends lists what he would send (PS-40, PS-42).
  const auto types = session_types(policy);
  if (peer->direction == MsrpDirection::sendonly && !peer->accept_types.empty() && !accepts_any(types, peer->accept_types) &&
      !accepts_any(types, peer->accept_wrapped_types))
    return not_acceptable(305, "none of the offered types is taken");
  offer.role = role_for(*peer, rules);
  offer.peer = std::move(*peer);
  return {};
}

MsrpDescription session_answer(MsrpDescription local, const SessionOffer& offer, const PushPolicy& policy,
                               const SessionRules& rules) {
  local.accept_types = session_types(policy);
  local.max_size = rules.max_size;
  local.direction = MsrpDirection::recvonly;
  if (offer.peer.setup) local.setup = offer.role;
  return local;
}

}  // namespace herald::receiver
